/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/guard/emit.h"
#include "agent/guard/repeat.h"
#include "lib/clock.h"

#define KEYS 64

/* The kernel's map. */
static struct {
	bool there;
	uint64_t count;
} kernel[KEYS];

/* What was emitted. */
static struct {
	uint8_t kind, flags;
	uint64_t count;
} told[512];
static size_t told_len;

void
emit_event(const struct ds_event *ev)
{
	told[told_len].kind = ev->kind;
	told[told_len].flags = ev->flags;
	told[told_len++].count = ev->count;
}

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	(void)source;
	(void)lost;
	(void)duration_us;
	(void)message;
}

static int
kernel_get(uint64_t key, uint64_t *ret)
{
	if (!kernel[key].there)
		return -ENOENT;
	*ret = kernel[key].count;
	return 0;
}

static int
kernel_add(uint64_t key)
{
	kernel[key].there = true;
	kernel[key].count = 0;
	return 0;
}

static void
kernel_remove(uint64_t key, uint64_t *ret)
{
	*ret = kernel[key].there ? kernel[key].count : 0;
	kernel[key].there = false;
}

static int
kernel_each(void (*call)(uint64_t key, uint64_t count))
{
	for (uint64_t i = 0; i < KEYS; i++)
		if (kernel[i].there && kernel[i].count > 0)
			call(i, kernel[i].count);
	return 0;
}

static const struct repeat_counts counts = {
	.get = kernel_get, .add = kernel_add, .remove = kernel_remove, .each = kernel_each
};

static int
setup(void **state)
{
	(void)state;
	memset(kernel, 0xff, sizeof(kernel));
	for (size_t i = 0; i < KEYS; i++)
		kernel[i].there = false;
	told_len = 0;
	return repeat_init(&counts, 8, 1 << 20);
}

static int
teardown(void **state)
{
	(void)state;
	repeat_done();
	return 0;
}

static struct ds_event
event(uint8_t kind, uint64_t count)
{
	return (
	    struct ds_event){ .time_us = 1, .count = count, .kind = kind, .flags = DS_FLAG_FIRST };
}

static void
see_first(uint64_t key, uint8_t kind)
{
	struct ds_event ev = event(kind, 1);

	(void)kernel_add(key);
	repeat_event(key, &ev, true, kind == DS_EVENT_EXEC);
}

static void
the_first_one_is_sent_and_the_rest_is_told_once(void **state)
{
	(void)state;
	see_first(1, DS_EVENT_CONNECT);
	assert_int_equal(told_len, 1);
	assert_int_equal(told[0].flags, DS_FLAG_FIRST);
	kernel[1].count = 41;
	repeat_flush(2);
	assert_int_equal(told_len, 2);
	assert_int_equal(told[1].count, 41);
	assert_int_equal(told[1].flags, DS_FLAG_REPEAT);
	repeat_flush(3);
	assert_int_equal(told_len, 2);
	kernel[1].count = 42;
	repeat_flush(4);
	assert_int_equal(told[2].count, 1);
}

static void
a_key_that_the_kernel_does_not_count_is_counted_here(void **state)
{
	struct ds_event ev = event(DS_EVENT_CONNECT, 1);

	(void)state;
	repeat_event(2, &ev, false, false);
	assert_true(kernel[2].there);
	for (int i = 0; i < 5; i++)
		repeat_event(2, &ev, false, false);
	assert_int_equal(told_len, 1);
	repeat_flush(2);
	assert_int_equal(told_len, 2);
	assert_int_equal(told[1].count, 5);
}

static void
a_program_is_sent_in_full_again_with_what_was_counted(void **state)
{
	struct ds_event ev = event(DS_EVENT_EXEC, 0);

	(void)state;
	see_first(3, DS_EVENT_EXEC);
	kernel[3].count = 500;
	repeat_event(3, &ev, true, true);
	assert_int_equal(told_len, 2);
	assert_int_equal(told[1].count, 500);
	kernel[3].count = 510;
	repeat_flush_recent(5);
	assert_int_equal(told[2].count, 10);
	repeat_flush_recent(6);
	repeat_flush(7);
	assert_int_equal(told_len, 3);
}

static void
a_program_that_is_new_here_is_sent_at_once_again_and_an_old_one_is_not(void **state)
{
	struct ds_event ev = event(DS_EVENT_EXEC, 1);

	(void)state;
	see_first(3, DS_EVENT_EXEC);
	kernel[3].count += 1;
	ev.time_us = 3599 * DS_US_PER_S;
	repeat_event(3, &ev, true, true);
	assert_int_equal(told_len, 2);
	assert_int_equal(told[1].flags, DS_FLAG_SOON);
	kernel[3].count += 1;
	ev = event(DS_EVENT_EXEC, 1);
	ev.time_us = 3601 * DS_US_PER_S;
	repeat_event(3, &ev, true, true);
	assert_int_equal(told_len, 3);
	assert_int_equal(told[2].flags, 0);
}

static void
memory_is_bounded_and_nothing_counted_is_lost(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (uint64_t key = 0; key < KEYS; key++) {
		see_first(key, DS_EVENT_FILE_CREATE);
		kernel[key].count = 3;
		assert_true(repeat_len() <= 8);
	}
	repeat_flush(9);
	for (size_t i = 0; i < told_len; i++)
		sum += told[i].count;
	assert_int_equal(sum, KEYS * 4);
}

static void
what_was_seen_lately_stays(void **state)
{
	(void)state;
	see_first(0, DS_EVENT_FILE_CREATE);
	for (uint64_t key = 1; key < 20; key++) {
		see_first(key, DS_EVENT_FILE_CREATE);
		kernel[0].count++;
		repeat_flush(key);
	}
	assert_true(kernel[0].there);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_one_is_sent_and_the_rest_is_told_once),
		TEST(a_key_that_the_kernel_does_not_count_is_counted_here),
		TEST(a_program_is_sent_in_full_again_with_what_was_counted),
		TEST(a_program_that_is_new_here_is_sent_at_once_again_and_an_old_one_is_not),
		TEST(memory_is_bounded_and_nothing_counted_is_lost),
		TEST(what_was_seen_lately_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
