/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/detect/alerts.h"
#include "server/detect/grow.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct ds_buf out;

static int
setup(void **state)
{
	(void)state;
	ds_buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ds_buf_done(&out);
	return 0;
}

static const char *
grown(const char *was, const char *finding)
{
	ds_buf_clear(&out);
	assert_int_equal(grow_document(was, finding, &out), 1);
	assert_int_equal(strlen((const char *)out.data) + 1, out.len);
	return (const char *)out.data;
}

static void
grows_not(const char *was, const char *finding, int why)
{
	ds_buf_clear(&out);
	assert_int_equal(grow_document(was, finding, &out), why);
	assert_int_equal(out.len, 0);
}

static void
what_is_new_is_said_last_and_the_rest_stays_as_it_was(void **state)
{
	(void)state;
	assert_string_equal(
	    grown("{\"peers\":{\"of\":2},\"events\":[{\"pid\":1}],\"threat\":[],\"x\":0.60}",
		"{\"peers\":{\"of\":3},\"threat\":[{\"id\":\"T1\"}],\"events\":[{\"pid\":2},{\"pid\":3}]}"),
	    "{\"peers\":{\"of\":2},\"events\":[{\"pid\":1},{\"pid\":2},{\"pid\":3}],"
	    "\"threat\":[{\"id\":\"T1\"}],\"x\":0.60}");
}

static void
the_same_is_not_said_twice_but_for_events(void **state)
{
	(void)state;
	assert_string_equal(grown("{\"behaviours\":[{\"k\":1}],\"events\":[1]}",
				"{\"behaviours\":[{\"k\":1},{\"k\":2},{\"k\":2}],\"events\":[1]}"),
	    "{\"behaviours\":[{\"k\":1},{\"k\":2}],\"events\":[1,1]}");
	grows_not("{\"rules\":[\"a\"]}", "{\"rules\":[\"a\"]}", 0);
}

static void
a_list_that_is_not_there_begins(void **state)
{
	(void)state;
	assert_string_equal(grown("{}", "{\"rules\":[\"a\"]}"), "{\"rules\":[\"a\"]}");
	assert_string_equal(grown("{\"a\":1}", "{\"rules\":[\"a\"],\"threat\":[2]}"),
	    "{\"a\":1,\"threat\":[2],\"rules\":[\"a\"]}");
}

static void
what_stands_in_texts_is_no_structure(void **state)
{
	(void)state;
	assert_string_equal(
	    grown("{\"title\":\"\\\"events\\\":[1]}{[\\\\\",\"events\":[\"],\\\"\"]}",
		"{\"x\":{\"events\":[7]},\"events\":[\"}\\\\\"]}"),
	    "{\"title\":\"\\\"events\\\":[1]}{[\\\\\",\"events\":[\"],\\\"\",\"}\\\\\"]}");
}

static void
space_between_is_no_matter(void **state)
{
	(void)state;
	assert_string_equal(
	    grown(" {\n\"events\" : [ 1 , 2 ] } ", "{ \"events\":[ 3 , {\"a\": 4} ] , \"b\" :2}"),
	    " {\n\"events\" : [ 1 , 2 ,3,{\"a\": 4}] }");
}

static void
lists_do_not_grow_for_ever(void **state)
{
	char was[4096] = "{}", one[64];
	json_t *doc;

	(void)state;
	for (unsigned i = 0; i < 2 * ALERTS_LIST_MAX; i++) {
		(void)snprintf(one, sizeof(one), "{\"events\":[%u],\"behaviours\":[%u]}", i, i);
		ds_buf_clear(&out);
		assert_int_equal(grow_document(was, one, &out), i < ALERTS_LIST_MAX);
		if (out.len > 0)
			(void)snprintf(was, sizeof(was), "%s", (const char *)out.data);
	}
	doc = json_loads(was, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "events")), ALERTS_EVENTS_MAX);
	assert_int_equal(json_array_size(json_object_get(doc, "behaviours")), ALERTS_LIST_MAX);
	json_decref(doc);
}

static void
what_is_no_object_adds_nothing(void **state)
{
	static const char *const texts[] = { "", "[1]", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{]",
		"{\"a\":1", "{\"events\":[", "{\"events\":[1}", "{\"a\":\"\\", "nothing" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		grows_not(texts[i], "{\"events\":[1]}", -EBADMSG);
		grows_not("{\"events\":[1]}", texts[i], -EBADMSG);
	}
}

static void
what_grows_past_the_bound_stays_as_it_was(void **state)
{
	(void)state;
	out.max = 16;
	assert_int_equal(
	    grow_document("{\"events\":[1]}", "{\"events\":[222222]}", &out), -ENOBUFS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_new_is_said_last_and_the_rest_stays_as_it_was),
		T(the_same_is_not_said_twice_but_for_events),
		T(a_list_that_is_not_there_begins),
		T(what_stands_in_texts_is_no_structure),
		T(space_between_is_no_matter),
		T(lists_do_not_grow_for_ever),
		T(what_is_no_object_adds_nothing),
		T(what_grows_past_the_bound_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
