/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/buf.h"

#include <errno.h>
#include <string.h>

static void
what_is_put_comes_back(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
	const uint8_t *p;
	struct ds_buf b;
	uint64_t v;
	size_t n;

	(void)state;
	ds_buf_init(&b, 4096);
	for (size_t i = 0; i < DS_LEN(values); i++)
		assert_int_equal(ds_buf_put_varint(&b, values[i]), 0);
	assert_int_equal(ds_buf_put_str(&b, "nginx"), 0);
	assert_int_equal(ds_buf_put_u64(&b, 0x0102030405060708), 0);
	for (size_t i = 0; i < DS_LEN(values); i++) {
		assert_int_equal(ds_buf_get_varint(&b, &v), 0);
		assert_int_equal(v, values[i]);
	}
	assert_int_equal(ds_buf_get_bytes(&b, 5, &p, &n), 0);
	assert_int_equal(n, 5);
	assert_memory_equal(p, "nginx", 5);
	assert_int_equal(ds_buf_get_u64(&b, &v), 0);
	assert_int_equal(v, 0x0102030405060708);
	assert_int_equal(ds_buf_left(&b), 0);
	ds_buf_done(&b);
}

static void
a_short_read_leaves_the_cursor_alone(void **state)
{
	static const uint8_t bytes[] = { 5, 'a', 'b' };
	const uint8_t *p;
	struct ds_buf b;
	uint32_t v;
	size_t n;

	(void)state;
	ds_buf_view(&b, bytes, sizeof(bytes));
	assert_int_equal(ds_buf_get_u32(&b, &v), -EBADMSG);
	assert_int_equal(ds_buf_get_bytes(&b, 100, &p, &n), -EBADMSG);
	assert_int_equal(b.pos, 0);
}

static void
a_varint_has_one_form_only(void **state)
{
	static const uint8_t padded[] = { 0x80, 0x00 };
	static const uint8_t huge[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 2 };
	struct ds_buf b;
	uint64_t v;

	(void)state;
	ds_buf_view(&b, padded, sizeof(padded));
	assert_int_equal(ds_buf_get_varint(&b, &v), -EBADMSG);
	ds_buf_view(&b, huge, sizeof(huge));
	assert_int_equal(ds_buf_get_varint(&b, &v), -EBADMSG);
}

static void
a_buffer_never_grows_past_its_maximum(void **state)
{
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 8);
	assert_int_equal(ds_buf_put_u64(&b, 1), 0);
	assert_int_equal(ds_buf_put_u8(&b, 1), -ENOBUFS);
	assert_int_equal(ds_buf_put_str(&b, "x"), -ENOBUFS);
	assert_int_equal(b.len, 8);
	ds_buf_done(&b);
}

static void
a_view_cannot_be_written(void **state)
{
	static const uint8_t bytes[] = { 1 };
	struct ds_buf b;

	(void)state;
	ds_buf_view(&b, bytes, sizeof(bytes));
	assert_int_equal(ds_buf_put_u8(&b, 2), -EROFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_back),
		cmocka_unit_test(a_short_read_leaves_the_cursor_alone),
		cmocka_unit_test(a_varint_has_one_form_only),
		cmocka_unit_test(a_buffer_never_grows_past_its_maximum),
		cmocka_unit_test(a_view_cannot_be_written),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
