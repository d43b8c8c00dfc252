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

/* fields: of the entry, "_COMM=app _SYSTEMD_UNIT=app.service". */
static bool
has_word(const char *match, size_t len, void *ctx)
{
	for (const char *p = ctx; *p != '\0'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, match, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool
finds_entry_by(
    struct filters *f, const char *fields, bool by_person, const char *line, struct filter_hit *ret)
{
	char has[200];
	const struct filter_entry entry = { has_word, has, by_person };

	snprintf(has, sizeof(has), "%s", fields);
	return filters_match_entry(f, &entry, line, strlen(line), ret);
}

static bool
finds_entry(struct filters *f, const char *fields, const char *line, struct filter_hit *ret)
{
	return finds_entry_by(f, fields, false, line, ret);
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

/* Three lines of two bytes a character are too long together: cut between two, and within one. */
static void
a_content_that_is_too_long_ends_with_a_whole_character(void **state)
{
	(void)state;
	for (unsigned odd = 0; odd < 2; odd++) {
		struct filters *f = made("filter app\nlog /var/log/app.log\ndate {NONE}\nlines 9\n"
					 "prefix (?s)^(?<content>.+)$\n"
					 "fail ^from " IP "[b\\x{e9}\\n]{5000,}$\n");
		struct filter_hit hit;
		char line[4096];

		for (unsigned i = 0; i < 3; i++) {
			size_t len = i == 0 ? (size_t)snprintf(line, 16, "from 192.0.2.77")
					    : (size_t)snprintf(line, 16, "%s", odd ? "b" : "");

			for (; len + 2 <= sizeof(line); len += 2)
				memcpy(line + len, "\xc3\xa9", 2);
			while (len < sizeof(line))
				line[len++] = 'b';
			assert_int_equal(
			    filters_match(f, "/var/log/app.log", line, len, &hit), i == 2);
		}
		assert_string_equal(hit.host, "192.0.2.77");
		filters_free(f);
	}
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
		{ "filter a\ndate\n", "line 2" },
		{ "filter a\ndate (%Y\n", "line 2" },
		{ "filter a\nlines 0\n", "line 2" },
		{ "filter a\nlines 99999999999999999999\n", "line 2" },
		{ "filter a\nfail x\nlines 2\n", "line 3" },
		{ "filter a\nencoding ebcdic\n", "line 2" },
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

static void
an_address_of_an_earlier_line_counts_for_its_connection(void **state)
{
	struct filters *f = made("filter app\nprefix ^app\\[(?<mlfid>\\d+)\\]: (?<content>.+)$\n"
				 "fail ^(?<nofail>hello) from " IP "$\n"
				 "fail ^bad password of (?<user>\\S+)$\n"
				 "fail ^(?<mlfgained>welcome) (?<user>\\S+)$\n"
				 "fail ^(?<mlfforget>bye)$\n");
	struct filter_hit hit;

	(void)state;
	assert_false(finds(f, NULL, "app[1]: hello from 192.0.2.7", &hit));
	assert_false(finds(f, NULL, "app[2]: hello from 192.0.2.8", &hit));
	assert_true(finds(f, NULL, "app[1]: bad password of eve", &hit));
	assert_string_equal(hit.host, "192.0.2.7");
	assert_string_equal(hit.user, "eve");
	/* Nobody knows where that came from. */
	assert_false(finds(f, NULL, "app[3]: bad password of eve", &hit));
	/* Who comes in under the only name that was tried is no failure; under another one it is.
	 */
	assert_false(finds(f, NULL, "app[2]: welcome ann", &hit));
	assert_true(finds(f, NULL, "app[1]: welcome ann", &hit));
	assert_string_equal(hit.host, "192.0.2.7");
	(void)finds(f, NULL, "app[1]: bye", &hit);
	assert_false(finds(f, NULL, "app[1]: bad password of eve", &hit));
	filters_free(f);
}

static void
connections_that_are_never_ended_make_room_for_others(void **state)
{
	struct filters *f = made("filter app\nfail ^(?<mlfid>\\d+) (?<nofail>hello) from " IP "$\n"
				 "fail ^(?<mlfid>\\d+) bad$\n");
	struct filter_hit hit;
	char line[60];

	(void)state;
	for (unsigned i = 0; i <= FILTER_CONNECTIONS_MAX; i++) {
		snprintf(line, sizeof(line), "%u hello from 192.0.2.7", i);
		assert_false(finds(f, NULL, line, &hit));
	}
	assert_false(finds(f, NULL, "0 bad", &hit));
	assert_true(finds(f, NULL, "200 bad", &hit));
	filters_free(f);
}

static void
lines_are_looked_at_together_once(void **state)
{
	struct filters *f =
	    made("filter app\nlines 4\n"
		 "fail ^connect from " IP "$\\n(?<skiplines0>(?:(?:.*\\n)*?))^bad password$\n");
	struct filter_hit hit;

	(void)state;
	assert_false(finds(f, NULL, "connect from 192.0.2.7", &hit));
	assert_false(finds(f, NULL, "connect from 192.0.2.8", &hit));
	assert_true(finds(f, NULL, "bad password", &hit));
	assert_string_equal(hit.host, "192.0.2.7");
	/* The line between was not part of it. */
	assert_true(finds(f, NULL, "bad password", &hit));
	assert_string_equal(hit.host, "192.0.2.8");
	assert_false(finds(f, NULL, "bad password", &hit));
	/* What is too long ago is forgotten. */
	assert_false(finds(f, NULL, "connect from 192.0.2.9", &hit));
	for (int i = 0; i < 4; i++)
		assert_false(finds(f, NULL, "something else", &hit));
	assert_false(finds(f, NULL, "bad password", &hit));
	filters_free(f);
}

static void
text_of_any_encoding_is_read(void **state)
{
	static const char wide[] =
	    "b\0a\0d\0 \0f\0r\0o\0m\0 \0001\0009\0002\0.\0000\0.\0002\0.\0007\0\r";
	static const char half[] =
	    "\0b\0a\0d\0 \0f\0r\0o\0m\0 \0001\0009\0002\0.\0000\0.\0002\0.\0007\0\r";
	struct filters *f =
	    made("filter a\nlog /a\nencoding latin1\nfail ^\xc3\xa9\\w+ from " IP "$\n"
		 "filter b\nlog /b\nencoding utf-16\nfail ^bad from " IP "$\n"
		 "filter c\nlog /c\nfail ^.\\S from " IP "$\n");
	struct filter_hit hit;

	(void)state;
	assert_true(finds(f, "/a", "\xe9\xe8 from 192.0.2.7", &hit));
	assert_true(filters_match(f, "/b", wide, sizeof(wide) - 1, &hit));
	/* Each line but the first begins with the second half of the newline before it. */
	assert_true(filters_match(f, "/b", half, sizeof(half) - 1, &hit));
	assert_string_equal(hit.host, "192.0.2.7");
	assert_true(finds(f, "/c", "\xc3\xa9\xe9 from 192.0.2.7", &hit));
	assert_true(finds(f, "/c", "\xed\xa0 from 192.0.2.7", &hit));
	assert_false(finds(f, "/c", "\xed\xa0\x80 from 192.0.2.7", &hit));
	filters_free(f);
}

static void
a_filter_of_the_journal_sees_no_files_and_no_times(void **state)
{
	struct filters *f =
	    made("filter app\njournal _SYSTEMD_UNIT=app.service\n"
		 "fail ^\\S+ app\\[\\d+\\]: 2026-01-31 12:00:01 bad from " IP "$\n");
	const char *line = "host app[1]: 2026-01-31 12:00:01 bad from 192.0.2.7";
	struct filter_hit hit;

	(void)state;
	assert_true(finds_entry(f, "_SYSTEMD_UNIT=app.service", line, &hit));
	assert_false(finds(f, "/var/log/app.log", line, &hit));
	filters_free(f);
}

/* He would have whom he likes blocked. */
static void
what_a_person_writes_counts_only_where_its_author_is_asked_for(void **state)
{
	static const struct {
		const char *match;
		bool found;
	} rows[] = {
		{ "", false },
		{ "SYSLOG_IDENTIFIER=app", false },
		{ "_COMM=app", false }, /* his program may be called so */
		{ "_SYSTEMD_UNIT=app.service", true },
		{ "_COMM=app _EXE=/usr/bin/app", true },
		{ "_UID=1001", true },
	};
	static const char fields[] = "SYSLOG_IDENTIFIER=app _COMM=app _SYSTEMD_UNIT=app.service "
				     "_EXE=/usr/bin/app _UID=1001";

	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		char text[200];
		struct filter_hit hit;
		struct filters *f;

		snprintf(text, sizeof(text),
		    "filter app\njournal %s\nfail bad from (?<ip4>\\S+)$\n", rows[i].match);
		f = made(text);
		assert_true(finds_entry(f, fields, "h app[1]: bad from 192.0.2.7", &hit));
		assert_int_equal(
		    finds_entry_by(f, fields, true, "h app[1]: bad from 192.0.2.7", &hit),
		    rows[i].found);
		filters_free(f);
	}
}

static void
a_filter_of_the_journal_sees_what_its_match_says(void **state)
{
	static const struct {
		const char *matches, *fields;
		bool sees;
	} rows[] = {
		{ "journal _SYSTEMD_UNIT=app.service\n", "_SYSTEMD_UNIT=app.service", true },
		{ "journal _SYSTEMD_UNIT=app.service\n", "_SYSTEMD_UNIT=ssh.service", false },
		{ "journal _SYSTEMD_UNIT=app.service\n", "_SYSTEMD_UNIT=app.service2", false },
		/* each field, */
		{ "journal _SYSTEMD_UNIT=app.service _COMM=app\n", "_SYSTEMD_UNIT=app.service",
		    false },
		{ "journal _SYSTEMD_UNIT=app.service _COMM=app\n",
		    "_COMM=app _SYSTEMD_UNIT=app.service", true },
		/* any value of one, */
		{ "journal _COMM=app _COMM=worker\n", "_COMM=worker", true },
		{ "journal _COMM=app _SYSTEMD_UNIT=app.service _COMM=worker\n", "_COMM=worker",
		    false },
		/* any of several matches; */
		{ "journal _SYSTEMD_UNIT=app.service\njournal _COMM=app\n", "_COMM=app", true },
		/* what is none is left out, and nothing is everything, */
		{ "journal app _COMM=app\n", "_COMM=app", true },
		{ "journal app\n", "_COMM=app", false },
		{ "journal\n", "_COMM=other", true },
		/* but for a filter that does not read the journal. */
		{ "", "_COMM=app", false },
	};
	struct filter_hit hit;
	char text[300];

	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		struct filters *f;

		snprintf(
		    text, sizeof(text), "filter app\n%sfail bad from " IP "$\n", rows[i].matches);
		f = made(text);
		if (finds_entry(f, rows[i].fields, "host app[1]: bad from 192.0.2.7", &hit) !=
		    rows[i].sees)
			fail_msg("row %zu: %s", i, rows[i].fields);
		filters_free(f);
	}
}

static void
a_name_or_a_number_is_the_host_where_there_is_no_address(void **state)
{
	struct filters *f =
	    made("filter a\nfail ^bad from (?:" IP "|(?<dns>[\\w.]+))$\n"
		 "fail ^bad id (?<fid>\\S+)(?: of (?<user>\\w+)| for (?<alt_user_1>\\w+))$\n");
	struct filter_hit hit;

	(void)state;
	assert_true(finds(f, NULL, "bad from www.example.com", &hit));
	assert_string_equal(hit.host, "www.example.com");
	assert_true(finds(f, NULL, "bad id 4711 for eve", &hit));
	assert_string_equal(hit.host, "4711");
	assert_string_equal(hit.user, "eve");
	filters_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_found_behind_its_date_and_prefix),
		cmocka_unit_test(a_content_that_is_too_long_ends_with_a_whole_character),
		cmocka_unit_test(what_is_ignored_or_only_sets_the_scene_is_none),
		cmocka_unit_test(an_expression_that_runs_away_is_stopped_and_counted),
		cmocka_unit_test(an_address_of_an_earlier_line_counts_for_its_connection),
		cmocka_unit_test(connections_that_are_never_ended_make_room_for_others),
		cmocka_unit_test(lines_are_looked_at_together_once),
		cmocka_unit_test(text_of_any_encoding_is_read),
		cmocka_unit_test(a_filter_of_the_journal_sees_no_files_and_no_times),
		cmocka_unit_test(what_a_person_writes_counts_only_where_its_author_is_asked_for),
		cmocka_unit_test(a_filter_of_the_journal_sees_what_its_match_says),
		cmocka_unit_test(a_name_or_a_number_is_the_host_where_there_is_no_address),
		cmocka_unit_test(a_file_that_is_none_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
