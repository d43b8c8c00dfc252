/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/report_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *
text_of(const char *text)
{
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	assert_non_null(out);
	report_text(out, text);
	assert_int_equal(fclose(out), 0);
	return ret;
}

static char *
page_of(const char *profile, const char *alerts, const char *reactions)
{
	json_t *p = json_loads(profile, 0, NULL), *a = json_loads(alerts, 0, NULL),
	       *r = json_loads(reactions, 0, NULL),
	       *h = json_loads("{\"buckets\":[0,5,0]}", 0, NULL);
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	assert_non_null(out);
	assert_non_null(p);
	assert_non_null(a);
	assert_non_null(r);
	report_page(out, p, a, h, r);
	assert_int_equal(fclose(out), 0);
	json_decref(p);
	json_decref(a);
	json_decref(r);
	json_decref(h);
	return ret;
}

static void
markup_and_what_turns_text_become_visible(void **state)
{
	char *text = text_of("<b a='1' b=\"2\">&\xe2\x80\xaegpj\n\xc3\xa9\xf0\x9f\x94\x92");

	(void)state;
	assert_string_equal(text,
	    "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;\\u202egpj\\u000a\xc3\xa9"
	    "\xf0\x9f\x94\x92");
	free(text);
}

static void
a_character_that_is_cut_off_does_not_read_on(void **state)
{
	char *text = text_of("a\xe2\x80"), *lone = text_of("\xf0");

	(void)state;
	assert_string_equal(text, "a\xe2\\u0080");
	assert_string_equal(lone, "\xf0");
	free(text);
	free(lone);
}

#define PROFILE                                                                                           \
	"{\"daemon\":{\"name\":\"<x>\",\"state\":\"learning\",\"coverage\":0.5,\"blockers\":[\"a < b\"]," \
	"\"host\":{\"id\":\"h1\",\"name\":\"web1\"}},\"behaviours\":["                                    \
	"{\"action\":\"connect\",\"what\":\"tcp port 1\",\"count\":9,\"learnt\":true},"                   \
	"{\"action\":\"exec\",\"what\":\"/bin/sh\",\"count\":1,\"learnt\":false},"                        \
	"{\"action\":\"strange\",\"what\":\"odd\",\"count\":1,\"learnt\":true}]}"

static void
what_was_told_is_not_shown_as_normal(void **state)
{
	char *page = page_of(PROFILE, "[]", "[]"), *normal = strstr(page, "What is normal</h2>");

	(void)state;
	assert_non_null(normal);
	assert_non_null(strstr(page, "/bin/sh"));
	assert_null(strstr(normal, "/bin/sh"));
	assert_non_null(strstr(normal, "It starts no program."));
	assert_non_null(strstr(normal, "tcp port 1"));
	assert_non_null(strstr(normal, "odd"));
	assert_null(strstr(page, "<x>"));
	assert_non_null(strstr(page, "a &lt; b"));
	assert_null(strstr(page, "<script"));
	free(page);
}

static void
only_reactions_of_the_daemon_on_its_host_are_shown(void **state)
{
	char *page = page_of(PROFILE, "[{\"title\":\"it <ran>\",\"severity\":\"high\"}]",
	    "[{\"kind\":\"kill\",\"host\":{\"id\":\"h1\"},\"daemon\":\"<x>\",\"target\":\"mine\"},"
	    "{\"kind\":\"kill\",\"host\":{\"id\":\"h2\"},\"daemon\":\"<x>\",\"target\":\"elsewhere\"},"
	    "{\"kind\":\"kill\",\"host\":{\"id\":\"h1\"},\"daemon\":\"y\",\"target\":\"another\"}]");

	(void)state;
	assert_non_null(strstr(page, "mine"));
	assert_null(strstr(page, "elsewhere"));
	assert_null(strstr(page, "another"));
	assert_non_null(strstr(page, "it &lt;ran&gt;"));
	free(page);
}

static void
times_targets_and_states_are_told_in_words(void **state)
{
	char *page = page_of(PROFILE,
	    "[{\"title\":\"t\",\"count\":1,\"first_seen\":\"2026-11-28T14:39:12.190468Z\","
	    "\"last_seen\":\"2026-11-28T14:40:00Z\"}]",
	    "[{\"kind\":\"kill\",\"host\":{\"id\":\"h1\"},\"daemon\":\"<x>\",\"status\":\"dry_run\","
	    "\"target\":\"process:7@1800000000000000\",\"created\":\"2026-11-28T14:39:13Z\"},"
	    "{\"kind\":\"block_ip\",\"host\":{\"id\":\"h1\"},\"daemon\":\"<x>\",\"status\":\"verified\","
	    "\"target\":\"ip:2001:db8::1\",\"expires\":null}]");

	(void)state;
	assert_non_null(
	    strstr(page, "2026-11-28 14:39:12 \xe2\x80\x93 2026-11-28 14:40:00 UTC, 1 finding<"));
	assert_non_null(strstr(page, ">process 7<"));
	assert_non_null(strstr(page, "would have been done"));
	assert_non_null(strstr(page, ">2001:db8::1<"));
	assert_non_null(strstr(page, "done and checked"));
	assert_non_null(strstr(page, "It starts <span class=m>/bin/sh"));
	assert_null(strstr(page, "T14:39"));
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_and_what_turns_text_become_visible),
		cmocka_unit_test(a_character_that_is_cut_off_does_not_read_on),
		cmocka_unit_test(what_was_told_is_not_shown_as_normal),
		cmocka_unit_test(only_reactions_of_the_daemon_on_its_host_are_shown),
		cmocka_unit_test(times_targets_and_states_are_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
