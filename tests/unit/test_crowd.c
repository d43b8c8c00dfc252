/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/crowd.h"

static struct ds_event
file_event(const char *path, uint8_t kind, uint64_t second)
{
	struct ds_event ev = { .time_us = second * 1000000, .count = 1, .kind = kind };

	ev.daemon = (struct ds_str){ "d", 1 };
	ds_event_set_str(&ev, DS_STR_PATH, path, strlen(path));
	return ev;
}

/* How many of so many new names in a directory are folded. */
static unsigned
folded(const char *dir, unsigned names, uint64_t second)
{
	unsigned n = 0;
	uint64_t key;

	for (unsigned i = 0; i < names; i++) {
		struct ds_event ev;
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/%u", dir, i);
		ev = file_event(path, DS_EVENT_FILE_CREATE, second);
		if (!crowd_take(&ev, &key))
			continue;
		assert_int_equal(DS_EVENT_STR(&ev, DS_STR_PATH).len, strlen(dir) + 2);
		assert_memory_equal(DS_EVENT_STR(&ev, DS_STR_PATH).ptr + strlen(dir), "/*", 2);
		assert_true((ev.flags & DS_FLAG_TRUNCATED) != 0);
		n++;
	}
	return n;
}

static void
a_few_names_are_told_in_full(void **state)
{
	(void)state;
	assert_int_equal(folded("/a", 50, 1), 0);
	assert_int_equal(folded("/a", 50, 2), 0);
}

static void
many_names_in_one_directory_become_one(void **state)
{
	(void)state;
	assert_int_equal(folded("/b", 1000, 3), 950);
}

static void
directories_do_not_share_their_crowd(void **state)
{
	(void)state;
	assert_true(folded("/c", 60, 4) > 0);
	assert_int_equal(folded("/d", 50, 4), 0);
}

static void
other_events_are_left_alone(void **state)
{
	uint64_t key;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct ds_event ev = file_event("/e/shadow", DS_EVENT_FILE_READ, 5);

		assert_false(crowd_take(&ev, &key));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_names_are_told_in_full),
		cmocka_unit_test(many_names_in_one_directory_become_one),
		cmocka_unit_test(directories_do_not_share_their_crowd),
		cmocka_unit_test(other_events_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
