/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/filter_date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is left of the line when its time is cut out; patterns: lines, "" for none. */
static const char *
rest_of(const char *patterns, const char *line)
{
	static char rest[400];
	struct filter_dates *d = filter_dates_new();
	struct pattern_engine *e = pattern_engine_new();
	size_t from, to, len = strlen(line);
	char why[240];

	assert_non_null(d);
	assert_non_null(e);
	while (*patterns != '\0') {
		size_t n = strcspn(patterns, "\n");

		assert_int_equal(filter_dates_add(d, patterns, n, why, sizeof(why)), 0);
		patterns += n + (patterns[n] == '\n');
	}
	memcpy(rest, line, len + 1);
	if (filter_dates_find(d, e, line, len, &from, &to)) {
		assert_true(from < to && to <= len);
		memmove(rest + from, rest + to, len + 1 - to);
	}
	pattern_engine_free(e);
	filter_dates_free(d);
	return rest;
}

static void
the_usual_times_are_cut_out(void **state)
{
	static const char *const times[] = { "Jan 31 12:00:01", "Jan  3 12:00:01", "Jan 3 2:00:01",
		"Sat Jan 31 12:00:01 2026", "Sat Jan 31 12:00:01.123456 2026",
		"Jan 31 2026 12:00:01", "2026-01-31T12:00:01.123456+01:00",
		"2026-01-31 12:00:01,123", "2026/01/31 12:00:01", "2026.01.31 12:00:01",
		"31/Jan/2026:12:00:01 +0100", "31-Jan-2026 12:00:01.252", "31/01/2026 12:00:01",
		"31-01-26 12:00:01", "01/31/2026:12:00:01", "01-31-2026 12:00:01.252",
		"1769857201.123", "12:00:01", "<01/31/26@12:00:01>", "260131 12:00:01",
		"Jan 31, 2026 12:00:01 PM", "Jan-31-26 12:00:01", "20260131T120001",
		"CET Jan 31 12:00:01", "@400000004f1a7e1e0a8c5b3c" };
	char line[200];

	(void)state;
	for (size_t i = 0; i < DS_LEN(times); i++) {
		snprintf(line, sizeof(line), "%s app: bad", times[i]);
		if (strcmp(rest_of("", line), " app: bad") != 0)
			print_message("%s leaves %s\n", times[i], rest_of("", line));
		assert_string_equal(rest_of("", line), " app: bad");
	}
	assert_string_equal(
	    rest_of("", "[Sat Jan 31 12:00:01.123456 2026] [error] bad"), "[] [error] bad");
	assert_string_equal(rest_of("", "192.0.2.7 - eve [31/Jan/2026:12:00:01 +0100] \"GET /\""),
	    "192.0.2.7 - eve [] \"GET /\"");
	assert_string_equal(rest_of("", "type=USER msg=audit(1769857201.123:17): bad"),
	    "type=USER msg=audit(:17): bad");
	assert_string_equal(rest_of("", "no time at all"), "no time at all");
	/* The first one is the line's, what a stranger adds to it is not. */
	assert_string_equal(rest_of("", "2026-01-31 12:00:01 bad user Jan 31 12:00:02"),
	    " bad user Jan 31 12:00:02");
}

static void
a_pattern_of_ones_own_is_the_only_one(void **state)
{
	(void)state;
	assert_string_equal(rest_of("%Y%m%d-%H%M%S", "20260131-120001 bad"), " bad");
	assert_string_equal(
	    rest_of("%Y%m%d-%H%M%S", "2026-01-31 12:00:01 bad"), "2026-01-31 12:00:01 bad");
	assert_string_equal(
	    rest_of("^[^\\[]*\\[({DATE})\nEPOCH", "a b [31/Jan/2026:12:00:01 +0100] bad"),
	    "a b [] bad");
	assert_string_equal(rest_of("^[^\\[]*\\[({DATE})\nEPOCH", "1769857201 bad"), " bad");
	assert_string_equal(
	    rest_of("{^LN-BEG}", "app 2026-01-31 12:00:01 bad"), "app 2026-01-31 12:00:01 bad");
	assert_string_equal(rest_of("{^LN-BEG}", "[2026-01-31 12:00:01] bad"), "[] bad");
	assert_string_equal(rest_of("{^LN-BEG}%d.%m.%Y", " 31.01.2026 bad"), "  bad");
	assert_string_equal(rest_of("%b %d %I:%M %p$", "bad Jan 31 9:59 PM"), "bad ");
	assert_string_equal(
	    rest_of("\"time\":\"{EPOCH}\"", "{\"time\":\"1769857201\",\"a\":1}"), "{,\"a\":1}");
	assert_string_equal(rest_of("LEPOCH", "1769857201123 bad"), " bad");
	assert_string_equal(rest_of("TAI64N", "@400000004f1a7e1e0a8c5b3c bad"), " bad");
	assert_string_equal(
	    rest_of("{NONE}", "2026-01-31 12:00:01 bad"), "2026-01-31 12:00:01 bad");
	assert_string_equal(rest_of("{DEFAULT}", "2026-01-31 12:00:01 bad"), " bad");
	/* A time within a word is none, unless the pattern says so. */
	assert_string_equal(rest_of("%H:%M", "x12:01x bad"), "x12:01x bad");
	assert_string_equal(rest_of("**%H:%M**", "x12:01x bad"), "xx bad");
	assert_string_equal(rest_of("(?i)at %H:%M", "AT 12:01 bad"), " bad");
}

static void
what_is_no_pattern_is_refused(void **state)
{
	static const char *const bad[] = { "", "(%Y", "[%Y", "(?<x", "%Y{DATE}(" };
	struct filter_dates *d;
	char why[240], many[] = "%Y";
	int r = 0;

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		d = filter_dates_new();
		assert_int_equal(
		    filter_dates_add(d, bad[i], strlen(bad[i]), why, sizeof(why)), -EINVAL);
		filter_dates_free(d);
	}
	d = filter_dates_new();
	for (unsigned i = 0; r == 0 && i < 100; i++)
		r = filter_dates_add(d, many, 2, why, sizeof(why));
	assert_int_equal(r, -ENOSPC);
	filter_dates_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_times_are_cut_out),
		cmocka_unit_test(a_pattern_of_ones_own_is_the_only_one),
		cmocka_unit_test(what_is_no_pattern_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
