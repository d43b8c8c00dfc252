/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/emit.h"
#include "agent/guard/sensors/fold.h"
#include "lib/clock.h"

#include <stdio.h>
#include <string.h>

static struct ds_event last;
static char last_path[32];
static uint64_t emitted, counted;

void
emit_event(const struct ds_event *ev)
{
	last = *ev;
	emitted++;
	counted += ev->count;
	(void)snprintf(last_path, sizeof(last_path), "%.*s", (int)DS_EVENT_STR(ev, DS_STR_PATH).len,
	    DS_EVENT_STR(ev, DS_STR_PATH).ptr);
}

static int
set_up(void **state)
{
	(void)state;
	emitted = counted = 0;
	fold_done();
	fold_init(10000);
	return 0;
}

static void
happen(enum ds_event_kind kind, const char *daemon, const char *path)
{
	struct ds_event ev = { .kind = (uint8_t)kind, .count = 1, .time_us = 1 };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	ds_event_set_str(&ev, DS_STR_PATH, path, strlen(path));
	fold_event(&ev, path, strlen(path));
}

static void
the_first_time_is_told_and_the_rest_is_counted(void **state)
{
	uint64_t now = ds_clock_monotonic_ms();

	(void)state;
	for (int i = 0; i < 1000; i++)
		happen(DS_EVENT_FILE_WRITE, "nginx", "/log");
	assert_int_equal(emitted, 1);
	assert_int_equal(last.flags, DS_FLAG_FIRST);
	fold_tick(now + 5000);
	assert_int_equal(emitted, 1);
	fold_tick(now + 20000);
	assert_int_equal(emitted, 2);
	assert_int_equal(last.flags, DS_FLAG_REPEAT);
	assert_int_equal(last.count, 999);
	assert_string_equal(last_path, "/log");
	fold_tick(now + 60000);
	assert_int_equal(emitted, 2);
}

static void
daemons_kinds_and_keys_are_told_apart(void **state)
{
	(void)state;
	happen(DS_EVENT_FILE_WRITE, "a", "/x");
	happen(DS_EVENT_FILE_WRITE, "b", "/x");
	happen(DS_EVENT_FILE_WRITE, "a", "/y");
	happen(DS_EVENT_FILE_UNLINK, "a", "/x");
	assert_int_equal(emitted, 4);
	assert_int_equal(last.flags, DS_FLAG_FIRST);
}

static void
nothing_is_lost_when_the_table_is_full(void **state)
{
	char path[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20000; i++) {
			(void)snprintf(path, sizeof(path), "/%d", i);
			happen(DS_EVENT_FILE_CREATE, "a", path);
		}
	fold_tick(ds_clock_monotonic_ms() + 60000);
	assert_int_equal(counted, 40000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_time_is_told_and_the_rest_is_counted, set_up),
		cmocka_unit_test_setup(daemons_kinds_and_keys_are_told_apart, set_up),
		cmocka_unit_test_setup(nothing_is_lost_when_the_table_is_full, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
