# SPDX-License-Identifier: GPL-2.0-or-later
# One harness, two drivers: libFuzzer for hunting (--enable-fuzzers), replay.c for 'make check'.
# Seeds of target X are the files of tests/fuzz/seeds/X/.
# No conditionals around the blocks: they merge badly. Targets that need the agent's or the server's objects go to
# fuzz_replays_agent and fuzz_targets_agent, or ..._server.
fuzz_replays =
fuzz_targets =
fuzz_replays_agent =
fuzz_targets_agent =
fuzz_replays_server =
fuzz_targets_server =

fuzz_replays += tests/fuzz/replay_buf
tests_fuzz_replay_buf_SOURCES = tests/fuzz/fuzz_buf.c tests/fuzz/replay.c
tests_fuzz_replay_buf_LDADD = lib/libds.a
fuzz_targets += tests/fuzz/fuzz_buf
tests_fuzz_fuzz_buf_SOURCES = tests/fuzz/fuzz_buf.c
tests_fuzz_fuzz_buf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_buf_LDADD = lib/libds.a

fuzz_replays += tests/fuzz/replay_conf
tests_fuzz_replay_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c agent/config.c
tests_fuzz_replay_conf_LDADD = lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/conf/basic
fuzz_targets += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c agent/config.c
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_conf_LDADD = lib/libds.a

fuzz_replays += tests/fuzz/replay_ipc
tests_fuzz_replay_ipc_SOURCES = tests/fuzz/fuzz_ipc.c tests/fuzz/replay.c
tests_fuzz_replay_ipc_LDADD = lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/ipc/event tests/fuzz/seeds/ipc/events
fuzz_targets += tests/fuzz/fuzz_ipc
tests_fuzz_fuzz_ipc_SOURCES = tests/fuzz/fuzz_ipc.c
tests_fuzz_fuzz_ipc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ipc_LDADD = lib/libds.a

fuzz_replays += tests/fuzz/replay_wire
tests_fuzz_replay_wire_SOURCES = tests/fuzz/fuzz_wire.c tests/fuzz/replay.c
tests_fuzz_replay_wire_LDADD = $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/wire/enrol tests/fuzz/seeds/wire/frames
fuzz_targets += tests/fuzz/fuzz_wire
tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c
tests_fuzz_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_wire_LDADD = $(DS_BATCH_LIBS) lib/libds.a

fuzz_replays += tests/fuzz/replay_batch
tests_fuzz_replay_batch_SOURCES = tests/fuzz/fuzz_batch.c tests/fuzz/replay.c
tests_fuzz_replay_batch_LDADD = $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/batch/packed tests/fuzz/seeds/batch/parts
fuzz_targets += tests/fuzz/fuzz_batch
tests_fuzz_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c
tests_fuzz_fuzz_batch_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_batch_LDADD = $(DS_BATCH_LIBS) lib/libds.a

fuzz_replays_server += tests/fuzz/replay_models
tests_fuzz_replay_models_SOURCES = tests/fuzz/fuzz_models.c tests/fuzz/replay.c
tests_fuzz_replay_models_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm
fuzz_targets_server += tests/fuzz/fuzz_models
tests_fuzz_fuzz_models_SOURCES = tests/fuzz/fuzz_models.c
tests_fuzz_fuzz_models_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_models_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/fuzz/seeds/models/grams tests/fuzz/seeds/models/class tests/fuzz/seeds/models/evidence tests/fuzz/seeds/models/calibration tests/fuzz/seeds/models/llr tests/fuzz/seeds/models/attacks

fuzz_replays_server += tests/fuzz/replay_grow
tests_fuzz_replay_grow_SOURCES = tests/fuzz/fuzz_grow.c tests/fuzz/replay.c
tests_fuzz_replay_grow_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS)
fuzz_targets_server += tests/fuzz/fuzz_grow
tests_fuzz_fuzz_grow_SOURCES = tests/fuzz/fuzz_grow.c
tests_fuzz_fuzz_grow_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_grow_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS)
EXTRA_DIST += tests/fuzz/seeds/grow/collective tests/fuzz/seeds/grow/spaced tests/fuzz/seeds/grow/empty

