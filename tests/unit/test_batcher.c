/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/batcher.h"
#include "agent/uplink/courier.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char dir[64];
static struct event_base *base;
static struct spool *spool;
static struct batcher *batcher;
static struct courier *courier;
static int guard = -1; /* our end, where the guard would be */
static unsigned stored_calls;
static char closed_why[128];
static bool disk_is_full;
static const char *notes = "";

ssize_t __real_writev(int fd, const struct iovec *v, int len);
ssize_t __wrap_writev(int fd, const struct iovec *v, int len);

ssize_t
__wrap_writev(int fd, const struct iovec *v, int len)
{
	if (!disk_is_full)
		return __real_writev(fd, v, len);
	errno = ENOSPC;
	return -1;
}

static void
on_stored(void *ctx)
{
	(void)ctx;
	stored_calls++;
	if (courier != NULL)
		courier_confirm(courier);
}

static int
get_notes(struct ds_buf *ret, void *ctx)
{
	(void)ctx;
	return ds_buf_put(ret, notes, strlen(notes));
}

static void
on_closed(const char *why, void *ctx)
{
	(void)ctx;
	snprintf(closed_why, sizeof(closed_why), "%s", why);
}

static void
ignore_text(const char *text, size_t len, void *ctx)
{
	(void)text;
	(void)len;
	(void)ctx;
}

static void
ignore_data(const void *data, size_t size, void *ctx)
{
	(void)data;
	(void)size;
	(void)ctx;
}

static void
ignore(void *ctx)
{
	(void)ctx;
}

static const struct courier_ops ops = {
	.closed = on_closed, .sensors = ignore_text, .result = ignore_data, .reload = ignore
};

static void
open_all(void)
{
	struct spool_config cfg = { .dir = dir, .max_size = 4u << 20 };
	char why[200];

	assert_int_equal(spool_open(&cfg, &spool, why, sizeof(why)), 0);
	batcher = batcher_new(base, spool, on_stored, NULL);
	assert_non_null(batcher);
}

static void
close_all(void)
{
	courier_free(courier);
	batcher_free(batcher);
	spool_free(spool);
	courier = NULL;
	batcher = NULL;
	spool = NULL;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_batcher.XXXXXX");
	stored_calls = 0;
	closed_why[0] = '\0';
	notes = "";
	base = event_base_new();
	ds_log_init("test", DS_LOG_ERROR);
	if (base == NULL || mkdtemp(dir) == NULL)
		return -1;
	open_all();
	return 0;
}

static int
teardown(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)state;
	disk_is_full = false;
	close_all();
	if (guard >= 0)
		close(guard);
	guard = -1;
	event_base_free(base);
	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	return rmdir(dir);
}

static struct ds_event
make_event(bool is_urgent)
{
	struct ds_event ev = { .time_us = 1764000000000000ull, .count = 1, .kind = DS_EVENT_EXIT };

	ev.daemon = (struct ds_str){ "nginx", 5 };
	if (is_urgent)
		ev.flags = DS_FLAG_FIRST;
	return ev;
}

static void
add(uint64_t number, uint32_t part, bool is_urgent)
{
	struct ds_event ev = make_event(is_urgent);

	assert_int_equal(batcher_add(batcher, &ev, number, part), 0);
}

static unsigned
events_in(uint8_t lane, unsigned *ret_batches)
{
	struct ds_batch_header header;
	struct spool_record rec;
	unsigned events = 0, batches = 0;
	uint64_t after = 0;

	while (spool_peek(spool, lane, after, &rec) == 0) {
		assert_int_equal(ds_batch_peek(rec.packed, rec.size, &header), 0);
		assert_int_equal(header.len, rec.events);
		events += header.len;
		batches++;
		after = rec.seq;
	}
	if (ret_batches != NULL)
		*ret_batches = batches;
	return events;
}

