/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/filter.h"

#include <stdio.h>
#include <string.h>

#define IP "(?<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})"

static struct filters *
made(const char *text)
{
	struct filters *f = NULL;
	char why[240];
	int r = filters_parse(text, strlen(text), &f, why, sizeof(why));

	if (r < 0)
		print_message("%s\n", why);
	assert_int_equal(r, 0);
	return f;
}

static bool
finds(struct filters *f, const char *log, const char *line, struct filter_hit *ret)
{
	return filters_match(f, log, line, strlen(line), ret);
}

static void
a_failure_is_found_behind_its_date_and_prefix(void **state)
{
	struct filters *f = made("filter app\nlog /var/log/app.log\n"
				 "prefix ^\\s*app: (?<content>.+)$\n"
				 "fail ^bad password of (?<user>\\S+) from " IP "$\n");
	struct filter_hit hit;

	(void)state;
	assert_true(finds(f, "/var/log/app.log",
	    "2026-01-31 12:00:01,123 app: bad password of eve from 192.0.2.7", &hit));
	assert_string_equal(hit.filter, "app");
	assert_string_equal(hit.host, "192.0.2.7");
	assert_string_equal(hit.user, "eve");
	assert_true(
	    finds(f, NULL, "Jan 31 12:00:01 app: bad password of eve from 192.0.2.7", &hit));
	assert_false(finds(f, "/var/log/other.log",
	    "2026-01-31 12:00:01 app: bad password of eve from 192.0.2.7", &hit));
	assert_false(finds(f, NULL, "app: good password of eve from 192.0.2.7", &hit));
	assert_false(finds(f, NULL, "", &hit));
	filters_free(f);
}

static void
what_is_ignored_or_only_sets_the_scene_is_none(void **state)
{
	struct filters *f = made("filter app\nignore from 192\\.0\\.2\\.9$\n"
				 "fail ^(?<nofail>hello) from " IP "$\nfail ^bad from " IP "$\n");
	struct filter_hit hit;

	(void)state;
	assert_true(finds(f, NULL, "bad from 192.0.2.7", &hit));
	assert_false(finds(f, NULL, "bad from 192.0.2.9", &hit));
	assert_false(finds(f, NULL, "hello from 192.0.2.7", &hit));
	filters_free(f);
}

static void
an_expression_that_runs_away_is_stopped_and_counted(void **state)
{
	struct filters *f =
	    made("filter bad\nfail ^(a+)+ from " IP "\nfilter good\nfail ^x from " IP "$\n");
	struct filter_hit hit;
	char line[300];

	(void)state;
	memset(line, 'a', 60);
	snprintf(line + 60, sizeof(line) - 60, "! from 192.0.2.7");
	for (int i = 0; i < 20; i++)
		assert_false(finds(f, NULL, line, &hit));
	assert_true(filters_runaways(f) > 0);
	/* Nobody can end a filter by such lines. */
	assert_true(finds(f, NULL, "x from 192.0.2.7", &hit));
	filters_free(f);
}

static void
a_file_that_is_none_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "fail x\n", "line 1" },
		{ "filter a\n\nfail (x\n", "line 3" },
		{ "filter a\nlog relative\n", "line 2" },
		{ "filter a\nwhat\n", "line 2" },
		{ "filter \n", "line 1" },
	};
	struct filters *f;
	char why[240];

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		f = NULL;
		assert_true(
		    filters_parse(cases[i].text, strlen(cases[i].text), &f, why, sizeof(why)) < 0);
		assert_null(f);
		assert_non_null(strstr(why, cases[i].why));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_found_behind_its_date_and_prefix),
		cmocka_unit_test(what_is_ignored_or_only_sets_the_scene_is_none),
		cmocka_unit_test(an_expression_that_runs_away_is_stopped_and_counted),
		cmocka_unit_test(a_file_that_is_none_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
