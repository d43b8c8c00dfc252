/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/ulid.h"

#include <errno.h>
#include <string.h>

static void
an_id_comes_back_from_its_name(void **state)
{
	uint8_t id[DS_ULID_SIZE], back[DS_ULID_SIZE];
	char text[64];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(ds_ulid_make(UINT64_C(1800000000000000), id), 0);
		ds_ulid_format("rct_", id, text, sizeof(text));
		assert_int_equal(strlen(text), 30);
		assert_int_equal(ds_ulid_parse("rct_", text, back), 0);
		assert_memory_equal(id, back, sizeof(id));
	}
}

static void
the_smallest_and_the_largest_have_their_names(void **state)
{
	uint8_t zero[DS_ULID_SIZE] = { 0 }, ones[DS_ULID_SIZE];
	char text[64];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	ds_ulid_format("", zero, text, sizeof(text));
	assert_string_equal(text, "00000000000000000000000000");
	ds_ulid_format("", ones, text, sizeof(text));
	assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

static void
names_sort_by_the_time_of_their_making(void **state)
{
	uint8_t older[DS_ULID_SIZE], newer[DS_ULID_SIZE];
	char a[64], b[64];

	(void)state;
	assert_int_equal(ds_ulid_make(UINT64_C(1800000000000000), older), 0);
	assert_int_equal(ds_ulid_make(UINT64_C(1800000000001000), newer), 0);
	ds_ulid_format("", older, a, sizeof(a));
	ds_ulid_format("", newer, b, sizeof(b));
	assert_true(strcmp(a, b) < 0);
}

static void
what_is_no_id_is_refused(void **state)
{
	static const char *const bad[] = { "", "rct_", "alr_00000000000000000000000000",
		"rct_0000000000000000000000000", "rct_000000000000000000000000000",
		"rct_80000000000000000000000000", "rct_0000000000000000000000000U",
		"rct_0000000000000000000000000a" };
	uint8_t id[DS_ULID_SIZE];

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(ds_ulid_parse("rct_", bad[i], id), -EINVAL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_comes_back_from_its_name),
		cmocka_unit_test(the_smallest_and_the_largest_have_their_names),
		cmocka_unit_test(names_sort_by_the_time_of_their_making),
		cmocka_unit_test(what_is_no_id_is_refused),
	};

	return cmocka_run_group_tests_name("ulid", tests, NULL, NULL);
}
