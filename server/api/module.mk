# SPDX-License-Identifier: GPL-2.0-or-later
# server/api: sources, tests and what is installed
server_libdsserver_a_SOURCES += server/api/alerts.c server/api/alerts.h server/api/alerts_list.c server/api/alerts_summary.c server/api/board.c server/api/board.h server/api/cause.c server/api/cause.h server/api/expect.c server/api/expect.h server/api/learning.c server/api/rules.c server/api/api.c server/api/api.h server/api/api_tokens.c server/api/auth.c \
	server/api/auth.h server/api/call.c server/api/call.h server/api/daemons.c server/api/ecs.c server/api/ecs.h \
	server/api/events.c server/api/follow.c server/api/follow.h server/api/hosts.c server/api/http.c server/api/http.h \
	server/api/listen.c server/api/listen.h server/api/metrics.c server/api/pool.c server/api/pool.h \
	server/api/query.h server/api/query_ast.h server/api/query_field.c server/api/query_hint.c server/api/query_match.c \
	server/api/query_list.c server/api/query_list.h server/api/query_parse.c server/api/query_value.c server/api/request.c server/api/request.h server/api/routes.c \
	server/api/routes.h server/api/search.c server/api/search.h server/api/slots.c server/api/slots.h server/api/state.h \
	server/api/meant.c server/api/meant.h server/api/status.c server/api/tokens.c server/api/authority.c server/api/daemons.h server/api/profile_versions.c server/api/plane.c server/api/plane.h server/api/windows.c server/api/web.c server/api/web.h
server_libdsserver_a_SOURCES += server/api/access.c server/api/access.h server/api/audit_list.c server/api/channels.c server/api/caller.c \
	server/api/caller.h server/api/gate.c server/api/gate.h server/api/password.c server/api/password.h \
	server/api/cert.c server/api/cert.h server/api/session.c server/api/signin.h server/api/stream.c server/api/stream.h server/api/throttle.c server/api/throttle.h server/api/users.c \
	server/api/users.h
server_libdsserver_a_SOURCES += server/api/modes.c server/api/asks.c server/api/asks.h server/api/reactions.c server/api/reactions.h server/api/reactions_change.c \
	server/api/reactions_simulate.c
server_libdsserver_a_SOURCES += server/api/hook.h server/api/hook_check.c server/api/hook_event.c server/api/hook_secrets.c server/api/hook_secrets.h server/api/hook_sign.c server/api/hooks.c server/api/hooks.h server/api/departures.c server/api/departures.h server/api/departures_show.c
server_libdsserver_a_SOURCES += server/api/models.c server/api/answer.c server/api/described.c server/api/described.h server/api/pace.c server/api/pace.h server/api/peer.c server/api/peer.h server/api/answer.h server/api/repeat.c server/api/repeat.h
nodist_server_libdsserver_a_SOURCES += server/api/openapi.inc

# schema/api.json is schema/api.yaml in the other notation (make api-json); tests/lint/docs.sh compares them.
server/api/openapi.inc: schema/api.json
	$(AM_V_GEN)$(MKDIR_P) server/api && $(SED) 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/' $(srcdir)/schema/api.json > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += server/api/openapi.inc
CLEANFILES += server/api/openapi.inc
EXTRA_DIST += server/api/.may_include schema/api.yaml schema/api.json

# Known events in a state directory, for tests of the API.
system_helpers += tests/system/store_events
tests_system_store_events_SOURCES = tests/system/store_events.c
tests_system_store_events_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) -lpthread -lm
