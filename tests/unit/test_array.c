/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/array.h"

#include <stdlib.h>

static void
items_stay_while_it_grows(void **state)
{
	uint64_t *items = NULL, *grown;
	size_t room = 0;

	(void)state;
	for (size_t len = 0; len < 1000; len++) {
		grown = ds_array_grow(items, len, &room, sizeof(*items));
		assert_non_null(grown);
		assert_true(room > len);
		items = grown;
		items[len] = len;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	free(items);
}

static void
with_room_left_nothing_moves(void **state)
{
	size_t room = 0;
	char *items = ds_array_grow(NULL, 0, &room, 1), *again;
	size_t first = room;

	(void)state;
	assert_non_null(items);
	again = ds_array_grow(items, first - 1, &room, 1);
	assert_ptr_equal(again, items);
	assert_int_equal(room, first);
	free(items);
}

static void
what_no_memory_has_is_refused_and_nothing_changes(void **state)
{
	size_t room = SIZE_MAX / 4;
	char item;

	(void)state;
	assert_null(ds_array_grow(&item, room, &room, 16));
	assert_int_equal(room, SIZE_MAX / 4);
	room = SIZE_MAX / 2 + 1;
	assert_null(ds_array_grow(&item, room, &room, 1));
	assert_int_equal(room, SIZE_MAX / 2 + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_stay_while_it_grows),
		cmocka_unit_test(with_room_left_nothing_moves),
		cmocka_unit_test(what_no_memory_has_is_refused_and_nothing_changes),
	};

	return cmocka_run_group_tests_name("array", tests, NULL, NULL);
}