static void
run_until_stored(void)
{
	unsigned before = stored_calls;

	while (stored_calls == before)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void
what_is_urgent_leaves_at_once_and_together(void **state)
{
	uint64_t begin_ms = ds_clock_monotonic_ms();
	unsigned batches;

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		add(1, i, true);
	add(1, 5, false);
	batcher_end_message(batcher, 1);
	run_until_stored();
	assert_true(ds_clock_monotonic_ms() - begin_ms < 1000);
	assert_int_equal(events_in(DS_LANE_URGENT, &batches), 5);
	assert_int_equal(batches, 1);
	assert_int_equal(events_in(DS_LANE_BULK, NULL), 0);
}

static void
a_storm_makes_the_window_grow_and_calm_makes_it_shrink(void **state)
{
	uint64_t begin_ms = 0;
	uint32_t part = 0;

	(void)state;
	for (unsigned round = 0; round < 7; round++) {
		begin_ms = ds_clock_monotonic_ms();
		for (unsigned i = 0; i < BATCHER_BURST_LEN; i++)
			add(1, part++, true);
		run_until_stored();
	}
	assert_true(ds_clock_monotonic_ms() - begin_ms >= BATCHER_BURST_MS / 2);
	for (unsigned round = 0; round < 7; round++) {
		add(1, part++, true);
		run_until_stored();
	}
	begin_ms = ds_clock_monotonic_ms();
	add(1, part++, true);
	run_until_stored();
	assert_true(ds_clock_monotonic_ms() - begin_ms < BATCHER_BURST_MS / 2);
}

static void
a_message_is_confirmed_once_both_its_lanes_are_on_disk(void **state)
{
	(void)state;
	add(1, 0, true);
	batcher_end_message(batcher, 1);
	add(2, 0, true);
	add(2, 1, false);
	batcher_end_message(batcher, 2);
	assert_int_equal(batcher_confirmed(batcher), 0);
	run_until_stored();
	assert_int_equal(batcher_confirmed(batcher), 1);
	batcher_flush(batcher);
	assert_int_equal(batcher_confirmed(batcher), 2);
}

static void
what_a_killed_uplink_had_stored_is_not_taken_twice(void **state)
{
	(void)state;
	add(1, 0, true);
	add(1, 1, false);
	add(1, 2, true);
	batcher_end_message(batcher, 1);
	run_until_stored(); /* the urgent ones; the bulk one dies with us */
	close_all();
	open_all();
	assert_int_equal(spool_mark(spool, DS_LANE_URGENT).number, 1);
	assert_int_equal(spool_mark(spool, DS_LANE_BULK).number, 0);
	add(1, 0, true);
	add(1, 1, false);
	add(1, 2, true);
	batcher_end_message(batcher, 1);
	batcher_flush(batcher);
	assert_int_equal(events_in(DS_LANE_URGENT, NULL), 2);
	assert_int_equal(events_in(DS_LANE_BULK, NULL), 1);
}

static void
large_bulk_does_not_wait(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BATCHER_BULK_LEN; i++)
		add(1, i, false);
	assert_int_equal(stored_calls, 0);
	batcher_end_message(batcher, 1);
	assert_int_equal(stored_calls, 1);
	assert_int_equal(events_in(DS_LANE_BULK, NULL), BATCHER_BULK_LEN);
}

static void
bulk_waits_as_long_as_it_is_told(void **state)
{
	(void)state;
	batcher_set_bulk_ms(batcher, 20);
	add(1, 0, false);
	batcher_end_message(batcher, 1);
	assert_int_equal(events_in(DS_LANE_BULK, NULL), 0);
	run_until_stored();
	assert_int_equal(events_in(DS_LANE_BULK, NULL), 1);
}

static void
a_waiting_bulk_event_does_not_hold_a_storm_for_long(void **state)
{
	(void)state;
	add(1, 0, false);
	batcher_end_message(batcher, 1);
	for (uint64_t number = 2; number < 2 + BATCHER_HELD_LEN / 8; number++) {
		for (uint32_t part = 0; part < 8; part++)
			add(number, part, true);
		batcher_end_message(batcher, number);
	}
	assert_int_equal(events_in(DS_LANE_BULK, NULL), 1);
	run_until_stored();
	assert_true(batcher_confirmed(batcher) > 1);
}

static void
notes_travel_with_events_of_our_own(void **state)
{
	struct ds_event ev = make_event(true);
	const void *found;
	size_t size;

	(void)state;
	notes = "there";
	batcher_set_notes(batcher, get_notes, NULL);
	assert_int_equal(batcher_add_own(batcher, &ev), 0);
	run_until_stored();
	close_all();
	open_all();
	found = spool_notes(spool, &size);
	assert_int_equal(size, 5);
	assert_memory_equal(found, "there", 5);
}

static void
make_guard(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	guard = fds[0];
	courier = courier_new(base, fds[1], batcher, spool, &ops, NULL);
	assert_non_null(courier);
}

static void
guard_sends(const void *data, size_t size)
{
	assert_int_equal(send(guard, data, size, MSG_NOSIGNAL), size);
}

static void
guard_sends_events(uint64_t number, unsigned len, bool is_urgent)
{
	struct ds_event ev = make_event(is_urgent);
	static uint32_t x = 1;
	char noise[200];
	struct ds_buf b;
	size_t start;

	ds_buf_init(&b, DS_IPC_MESSAGE_MAX);
	assert_int_equal(ds_ipc_begin(&b, DS_IPC_EVENTS, &start), 0);
	assert_int_equal(ds_buf_put_u64(&b, number), 0);
	for (unsigned i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (char)((x = x * 1664525u + 1013904223u) >> 24);
		ds_event_set_str(&ev, DS_STR_EXE, noise, sizeof(noise));
		assert_int_equal(ds_ipc_put_event(&b, &ev), 0);
	}
	ds_ipc_end(&b, start);
	guard_sends(b.data, b.len);
	ds_buf_done(&b);
}

