# SPDX-License-Identifier: GPL-2.0-or-later
# server/store: everything the server keeps
# One a line, in order.
SQLITE_SCHEMA = schema/sqlite/001_control.sql
SQLITE_SCHEMA += schema/sqlite/002_control.sql
SQLITE_SCHEMA += schema/sqlite/003_control.sql
SQLITE_SCHEMA += schema/sqlite/004_control.sql
SQLITE_SCHEMA += schema/sqlite/005_control.sql
SQLITE_SCHEMA += schema/sqlite/006_control.sql
SQLITE_SCHEMA += schema/sqlite/007_control.sql
SQLITE_SCHEMA += schema/sqlite/009_control.sql
SQLITE_SCHEMA += schema/sqlite/012_control.sql
SQLITE_SCHEMA += schema/sqlite/014_control.sql
SQLITE_SCHEMA += schema/sqlite/015_control.sql
SQLITE_SCHEMA += schema/sqlite/017_control.sql
SQLITE_SCHEMA += schema/sqlite/018_control.sql
SQLITE_SCHEMA += schema/sqlite/019_control.sql
SQLITE_SCHEMA += schema/sqlite/020_control.sql
SQLITE_SCHEMA += schema/sqlite/022_control.sql
SQLITE_SCHEMA += schema/sqlite/026_control.sql
SQLITE_SCHEMA += schema/sqlite/029_control.sql
SQLITE_SCHEMA += schema/sqlite/036_control.sql
SQLITE_SCHEMA += schema/sqlite/043_control.sql
SQLITE_SCHEMA += schema/sqlite/045_control.sql
SQLITE_SCHEMA += schema/sqlite/001_events.sql

server_libdsserver_a_SOURCES += server/store/access.h server/store/access_null.c server/store/audit.c server/store/audit.h \
	server/store/messages.h server/store/sqlite_messages.c server/store/sqlite_access.c server/store/store.c server/store/store.h server/store/backends.h \
	server/store/bloom.c server/store/bloom.h server/store/segment.c server/store/segment.h server/store/null.c \
	server/store/sqlite.c server/store/sqlite.h server/store/sqlite_control.h server/store/sqlite_db.c server/store/sqlite_db.h \
	server/store/sqlite_control.c server/store/sqlite_control_read.c server/store/sqlite_days.c \
	server/store/sqlite_events.c server/store/sqlite_scan.c server/store/sqlite_maintain.c \
	server/store/sqlite_compact.c server/store/bookmark.c server/store/bookmark.h server/store/writer.c server/store/writer.h server/store/rows.h \
	server/store/reactions.h server/store/sqlite_reactions.c server/store/null_reactions.c \
	server/store/model_state.h server/store/sqlite_model_state.c \
	server/store/learning.h server/store/sqlite_learning.c server/store/null_learning.c
server_libdsserver_a_SOURCES += server/store/sqlite_wal.c
server_libdsserver_a_SOURCES += server/store/hooks.h server/store/sqlite_hooks.c server/store/null_hooks.c
server_libdsserver_a_SOURCES += server/store/lists.h server/store/sqlite_lists.c server/store/sqlite_where.c server/store/sqlite_where.h server/store/null_lists.c
server_libdsserver_a_SOURCES += server/store/models.h server/store/sqlite_models.c server/store/null_models.c
server_libdsserver_a_SOURCES += server/store/profile_versions.h server/store/sqlite_profile_versions.c \
	server/store/null_profile_versions.c
server_libdsserver_a_SOURCES += server/store/identity.h server/store/sqlite_identity.c server/store/null_identity.c
nodist_server_libdsserver_a_SOURCES = server/store/sqlite_schema.inc

server/store/sqlite_schema.inc: $(SQLITE_SCHEMA) server/store/sqlite_schema.awk
	$(AM_V_GEN)$(MKDIR_P) server/store && cd $(srcdir) && \
		$(AWK) -f server/store/sqlite_schema.awk $(SQLITE_SCHEMA) > $(abs_top_builddir)/$@.tmp && \
		mv $(abs_top_builddir)/$@.tmp $(abs_top_builddir)/$@
BUILT_SOURCES += server/store/sqlite_schema.inc
CLEANFILES += server/store/sqlite_schema.inc
EXTRA_DIST += server/store/.may_include server/store/sqlite_schema.awk $(SQLITE_SCHEMA)
