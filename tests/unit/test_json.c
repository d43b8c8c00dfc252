/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

struct doc {
	struct ds_buf buf;
	struct ds_json json;
};

static struct ds_json *
doc_begin(struct doc *d)
{
	ds_buf_init(&d->buf, 1 << 20);
	ds_json_init(&d->json, &d->buf);
	return &d->json;
}

static void
assert_doc(struct doc *d, const char *text)
{
	assert_int_equal(ds_json_done(&d->json), 0);
	assert_int_equal(ds_buf_put_u8(&d->buf, 0), 0);
	assert_string_equal((const char *)d->buf.data, text);
	ds_buf_done(&d->buf);
}

static void
commas_and_nesting_are_kept(void **state)
{
	struct doc d;
	struct ds_json *j = doc_begin(&d);

	(void)state;
	ds_json_object(j);
	ds_json_put_string(j, "name", "nginx");
	ds_json_key(j, "list");
	ds_json_array(j);
	ds_json_int(j, -1);
	ds_json_object(j);
	ds_json_end(j);
	ds_json_array(j);
	ds_json_end(j);
	ds_json_null(j);
	ds_json_end(j);
	ds_json_put_bool(j, "ok", true);
	ds_json_key(j, "raw");
	ds_json_raw(j, "{\"a\":1}", 7);
	ds_json_put_string(j, "none", NULL);
	ds_json_end(j);
	assert_doc(&d, "{\"name\":\"nginx\",\"list\":[-1,{},[],null],\"ok\":true,\"raw\":{\"a\":1},"
		       "\"none\":null}");
}

static void
strings_are_escaped(void **state)
{
	struct doc d;
	struct ds_json *j = doc_begin(&d);

	(void)state;
	ds_json_bytes(j, "a\"b\\c\n\r\t\b\f\0\x1f\x7f/", 14);
	assert_doc(&d, "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0000\\u001f\x7f/\"");
}

static void
what_is_not_utf8_becomes_the_replacement_character(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "a\xffz", "\"a\xef\xbf\xbdz\"" },
		{ "\xc3", "\"\xef\xbf\xbd\"" },
		{ "\xc3(", "\"\xef\xbf\xbd(\"" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                 /* overlong */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\"" },
		{ "\xf0\x9f\x98\"", "\"\xef\xbf\xbd\\\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		struct doc d;

		ds_json_string(doc_begin(&d), cases[i].in);
		assert_doc(&d, cases[i].out);
	}
}

static void
numbers_that_javascript_cannot_hold_become_strings_or_null(void **state)
{
	struct doc d;
	struct ds_json *j = doc_begin(&d);

	(void)state;
	ds_json_array(j);
	ds_json_double(j, (double)NAN);
	ds_json_double(j, (double)-INFINITY);
	ds_json_double(j, 0.1);
	ds_json_double(j, 1e300);
	ds_json_double(j, 1.0 / 3);
	ds_json_uint(j, UINT64_C(1) << 53);
	ds_json_uint(j, UINT64_MAX);
	ds_json_int(j, INT64_MIN);
	ds_json_int(j, -7);
	ds_json_end(j);
	assert_doc(&d, "[null,null,0.1,1e+300,0.3333333333333333,9007199254740992,"
		       "\"18446744073709551615\",\"-9223372036854775808\",-7]");
}

static void
times_are_rfc_3339(void **state)
{
	struct doc d;

	(void)state;
	ds_json_time(doc_begin(&d), 1763950923456789ull);
	assert_doc(&d, "\"2025-11-24T02:22:03.456789Z\"");
}

static void
bad_nesting_is_told_once_at_the_end(void **state)
{
	struct doc d;
	struct ds_json *j;

	(void)state;
	j = doc_begin(&d);
	ds_json_object(j);
	ds_json_int(j, 1); /* no key */
	ds_json_end(j);
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);

	j = doc_begin(&d);
	ds_json_array(j);
	ds_json_key(j, "a"); /* not in an object */
	ds_json_int(j, 1);
	ds_json_end(j);
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);

	j = doc_begin(&d);
	ds_json_end(j);
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);

	j = doc_begin(&d);
	ds_json_array(j); /* never closed */
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);

	j = doc_begin(&d);
	ds_json_int(j, 1);
	ds_json_int(j, 2); /* two values */
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);

	j = doc_begin(&d);
	for (int i = 0; i < 1000; i++)
		ds_json_array(j);
	for (int i = 0; i < 1000; i++)
		ds_json_end(j);
	assert_int_equal(ds_json_done(j), -EINVAL);
	ds_buf_done(&d.buf);
}

static void
a_full_buffer_is_an_error(void **state)
{
	struct ds_json j;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 5);
	ds_json_init(&j, &b);
	ds_json_string(&j, "much too long");
	assert_int_equal(ds_json_done(&j), -ENOBUFS);
	ds_buf_done(&b);
}

#ifdef HAVE_JANSSON
static void
any_bytes_give_a_document_that_another_parser_reads(void **state)
{
	uint8_t bytes[64];
	uint32_t x = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct doc d;
		struct ds_json *j = doc_begin(&d);
		size_t len = (size_t)round % sizeof(bytes);
		json_error_t error;
		json_t *root;

		for (size_t i = 0; i < len; i++) {
			x = x * 1664525u + 1013904223u;
			bytes[i] = (uint8_t)(x >> 24);
		}
		ds_json_object(j);
		ds_json_put_bytes(j, "bytes", bytes, len);
		ds_json_put_int(j, "round", round);
		ds_json_put_double(j, "third", round / 3.0);
		ds_json_end(j);
		assert_int_equal(ds_json_done(j), 0);
		root = json_loadb(
		    (const char *)d.buf.data, d.buf.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
		assert_non_null(root);
		assert_int_equal(json_integer_value(json_object_get(root, "round")), round);
		assert_true(json_number_value(json_object_get(root, "third")) == round / 3.0);
		json_decref(root);
		ds_buf_done(&d.buf);
	}
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_nesting_are_kept),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(what_is_not_utf8_becomes_the_replacement_character),
		cmocka_unit_test(numbers_that_javascript_cannot_hold_become_strings_or_null),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(bad_nesting_is_told_once_at_the_end),
		cmocka_unit_test(a_full_buffer_is_an_error),
#ifdef HAVE_JANSSON
		cmocka_unit_test(any_bytes_give_a_document_that_another_parser_reads),
#endif
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