/* The next message to the guard; its first number. */
static uint64_t
guard_gets(uint8_t want_type)
{
	static uint8_t data[4096];
	struct ds_buf b;
	const uint8_t *body;
	uint64_t number;
	uint8_t type;
	size_t size;
	ssize_t n = recv(guard, data, 5, MSG_WAITALL);

	assert_int_equal(n, 5);
	size = (size_t)data[2] << 8 | data[3];
	assert_int_equal(recv(guard, data + 5, size - 1, MSG_WAITALL), size - 1);
	ds_buf_view(&b, data, size + 4);
	assert_int_equal(ds_ipc_get(&b, &type, &body, &size), 1);
	assert_int_equal(type, want_type);
	ds_buf_view(&b, body, size);
	assert_int_equal(ds_buf_get_u64(&b, &number), 0);
	return number;
}

static void
the_guard_hears_where_to_begin_and_what_is_stored(void **state)
{
	(void)state;
	make_guard();
	assert_int_equal(guard_gets(DS_IPC_START), 0);
	guard_sends_events(1, 3, true);
	run_until_stored();
	assert_int_equal(guard_gets(DS_IPC_STORED), 1);
	assert_int_equal(events_in(DS_LANE_URGENT, NULL), 3);
}

static void
hostile_bytes_end_the_connection_with_a_reason(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} hostile[] = {
		{ "\xff\xff\xff\xff\x01", 5 },                 /* too large */
		{ "\x00\x00\x00\x00\x01", 5 },                 /* empty */
		{ "\x00\x00\x00\x01\x63", 5 },                 /* no such type */
		{ "\x00\x00\x00\x05\x01\x01\x02\x03\x04", 9 }, /* no number */
		{ "\x00\x00\x00\x0a\x01\x00\x00\x00\x00\x00\x00\x00\x01\xff", 14 }, /* no event */
		{ "\x00\x00\x00\x01\x02", 5 }, /* ours to say */
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(hostile); i++) {
		closed_why[0] = '\0';
		make_guard();
		guard_sends(hostile[i].bytes, hostile[i].size);
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
		assert_string_equal(closed_why, "the guard sent what is not a message");
		courier_free(courier);
		courier = NULL;
		close(guard);
		guard = -1;
	}
}

static void
the_end_of_the_guard_is_told(void **state)
{
	(void)state;
	make_guard();
	shutdown(guard, SHUT_RDWR);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_string_equal(closed_why, "the guard is gone");
}

/* Disk and memory full: the guard is read no more and nothing is confirmed; then space again. */
static void
a_full_disk_holds_the_guard_back_and_loses_nothing(void **state)
{
	uint64_t number = 0, confirmed = 0, epoch = spool_epoch(spool), seq;
	struct spool_record rec;
	unsigned events;

	(void)state;
	make_guard();
	assert_int_equal(guard_gets(DS_IPC_START), 0);
	disk_is_full = true;
	while (!batcher_is_stuck(batcher) && number < 200) {
		guard_sends_events(++number, 100, true);
		assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
		batcher_flush(batcher);
	}
	assert_true(batcher_is_stuck(batcher));
	assert_int_equal(batcher_confirmed(batcher), 0);
	/* The network still works: what is committed needs no disk. */
	assert_int_equal(spool_peek(spool, DS_LANE_URGENT, 0, &rec), 0);
	seq = rec.seq;
	spool_ack(spool, DS_LANE_URGENT, epoch, seq);
	assert_true(batcher_confirmed(batcher) > 0);
	disk_is_full = false;
	assert_true(spool_retry(spool));
	batcher_flush(batcher);
	assert_false(batcher_is_stuck(batcher));
	while (batcher_confirmed(batcher) < number)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	batcher_flush(batcher);
	events = events_in(DS_LANE_URGENT, NULL);
	confirmed = batcher_confirmed(batcher);
	assert_int_equal(confirmed, number);
	assert_true(events > 0 && events < number * 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_urgent_leaves_at_once_and_together),
		TEST(a_storm_makes_the_window_grow_and_calm_makes_it_shrink),
		TEST(a_message_is_confirmed_once_both_its_lanes_are_on_disk),
		TEST(what_a_killed_uplink_had_stored_is_not_taken_twice),
		TEST(large_bulk_does_not_wait),
		TEST(bulk_waits_as_long_as_it_is_told),
		TEST(a_waiting_bulk_event_does_not_hold_a_storm_for_long),
		TEST(notes_travel_with_events_of_our_own),
		TEST(the_guard_hears_where_to_begin_and_what_is_stored),
		TEST(hostile_bytes_end_the_connection_with_a_reason),
		TEST(the_end_of_the_guard_is_told),
		TEST(a_full_disk_holds_the_guard_back_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
