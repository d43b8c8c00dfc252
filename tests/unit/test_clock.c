/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/compiler.h"

#include <stdlib.h>
#include <string.h>

#define NOON 1782907200000000ull /* 2026-07-01T12:00:00Z */

/* In memory of its own size, so that a sanitizer sees who reads behind the end. */
static int
parse(const char *text, uint64_t *ret)
{
	char *copy = strdup(text);
	int r;

	assert_non_null(copy);
	r = ds_clock_parse(copy, ret);
	free(copy);
	return r;
}

static void
a_time_with_an_offset_is_the_same_in_utc(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "2026-07-01T12:00:00Z", NOON },
		{ "2026-07-01 12:00:00", NOON },
		{ "2026-07-01T14:00:00+02:00", NOON },
		{ "2026-07-01T06:30:00-05:30", NOON },
		{ "2026-07-01T12:00:00.25Z", NOON + 250000 },
		{ "2026-07-01T12:00:00.1234567Z", NOON + 123456 },
		{ "2026-07-01", NOON - 43200000000ull },
	};
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < DS_LEN(good); i++) {
		assert_int_equal(parse(good[i].text, &us), 0);
		assert_true(us == good[i].us);
	}
}

static void
an_offset_that_is_cut_off_is_no_time(void **state)
{
	static const char *const bad[] = { "", "x", "2026-07-01T12:00:00+1:2",
		"2026-07-01T12:00:00+1:", "2026-07-01T12:00:00+", "2026-07-01T12:00:00-0:0",
		"2026-07-01T12:00:00+ 1: 2", "2026-07-01T12:00:00+01:00x", "2026-07-01+1:2",
		"2026-07-01T12:00:00Zx", "1969-12-31T23:59:59Z" };
	uint64_t us = 7;

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		if (parse(bad[i], &us) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_true(us == 7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_with_an_offset_is_the_same_in_utc),
		cmocka_unit_test(an_offset_that_is_cut_off_is_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