fuzz_replays_server += tests/fuzz/replay_query
tests_fuzz_replay_query_SOURCES = tests/fuzz/fuzz_query.c tests/fuzz/replay.c
tests_fuzz_replay_query_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a
fuzz_targets_server += tests/fuzz/fuzz_query
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c
tests_fuzz_fuzz_query_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_query_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/query/mixed tests/fuzz/seeds/query/values tests/fuzz/seeds/query/broken

fuzz_replays += tests/fuzz/replay_token
tests_fuzz_replay_token_SOURCES = tests/fuzz/fuzz_token.c tests/fuzz/replay.c
tests_fuzz_replay_token_LDADD = $(DS_NET_LIBS) lib/libds.a
fuzz_targets += tests/fuzz/fuzz_token
tests_fuzz_fuzz_token_SOURCES = tests/fuzz/fuzz_token.c
tests_fuzz_fuzz_token_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_token_LDADD = $(DS_NET_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/token/token tests/fuzz/seeds/token/id tests/fuzz/seeds/token/certificate
fuzz_replays += tests/fuzz/replay_trust
tests_fuzz_replay_trust_SOURCES = tests/fuzz/fuzz_trust.c tests/fuzz/replay.c
tests_fuzz_replay_trust_LDADD = $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a
fuzz_targets += tests/fuzz/fuzz_trust
tests_fuzz_fuzz_trust_SOURCES = tests/fuzz/fuzz_trust.c
tests_fuzz_fuzz_trust_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_trust_LDADD = $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/trust/one tests/fuzz/seeds/trust/two tests/fuzz/seeds/trust/pins
fuzz_replays_agent += tests/fuzz/replay_spool
tests_fuzz_replay_spool_SOURCES = tests/fuzz/fuzz_spool.c tests/fuzz/replay.c
tests_fuzz_replay_spool_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/spool/two-records
fuzz_targets_agent += tests/fuzz/fuzz_spool
tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz_spool.c
tests_fuzz_fuzz_spool_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_spool_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) lib/libds.a

