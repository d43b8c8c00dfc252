# SPDX-License-Identifier: GPL-2.0-or-later
# Benchmarks: `make bench [BENCH=PATTERN]`. Programs here are built by it, and their names begin with bench_, but storm.
bench_programs = tests/bench/storm
tests_bench_storm_SOURCES = tests/bench/storm.c
EXTRA_DIST += tests/bench/run tests/bench/bench_overhead.py tests/bench/bench_alert_latency.py tests/bench/bench_agent_cost.py tests/bench/bench_server.py tests/bench/bench_reactions.py tests/bench/bench_react.py tests/bench/bench_fold.py

bench_programs += tests/bench/bench_batch
tests_bench_bench_batch_SOURCES = tests/bench/bench_batch.c sim/stream.c
tests_bench_bench_batch_LDADD = $(DS_BATCH_LIBS) lib/libds.a -lm

if SERVER
bench_programs += tests/bench/bench_detect tests/bench/bench_profiles
endif
tests_bench_bench_profiles_SOURCES = tests/bench/bench_profiles.c
tests_bench_bench_profiles_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm
tests_bench_bench_detect_SOURCES = tests/bench/bench_detect.c
tests_bench_bench_detect_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) -lm

EXTRA_DIST += tests/bench/bench_restore.py tests/bench/bench_storm.py
if AGENT
bench_programs += tests/bench/bench_ban
endif
tests_bench_bench_ban_SOURCES = tests/bench/bench_ban.c
tests_bench_bench_ban_LDADD = agent/guard/libguard.a $(GUARD_LIBS)

if SERVER
bench_programs += tests/bench/bench_train
endif
tests_bench_bench_train_SOURCES = tests/bench/bench_train.c
tests_bench_bench_train_LDADD = server/libdsserver.a -lm

EXTRA_DIST += tests/bench/bench_ui.py tests/bench/ui.mjs

EXTRA_DIST += tests/bench/bench_api.py
if SERVER
bench_programs += tests/bench/bench_store tests/bench/fleet_store
endif
tests_bench_bench_store_SOURCES = tests/bench/bench_store.c sim/stream.c
tests_bench_bench_store_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) -lpthread -lm
tests_bench_fleet_store_SOURCES = tests/bench/fleet_store.c
tests_bench_fleet_store_LDADD = server/libdsserver.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) lib/libds.a $(SQLITE_LIBS) -lpthread -lm

# END OF LIST: add above
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
