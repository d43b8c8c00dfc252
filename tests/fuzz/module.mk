# One harness, two drivers: libFuzzer for hunting (--enable-fuzzers), replay.c for 'make check'.
# Seeds of target X are the files of tests/fuzz/seeds/X/.
fuzz_replays =
fuzz_targets =

fuzz_replays += tests/fuzz/replay_buf
tests_fuzz_replay_buf_SOURCES = tests/fuzz/fuzz_buf.c tests/fuzz/replay.c
tests_fuzz_replay_buf_LDADD = lib/libds.a
if FUZZERS
fuzz_targets += tests/fuzz/fuzz_buf
tests_fuzz_fuzz_buf_SOURCES = tests/fuzz/fuzz_buf.c
tests_fuzz_fuzz_buf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_buf_LDADD = lib/libds.a
endif

fuzz_replays += tests/fuzz/replay_conf
tests_fuzz_replay_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c agent/config.c
tests_fuzz_replay_conf_LDADD = lib/libds.a
EXTRA_DIST += tests/fuzz/seeds/conf/basic
if FUZZERS
fuzz_targets += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c agent/config.c
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_conf_LDADD = lib/libds.a
endif

check_PROGRAMS += $(fuzz_replays)
noinst_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_replays)
