/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guard/emit.h"
#include "lib/ipc.h"

#define QUEUE (512u << 10)

static int pair[2];

static int
setup(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	return emit_init(QUEUE);
}

static int
teardown(void **state)
{
	(void)state;
	emit_done();
	(void)close(pair[0]);
	(void)close(pair[1]);
	return 0;
}

static void
emit_one(uint64_t pid, uint8_t flags)
{
	struct ds_event ev = { .time_us = 1,
		.count = 1,
		.kind = DS_EVENT_FORK,
		.flags = flags,
		.daemon = { "d", 1 } };

	ev.num[DS_NUM_PID] = pid;
	emit_event(&ev);
}

/* What the other side got: the pids of events, in order, and the number of the last message. */
struct got {
	uint64_t pid[64], lost, events;
	size_t len, gaps;
	uint64_t number;
};

static void
take_events(struct got *g, const uint8_t *body, size_t size)
{
	struct ds_event ev;
	struct ds_buf b;

	ds_buf_view(&b, body, size);
	assert_int_equal(ds_buf_get_u64(&b, &g->number), 0);
	while (ds_buf_left(&b) > 0) {
		assert_int_equal(ds_ipc_get_event(&b, &ev), 0);
		g->events += ev.kind != DS_EVENT_GAP;
		if (ev.kind == DS_EVENT_GAP) {
			g->gaps++;
			g->lost += ev.num[DS_NUM_LOST];
		} else if (g->len < 64) {
			g->pid[g->len++] = ev.num[DS_NUM_PID];
		}
	}
}

static struct got
receive(void)
{
	static uint8_t bytes[1 << 20];
	struct got g = { 0 };
	struct ds_buf b;
	const uint8_t *body;
	size_t size, n = 0;
	uint8_t type;
	ssize_t r;

	do {
		assert_int_equal(emit_flush(1, true), 0);
		r = recv(pair[1], bytes + n, sizeof(bytes) - n, 0);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0);
	ds_buf_view(&b, bytes, n);
	while (ds_ipc_get(&b, &type, &body, &size) == 1)
		if (type == DS_IPC_EVENTS)
			take_events(&g, body, size);
	return g;
}

static void
nothing_is_sent_before_the_uplink_started(void **state)
{
	struct got g;

	(void)state;
	emit_attach(pair[0]);
	emit_one(1, DS_FLAG_FIRST);
	g = receive();
	assert_int_equal(g.len, 0);
	emit_started(41, 41);
	g = receive();
	assert_int_equal(g.len, 1);
	assert_int_equal(g.number, 42);
}

static void
urgent_events_overtake(void **state)
{
	struct got g;

	(void)state;
	emit_attach(pair[0]);
	emit_started(0, 0);
	emit_one(1, 0);
	emit_one(2, DS_FLAG_FIRST);
	g = receive();
	assert_int_equal(g.len, 2);
	assert_int_equal(g.pid[0], 2);
}

static void
what_was_not_confirmed_comes_again_after_a_restart(void **state)
{
	struct got g;

	(void)state;
	emit_attach(pair[0]);
	emit_started(0, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		emit_one(i, DS_FLAG_FIRST);
		(void)receive();
	}
	assert_int_equal(emit_stored(1), 0);
	emit_detach();
	emit_one(4, DS_FLAG_FIRST);
	assert_int_equal(emit_flush(1, true), 0);
	emit_attach(pair[0]);
	emit_started(2, 2); /* the second was stored, and the word of it was lost */
	g = receive();
	assert_int_equal(g.len, 2);
	assert_int_equal(g.pid[0], 3);
	assert_int_equal(g.pid[1], 4);
	assert_int_equal(g.number, 4);
	assert_int_equal(emit_stored(4), 0);
	assert_true(emit_is_empty());
}

static void
a_number_that_was_never_sent_is_refused(void **state)
{
	(void)state;
	emit_attach(pair[0]);
	assert_int_equal(emit_stored(0), -EBADMSG);
	emit_started(0, 0);
	assert_int_equal(emit_stored(1), -EBADMSG);
}

static void
a_full_queue_keeps_urgent_events_and_counts_the_others(void **state)
{
	struct got g;

	(void)state;
	emit_one(7, DS_FLAG_FIRST);
	assert_int_equal(emit_flush(1, false), 0);
	for (uint64_t i = 0; i < 200000; i++)
		emit_one(1000 + i, 0);
	assert_true(emit_bytes() <= QUEUE);
	emit_attach(pair[0]);
	emit_started(0, 0);
	g = receive();
	assert_int_equal(g.pid[0], 7);
	assert_int_equal(g.gaps, 1);
	assert_true(g.lost > 0);
}

static void
gaps_that_are_dropped_are_told_by_the_next(void **state)
{
	enum { EVENTS = 100000, FLUSH = 100 };
	struct got g;

	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		emit_one(i, DS_FLAG_FIRST);
		if (i % FLUSH == 0)
			assert_int_equal(emit_flush(1, true), 0);
	}
	emit_attach(pair[0]);
	emit_started(0, 0);
	g = receive();
	assert_true(g.events > 0 && g.events < EVENTS);
	assert_true(g.events + g.lost >= EVENTS);
	assert_true(g.events + g.lost <= EVENTS + EVENTS / FLUSH); /* gaps are events, too */
}

static void
gaps_of_one_source_are_merged(void **state)
{
	struct got g;

	(void)state;
	emit_attach(pair[0]);
	emit_started(0, 0);
	for (int i = 0; i < 10; i++)
		emit_gap("exec", 2, 5, "lost");
	g = receive();
	assert_int_equal(g.gaps, 1);
	assert_int_equal(g.lost, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_sent_before_the_uplink_started),
		TEST(urgent_events_overtake),
		TEST(what_was_not_confirmed_comes_again_after_a_restart),
		TEST(a_number_that_was_never_sent_is_refused),
		TEST(a_full_queue_keeps_urgent_events_and_counts_the_others),
		TEST(gaps_that_are_dropped_are_told_by_the_next),
		TEST(gaps_of_one_source_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
