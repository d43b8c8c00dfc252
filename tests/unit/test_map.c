/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int values[5000];

static size_t
key_of(unsigned i, char *key, size_t size)
{
	return (size_t)snprintf(key, size, "key-%u", i);
}

static void
what_is_put_is_found_and_what_is_removed_is_not(void **state)
{
	struct ds_map *m = ds_map_new(DS_LEN(values));
	char key[32];

	(void)state;
	for (unsigned i = 0; i < DS_LEN(values); i++)
		assert_int_equal(
		    ds_map_put(m, key, key_of(i, key, sizeof(key)), &values[i], NULL), 0);
	for (unsigned i = 0; i < DS_LEN(values); i += 3)
		assert_ptr_equal(ds_map_remove(m, key, key_of(i, key, sizeof(key))), &values[i]);
	for (unsigned i = 0; i < DS_LEN(values); i++) {
		void *expected = i % 3 == 0 ? NULL : &values[i];

		assert_ptr_equal(ds_map_get(m, key, key_of(i, key, sizeof(key))), expected);
	}
	assert_int_equal(ds_map_len(m), DS_LEN(values) - (DS_LEN(values) + 2) / 3);
	ds_map_free(m, NULL);
}

static void
a_full_map_refuses_but_replaces(void **state)
{
	struct ds_map *m = ds_map_new(2);
	void *old = NULL;

	(void)state;
	assert_int_equal(ds_map_put(m, "a", 1, &values[0], NULL), 0);
	assert_int_equal(ds_map_put(m, "", 0, &values[1], NULL), 0);
	assert_int_equal(ds_map_put(m, "c", 1, &values[2], NULL), -ENOSPC);
	assert_int_equal(ds_map_put(m, "a", 1, &values[3], &old), 0);
	assert_ptr_equal(old, &values[0]);
	assert_ptr_equal(ds_map_get(m, "", 0), &values[1]);
	ds_map_free(m, NULL);
}

static void
keys_are_bytes(void **state)
{
	struct ds_map *m = ds_map_new(4);

	(void)state;
	assert_int_equal(ds_map_put(m, "a\0b", 3, &values[0], NULL), 0);
	assert_null(ds_map_get(m, "a", 1));
	assert_null(ds_map_get(m, "a\0c", 3));
	assert_ptr_equal(ds_map_get(m, "a\0b", 3), &values[0]);
	assert_null(ds_map_remove(m, "zz", 2));
	ds_map_free(m, NULL);
}

static int
count_call(const void *key, size_t len, void *value, void *ctx)
{
	(void)key;
	(void)len;
	(void)value;
	return ++*(int *)ctx == 3 ? -EINTR : 0;
}

static void
a_map_that_borrows_looks_at_the_keys_where_they_are(void **state)
{
	static struct {
		char key[16];
	} all[5000];
	struct ds_map *m = ds_map_new_borrowing(DS_LEN(all));
	char same[16];
	void *old;

	(void)state;
	for (unsigned i = 0; i < DS_LEN(all); i++)
		assert_int_equal(ds_map_put(m, all[i].key,
				     key_of(i, all[i].key, sizeof(all[i].key)), &all[i], NULL),
		    0);
	for (unsigned i = 0; i < DS_LEN(all); i++)
		assert_ptr_equal(ds_map_get(m, same, key_of(i, same, sizeof(same))), &all[i]);
	/* Who replaces a value brings the key. */
	assert_int_equal(ds_map_put(m, same, strlen(same), same, &old), 0);
	assert_ptr_equal(old, &all[DS_LEN(all) - 1]);
	memset(all[DS_LEN(all) - 1].key, 'x', sizeof(all[0].key));
	assert_ptr_equal(ds_map_get(m, same, strlen(same)), same);
	for (unsigned i = 0; i < DS_LEN(all) - 1; i++)
		assert_ptr_equal(ds_map_remove(m, all[i].key, strlen(all[i].key)), &all[i]);
	assert_int_equal(ds_map_len(m), 1);
	ds_map_free(m, NULL);
}

static void
each_visits_all_until_told_to_stop(void **state)
{
	struct ds_map *m = ds_map_new(100);
	int n = 0;

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(ds_map_put(m, &i, sizeof(i), &values[i], NULL), 0);
	assert_int_equal(ds_map_each(m, count_call, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ds_map_each(m, count_call, &n), -EINTR);
	ds_map_free(m, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found_and_what_is_removed_is_not),
		cmocka_unit_test(a_full_map_refuses_but_replaces),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(a_map_that_borrows_looks_at_the_keys_where_they_are),
		cmocka_unit_test(each_visits_all_until_told_to_stop),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
