# SPDX-License-Identifier: GPL-2.0-or-later
# server/detect: what is normal, and what is not
server_libdsserver_a_SOURCES += server/detect/detect.c server/detect/detect.h server/detect/turn.h server/detect/keep.c \
	server/detect/verdict.c server/detect/key.c server/detect/key.h server/detect/profile.c server/detect/profile.h \
	server/detect/ready.c server/detect/ready.h server/detect/program.c server/detect/program.h server/detect/new_child.c \
	server/detect/new_child.h server/detect/blind.c server/detect/explain.c server/detect/explain.h \
	server/detect/explain_agent.c server/detect/explain_agent.h server/detect/knowledge.c server/detect/knowledge.h \
	server/detect/alerts.c server/detect/alerts.h server/detect/evidence.c server/detect/evidence.h \
	server/detect/evidence_bucket.c server/detect/evidence_bucket.h server/detect/sequence.c server/detect/sequence.h \
	server/detect/sequence_state.h server/detect/mixture.c server/detect/sequence_keep.c server/detect/sequence_share.c \
	server/detect/evidence_keep.c server/detect/evidence_pool.h server/detect/peers.c \
	server/detect/place.c server/detect/place.h \
	server/detect/keeper.c server/detect/keeper.h server/detect/lineage.c server/detect/lineage.h \
	server/detect/tier.c server/detect/tier.h server/detect/fact.c server/detect/fact.h server/detect/new_file.c \
	server/detect/new_destination.c server/detect/new_listener.c server/detect/privilege.c server/detect/integrity.c \
	server/detect/changed_by.c server/detect/changed_by.h server/detect/login.c server/detect/login.h \
	server/detect/login_model.c server/detect/login_model.h server/detect/login_state.c server/detect/login_state.h \
	server/detect/login_say.c server/detect/login_say.h \
	server/detect/allowance.c server/detect/allowance.h server/detect/turn_tell.c server/detect/turn_attack.c server/detect/attacks.c server/detect/attacks.h \
	server/detect/refuse.c server/detect/refuse.h server/detect/rule.c server/detect/rule.h server/detect/rule_match.c server/detect/rule_match.h \
	server/detect/login_told.c server/detect/login_told.h server/detect/groups.c server/detect/groups.h server/detect/feedback.c server/detect/feedback.h server/detect/rule_floor.c server/detect/rule_floor.h
server_libdsserver_a_SOURCES += server/detect/address.c server/detect/address.h server/detect/visitors.c server/detect/visitors.h
server_libdsserver_a_SOURCES += server/detect/window.c server/detect/window.h
server_libdsserver_a_SOURCES += server/detect/grow.c server/detect/grow.h
server_libdsserver_a_SOURCES += server/detect/geo.c server/detect/geo.h
server_libdsserver_a_SOURCES += server/detect/version.c server/detect/version.h server/detect/version_state.h server/detect/arguments.c server/detect/arguments.h server/detect/sibling.c server/detect/sibling.h
server_libdsserver_a_SOURCES += server/detect/starter.c server/detect/starter.h server/detect/stand.c server/detect/stand.h
nodist_server_libdsserver_a_SOURCES += server/detect/attack.inc server/detect/rules_builtin.inc

# { "T1059.004", "Unix Shell" }, ...
server/detect/attack.inc: schema/attack.json
	$(AM_V_GEN)$(MKDIR_P) server/detect && \
		$(AWK) -F'"' '/:/ { printf "\t{ \"%s\", \"%s\" },\n", $$2, $$4 }' $(srcdir)/schema/attack.json > $@.tmp && \
		mv $@.tmp $@
# The text as a string of C.
server/detect/rules_builtin.inc: schema/rules/builtin.json
	$(AM_V_GEN)$(MKDIR_P) server/detect && \
		$(AWK) '{ gsub(/["\\]/, "\\\\&"); print "\t\"" $$0 "\\n\"" }' \
			$(srcdir)/schema/rules/builtin.json > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += server/detect/attack.inc server/detect/rules_builtin.inc
CLEANFILES += server/detect/attack.inc server/detect/rules_builtin.inc
EXTRA_DIST += server/detect/.may_include schema/attack.json schema/rules/builtin.json

# Starter models, made by scripts/starter.py.
starterdir = $(pkgdatadir)/starter
dist_starter_DATA = schema/starter/apache2.json schema/starter/containerd.json schema/starter/cron.json \
	schema/starter/dbus.json schema/starter/docker.json schema/starter/mariadb.json schema/starter/nginx.json \
	schema/starter/postfix.json schema/starter/postgresql.json schema/starter/redis.json schema/starter/rsyslog.json \
	schema/starter/sshd.json schema/starter/systemd-journald.json schema/starter/systemd-logind.json \
	schema/starter/systemd-networkd.json schema/starter/systemd-resolved.json