fuzz_replays_agent += tests/fuzz/replay_vault
tests_fuzz_replay_vault_SOURCES = tests/fuzz/fuzz_vault.c tests/fuzz/replay.c
tests_fuzz_replay_vault_LDADD = $(ATTRIB_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_vault
tests_fuzz_fuzz_vault_SOURCES = tests/fuzz/fuzz_vault.c
tests_fuzz_fuzz_vault_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_vault_LDADD = $(ATTRIB_LIBS)
EXTRA_DIST += tests/fuzz/seeds/vault/history
fuzz_replays_agent += tests/fuzz/replay_bolt
tests_fuzz_replay_bolt_SOURCES = tests/fuzz/fuzz_bolt.c tests/fuzz/replay.c
tests_fuzz_replay_bolt_LDADD = $(ATTRIB_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_bolt
tests_fuzz_fuzz_bolt_SOURCES = tests/fuzz/fuzz_bolt.c
tests_fuzz_fuzz_bolt_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_bolt_LDADD = $(ATTRIB_LIBS)
EXTRA_DIST += tests/fuzz/seeds/bolt/containers

fuzz_replays_agent += tests/fuzz/replay_attrib
tests_fuzz_replay_attrib_SOURCES = tests/fuzz/fuzz_attrib.c tests/fuzz/replay.c
tests_fuzz_replay_attrib_LDADD = $(ATTRIB_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_attrib
tests_fuzz_fuzz_attrib_SOURCES = tests/fuzz/fuzz_attrib.c
tests_fuzz_fuzz_attrib_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_attrib_LDADD = $(ATTRIB_LIBS)
EXTRA_DIST += tests/fuzz/seeds/attrib/cgroup tests/fuzz/seeds/attrib/kubepods tests/fuzz/seeds/attrib/json tests/fuzz/seeds/attrib/args tests/fuzz/seeds/attrib/maps
fuzz_replays_agent += tests/fuzz/replay_filter
tests_fuzz_replay_filter_SOURCES = tests/fuzz/fuzz_filter.c tests/fuzz/replay.c
tests_fuzz_replay_filter_LDADD = agent/uplink/libuplink.a lib/libds.a $(PCRE2_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_filter
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/fuzz_filter.c
tests_fuzz_fuzz_filter_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_filter_LDADD = agent/uplink/libuplink.a lib/libds.a $(PCRE2_LIBS)
EXTRA_DIST += tests/fuzz/seeds/filter/app tests/fuzz/seeds/filter/state
fuzz_replays_agent += tests/fuzz/replay_login
tests_fuzz_replay_login_SOURCES = tests/fuzz/fuzz_login.c tests/fuzz/replay.c
tests_fuzz_replay_login_LDADD = agent/uplink/libuplink.a lib/libds.a
fuzz_targets_agent += tests/fuzz/fuzz_login
tests_fuzz_fuzz_login_SOURCES = tests/fuzz/fuzz_login.c
tests_fuzz_fuzz_login_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_login_LDADD = agent/uplink/libuplink.a lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/login/mixed
fuzz_replays_agent += tests/fuzz/replay_decoy
tests_fuzz_replay_decoy_SOURCES = tests/fuzz/fuzz_decoy.c tests/fuzz/replay.c
tests_fuzz_replay_decoy_LDADD = agent/uplink/libuplink.a lib/libds.a $(SSL_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_decoy
tests_fuzz_fuzz_decoy_SOURCES = tests/fuzz/fuzz_decoy.c
tests_fuzz_fuzz_decoy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_decoy_LDADD = agent/uplink/libuplink.a lib/libds.a $(SSL_LIBS)
EXTRA_DIST += tests/fuzz/seeds/decoy/telnet tests/fuzz/seeds/decoy/ssh tests/fuzz/seeds/decoy/redis tests/fuzz/seeds/decoy/mysql tests/fuzz/seeds/decoy/postgresql

fuzz_replays_server += tests/fuzz/replay_http
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/replay.c
tests_fuzz_replay_http_LDADD = $(SERVER_LIBS)
fuzz_targets_server += tests/fuzz/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c
tests_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_LDADD = $(SERVER_LIBS)
EXTRA_DIST += tests/fuzz/seeds/http/get tests/fuzz/seeds/http/post tests/fuzz/seeds/http/chunked

fuzz_replays_agent += tests/fuzz/replay_recover
tests_fuzz_replay_recover_SOURCES = tests/fuzz/fuzz_recover.c tests/fuzz/replay.c
tests_fuzz_replay_recover_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) lib/libds.a
fuzz_targets_agent += tests/fuzz/fuzz_recover
tests_fuzz_fuzz_recover_SOURCES = tests/fuzz/fuzz_recover.c
tests_fuzz_fuzz_recover_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_recover_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/recover/described tests/fuzz/seeds/recover/bytes

fuzz_replays += tests/fuzz/replay_order
tests_fuzz_replay_order_SOURCES = tests/fuzz/fuzz_order.c tests/fuzz/replay.c
tests_fuzz_replay_order_LDADD = lib/libds.a
fuzz_targets += tests/fuzz/fuzz_order
tests_fuzz_fuzz_order_SOURCES = tests/fuzz/fuzz_order.c
tests_fuzz_fuzz_order_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_order_LDADD = lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/order/message tests/fuzz/seeds/order/envelope tests/fuzz/seeds/order/result

fuzz_replays_server += tests/fuzz/replay_web
tests_fuzz_replay_web_SOURCES = tests/fuzz/fuzz_web.c tests/fuzz/replay.c
tests_fuzz_replay_web_LDADD = $(SERVER_LIBS)
fuzz_targets_server += tests/fuzz/fuzz_web
tests_fuzz_fuzz_web_SOURCES = tests/fuzz/fuzz_web.c
tests_fuzz_fuzz_web_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_web_LDADD = $(SERVER_LIBS)
EXTRA_DIST += tests/fuzz/seeds/web/page tests/fuzz/seeds/web/traversal

fuzz_replays_server += tests/fuzz/replay_model
tests_fuzz_replay_model_SOURCES = tests/fuzz/fuzz_model.c tests/fuzz/replay.c
tests_fuzz_replay_model_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a -lm
fuzz_targets_server += tests/fuzz/fuzz_model
tests_fuzz_fuzz_model_SOURCES = tests/fuzz/fuzz_model.c
tests_fuzz_fuzz_model_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_model_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a -lm
EXTRA_DIST += tests/fuzz/seeds/model/small

fuzz_replays_agent += tests/fuzz/replay_uplink
tests_fuzz_replay_uplink_SOURCES = tests/fuzz/fuzz_uplink.c tests/fuzz/replay.c
tests_fuzz_replay_uplink_LDADD = agent/guard/libguard.a $(GUARD_LIBS)
fuzz_targets_agent += tests/fuzz/fuzz_uplink
tests_fuzz_fuzz_uplink_SOURCES = tests/fuzz/fuzz_uplink.c
tests_fuzz_fuzz_uplink_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_uplink_LDADD = agent/guard/libguard.a $(GUARD_LIBS)
EXTRA_DIST += tests/fuzz/seeds/uplink/order tests/fuzz/seeds/uplink/messages

fuzz_replays_server += tests/fuzz/replay_starter
tests_fuzz_replay_starter_SOURCES = tests/fuzz/fuzz_starter.c tests/fuzz/replay.c
tests_fuzz_replay_starter_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm
fuzz_targets_server += tests/fuzz/fuzz_starter
tests_fuzz_fuzz_starter_SOURCES = tests/fuzz/fuzz_starter.c
tests_fuzz_fuzz_starter_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_starter_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/fuzz/seeds/starter/nginx
fuzz_fail2ban = tests/fuzz/fuzz_fail2ban.c ctl/fail2ban_conf.c ctl/fail2ban_conf.h ctl/fail2ban_regex.c \
	agent/uplink/logs/filter_date.c agent/uplink/logs/pattern.c
fuzz_replays_server += tests/fuzz/replay_fail2ban
tests_fuzz_replay_fail2ban_SOURCES = $(fuzz_fail2ban) tests/fuzz/replay.c
tests_fuzz_replay_fail2ban_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_replay_fail2ban_LDADD = lib/libds.a $(JANSSON_LIBS) $(PCRE2_LIBS)
fuzz_targets_server += tests/fuzz/fuzz_fail2ban
tests_fuzz_fuzz_fail2ban_SOURCES = $(fuzz_fail2ban)
tests_fuzz_fuzz_fail2ban_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_fail2ban_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_fail2ban_LDADD = lib/libds.a $(JANSSON_LIBS) $(PCRE2_LIBS)
EXTRA_DIST += tests/fuzz/seeds/fail2ban/app tests/fuzz/seeds/fail2ban/dates tests/fuzz/seeds/fail2ban/loops

# END OF LIST: add above
all_fuzz_replays = $(fuzz_replays)
all_fuzz_targets = $(fuzz_targets)
if AGENT
all_fuzz_replays += $(fuzz_replays_agent)
all_fuzz_targets += $(fuzz_targets_agent)
endif
if SERVER
all_fuzz_replays += $(fuzz_replays_server)
all_fuzz_targets += $(fuzz_targets_server)
endif
check_PROGRAMS += $(all_fuzz_replays)
TESTS += $(all_fuzz_replays)
if FUZZERS
noinst_PROGRAMS += $(all_fuzz_targets)
endif
