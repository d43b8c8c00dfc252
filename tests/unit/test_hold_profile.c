/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/hold_profile.h"
#include "lib/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static int
begin(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ds-profile.XXXXXX");
	assert_non_null(mkdtemp(dir));
	return hold_profile_open(dir);
}

static int
end(void **state)
{
	char path[128];

	(void)state;
	hold_profile_close();
	(void)snprintf(path, sizeof(path), "%s/profiles", dir);
	(void)unlink(path);
	return rmdir(dir);
}

static void
reopen(void)
{
	hold_profile_close();
	assert_int_equal(hold_profile_open(dir), 0);
}

static void
a_number_in_a_pattern_is_any_version(void **state)
{
	(void)state;
	assert_true(hold_profile_fits("/usr/bin/python#", "/usr/bin/python3.11"));
	assert_true(
	    hold_profile_fits("/usr/lib/postgresql/#/bin/pg", "/usr/lib/postgresql/15/bin/pg"));
	assert_false(hold_profile_fits("/usr/bin/python#", "/usr/bin/python"));
	assert_false(hold_profile_fits("/usr/bin/python#", "/usr/bin/python3.11-evil"));
	assert_false(hold_profile_fits("/usr/lib/#/pg", "/usr/lib/1/x/pg"));
	assert_false(hold_profile_fits("/usr/bin/sh", "/usr/bin/sh2"));
	assert_false(hold_profile_fits("/usr/bin/sh", "/usr/bin/s"));
}

static void
what_a_profile_does_not_name_it_says_nothing_about(void **state)
{
	(void)state;
	assert_int_equal(hold_profile_set("nginx", 5, "-/bin/evil\n+/bin/sh\n"), 0);
	assert_int_equal(hold_profile_get("nginx", "/bin/sh"), HOLD_WORD_ALLOW);
	assert_int_equal(hold_profile_get("nginx", "/bin/evil"), HOLD_WORD_KILL);
	assert_int_equal(hold_profile_get("nginx", "/bin/other"), HOLD_WORD_NONE);
	assert_int_equal(hold_profile_get("sshd", "/bin/sh"), HOLD_WORD_NONE);
	assert_int_equal(hold_profile_get("", "/bin/sh"), HOLD_WORD_NONE);
}

static void
what_is_forbidden_wins(void **state)
{
	(void)state;
	assert_int_equal(hold_profile_set("nginx", 5, "+/bin/a#\n-/bin/a1\n"), 0);
	assert_int_equal(hold_profile_get("nginx", "/bin/a1"), HOLD_WORD_KILL);
	assert_int_equal(hold_profile_get("nginx", "/bin/a2"), HOLD_WORD_ALLOW);
}

static void
an_older_or_the_same_version_is_refused(void **state)
{
	(void)state;
	assert_int_equal(hold_profile_set("nginx", 5, "+/bin/sh\n"), 0);
	assert_int_equal(hold_profile_set("nginx", 5, "+/bin/evil\n"), -ESTALE);
	assert_int_equal(hold_profile_set("nginx", 4, "+/bin/evil\n"), -ESTALE);
	reopen();
	assert_int_equal(hold_profile_set("nginx", 5, "+/bin/evil\n"), -ESTALE);
	assert_true(hold_profile_is("nginx", 5));
	assert_int_equal(hold_profile_get("nginx", "/bin/evil"), HOLD_WORD_NONE);
	assert_int_equal(hold_profile_set("nginx", 6, "+/bin/evil\n"), 0);
}

static void
profiles_outlive_the_guard(void **state)
{
	(void)state;
	assert_int_equal(hold_profile_set("nginx", 5, "+/bin/sh\n-/bin/evil\n"), 0);
	assert_int_equal(hold_profile_set("a daemon", 7, "+/bin/true\n"), 0);
	reopen();
	assert_int_equal(hold_profile_get("nginx", "/bin/sh"), HOLD_WORD_ALLOW);
	assert_int_equal(hold_profile_get("nginx", "/bin/evil"), HOLD_WORD_KILL);
	assert_int_equal(hold_profile_get("a daemon", "/bin/true"), HOLD_WORD_ALLOW);
	assert_true(hold_profile_is("a daemon", 7));
}

static void
a_text_that_says_something_else_is_refused(void **state)
{
	static const char *const bad[] = { "/bin/sh\n", "+bin/sh\n", "+/bin/sh", "+/bin/sh\n\n",
		"@9\tnginx\n+/bin/sh\n" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(hold_profile_set("nginx", 5 + i, bad[i]), -EINVAL);
	assert_int_equal(hold_profile_set("", 9, "+/bin/sh\n"), -EINVAL);
	assert_int_equal(hold_profile_set("a\tb", 9, "+/bin/sh\n"), -EINVAL);
	assert_int_equal(hold_profile_get("nginx", "/bin/sh"), HOLD_WORD_NONE);
}

static void
a_damaged_file_allows_nothing_that_it_does_not_say(void **state)
{
	char path[128];
	static const char text[] =
	    "+/bin/early\n@x\tnginx\n+/bin/lost\n@3\tsshd\n+/bin/sh\nnonsense\n+relative\n-/bin/evil";

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/profiles", dir);
	assert_int_equal(ds_file_replace(path, text, sizeof(text) - 1, 0600), 0);
	reopen();
	assert_int_equal(hold_profile_get("nginx", "/bin/lost"), HOLD_WORD_NONE);
	assert_int_equal(hold_profile_get("sshd", "/bin/sh"), HOLD_WORD_ALLOW);
	assert_int_equal(hold_profile_get("sshd", "/bin/evil"), HOLD_WORD_KILL);
	assert_int_equal(hold_profile_get("sshd", "relative"), HOLD_WORD_NONE);
}

static void
there_is_room_for_so_many_and_no_more(void **state)
{
	char name[32];

	(void)state;
	for (unsigned i = 0; i < HOLD_PROFILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(hold_profile_set(name, 1, "+/bin/sh\n"), 0);
	}
	assert_int_equal(hold_profile_set("one more", 1, "+/bin/sh\n"), -ENOSPC);
	assert_int_equal(hold_profile_set("d0", 2, "+/bin/sh\n"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_in_a_pattern_is_any_version),
		TEST(what_a_profile_does_not_name_it_says_nothing_about),
		TEST(what_is_forbidden_wins),
		TEST(an_older_or_the_same_version_is_refused),
		TEST(profiles_outlive_the_guard),
		TEST(a_text_that_says_something_else_is_refused),
		TEST(a_damaged_file_allows_nothing_that_it_does_not_say),
		TEST(there_is_room_for_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
