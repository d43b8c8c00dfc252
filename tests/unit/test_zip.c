/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/zip.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define RAW_SIZE 20000u

static void
raw_fill(uint8_t *raw, size_t size)
{
	uint32_t x = 1;

	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		raw[i] = i % 3 ? (uint8_t)(i >> 5) : (uint8_t)(x >> 28);
	}
}

static int
done(void **state)
{
	(void)state;
	ds_zip_thread_done();
	return 0;
}

static void
zlib_reads_what_we_compress_at_every_level(void **state)
{
	uint8_t raw[RAW_SIZE], got[RAW_SIZE];
	uLongf size;
	struct ds_buf b;

	(void)state;
	raw_fill(raw, sizeof(raw));
	ds_buf_init(&b, 1 << 20);
	for (int level = 1; level <= 9; level++) {
		ds_buf_clear(&b);
		assert_int_equal(ds_buf_put(&b, "before", 6), 0);
		assert_int_equal(ds_zip(raw, sizeof(raw), level, &b), 0);
		assert_true(b.len < sizeof(raw));
		size = sizeof(got);
		assert_int_equal(uncompress(got, &size, b.data + 6, b.len - 6), Z_OK);
		assert_int_equal(size, sizeof(raw));
		assert_memory_equal(got, raw, sizeof(raw));
		assert_int_equal(ds_unzip(b.data + 6, b.len - 6, got, sizeof(got)), 0);
		assert_memory_equal(got, raw, sizeof(raw));
	}
	ds_buf_done(&b);
}

static void
we_read_what_zlib_compresses(void **state)
{
	uint8_t raw[RAW_SIZE], got[RAW_SIZE], packed[RAW_SIZE];
	uLongf size = sizeof(packed);

	(void)state;
	raw_fill(raw, sizeof(raw));
	assert_int_equal(compress2(packed, &size, raw, sizeof(raw), 6), Z_OK);
	assert_int_equal(ds_unzip(packed, size, got, sizeof(got)), 0);
	assert_memory_equal(got, raw, sizeof(raw));
}

static void
the_raw_size_must_be_exact(void **state)
{
	uint8_t raw[RAW_SIZE], got[RAW_SIZE + 1];
	struct ds_buf b;

	(void)state;
	raw_fill(raw, sizeof(raw));
	ds_buf_init(&b, 1 << 20);
	assert_int_equal(ds_zip(raw, sizeof(raw), 1, &b), 0);
	assert_int_equal(ds_unzip(b.data, b.len, got, RAW_SIZE - 1), -EBADMSG);
	assert_int_equal(ds_unzip(b.data, b.len, got, RAW_SIZE + 1), -EBADMSG);
	assert_int_equal(ds_unzip(b.data, b.len - 1, got, RAW_SIZE), -EBADMSG);
	assert_int_equal(ds_buf_put_u8(&b, 0), 0);
	assert_int_equal(ds_unzip(b.data, b.len, got, RAW_SIZE), -EBADMSG);
	b.data[b.len / 2] ^= 0x10;
	assert_int_equal(ds_unzip(b.data, b.len - 1, got, RAW_SIZE), -EBADMSG);
	ds_buf_done(&b);
}

static void
nothing_compresses_to_something_that_inflates_to_nothing(void **state)
{
	uint8_t got[1];
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 1024);
	assert_int_equal(ds_zip("", 0, 1, &b), 0);
	assert_int_equal(ds_unzip(b.data, b.len, got, 0), 0);
	ds_buf_done(&b);
}

static void
output_past_the_maximum_is_refused(void **state)
{
	uint8_t raw[RAW_SIZE];
	struct ds_buf b;

	(void)state;
	raw_fill(raw, sizeof(raw));
	ds_buf_init(&b, 100);
	assert_int_equal(ds_zip(raw, sizeof(raw), 6, &b), -ENOBUFS);
	assert_int_equal(b.len, 0);
	assert_int_equal(ds_zip(raw, sizeof(raw), 0, &b), -EINVAL);
	ds_buf_done(&b);
}

static void
the_checksum_is_that_of_zlib(void **state)
{
	(void)state;
	assert_int_equal(ds_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(ds_crc32("", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zlib_reads_what_we_compress_at_every_level),
		cmocka_unit_test(we_read_what_zlib_compresses),
		cmocka_unit_test(the_raw_size_must_be_exact),
		cmocka_unit_test(nothing_compresses_to_something_that_inflates_to_nothing),
		cmocka_unit_test(the_checksum_is_that_of_zlib),
		cmocka_unit_test(output_past_the_maximum_is_refused),
	};

	return cmocka_run_group_tests_name("zip", tests, NULL, done);
}
