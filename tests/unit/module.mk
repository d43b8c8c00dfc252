# One program a module: tests/unit/test_X.c. Add three lines each; TEST_CFLAGS and TEST_LIBS come with cmocka.
TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
TEST_LIBS = lib/libds.a $(CMOCKA_LIBS)
unit_tests =

if CMOCKA
unit_tests += tests/unit/test_buf
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c
tests_unit_test_buf_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_buf_LDADD = $(TEST_LIBS)
endif

if CMOCKA
unit_tests += tests/unit/test_mailbox
tests_unit_test_mailbox_SOURCES = tests/unit/test_mailbox.c
tests_unit_test_mailbox_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_mailbox_LDADD = $(TEST_LIBS)
endif

if CMOCKA
unit_tests += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c
tests_unit_test_snapshot_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_snapshot_LDADD = $(TEST_LIBS)
endif

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
