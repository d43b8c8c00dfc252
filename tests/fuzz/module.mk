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

check_PROGRAMS += $(fuzz_replays)
noinst_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_replays)
