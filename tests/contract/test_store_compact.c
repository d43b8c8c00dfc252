/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compaction of closed hours, with real batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/bloom.h"
#include "server/store/segment.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR  3600000000ull
#define DAY   (24 * HOUR)
#define HOSTS 3
#define LEN   100 /* events in a small segment */
#define MAX   512 /* small segments of a host */

struct seen {
	struct ds_batch *batch;
	uint8_t counts[HOSTS + 1][MAX][LEN];
	unsigned segments, small, events, damaged;
};

static struct segment_maker maker;

static void
put(struct fixture *f, uint32_t host, uint64_t seq)
{
	struct segment_row row = { .host = host,
		.received_us = fixture_clock_us,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = seq };
	char text[64];

	for (unsigned i = 0; i < LEN; i++) {
		struct ds_event ev = { .time_us = fixture_clock_us + i,
			.count = 1,
			.kind = DS_EVENT_FILE_WRITE,
			.daemon = { "nginx", 5 } };
		int n = snprintf(text, sizeof(text), "/srv/%u/%u", (unsigned)(seq % 10), i);

		ev.num[DS_NUM_PID] = i;
		ev.num[DS_NUM_INODE] = seq;
		ds_event_set_str(&ev, DS_STR_PATH, text, (size_t)n);
		assert_int_equal(ds_batch_add(maker.builder, &ev), 0);
	}
	assert_int_equal(segment_make(&maker, 1, &row), 0);
	assert_int_equal(f->backend->segment_put(f->store, &row), 1);
}

static int
look(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct seen *s = ctx;
	const uint64_t *pid, *inode;

	(void)at;
	s->segments++;
	s->small += row->len < 4096;
	if (ds_batch_decode(s->batch, row->packed, row->packed_size) < 0) {
		s->damaged++;
		return 0;
	}
	assert_int_equal(ds_batch_len(s->batch), row->len);
	pid = ds_batch_nums(s->batch, DS_NUM_PID);
	inode = ds_batch_nums(s->batch, DS_NUM_INODE);
	for (size_t i = 0; i < row->len; i++) {
		s->events++;
		s->counts[row->host][inode[i]][pid[i]]++;
	}
	return 0;
}

static struct seen *
see(struct fixture *f, const struct segment_filter *filter)
{
	static struct seen s;

	s = (struct seen){ .batch = ds_batch_new() };
	assert_int_equal(f->backend->each_segment(f->reader, filter, look, &s, NULL), 0);
	ds_batch_free(s.batch);
	return &s;
}

static void
check_each_once(const struct seen *s, unsigned last)
{
	for (uint32_t host = 1; host <= HOSTS; host++)
		for (unsigned seq = 1; seq <= last; seq++)
			for (unsigned i = 0; i < LEN; i++)
				assert_int_equal(s->counts[host][seq][i], 1);
}

static void
fill_hour(struct fixture *f, uint64_t first, uint64_t last)
{
	fixture_begin(f);
	for (uint64_t seq = first; seq <= last; seq++)
		for (uint32_t host = 1; host <= HOSTS; host++)
			put(f, host, seq);
	fixture_commit(f);
}

static void
closed_hours_are_merged_and_no_event_is_lost_or_doubled(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	struct store_totals t;
	struct seen *s;

	fixture_clock_us = fixture_clock_us / HOUR * HOUR + 60000000;
	fill_hour(f, 1, 200);
	fixture_maintain(f, fixture_clock_us); /* the hour is not closed */
	assert_int_equal(see(f, &all)->segments, 200 * HOSTS);
	fixture_clock_us += HOUR;
	fill_hour(f, 201, 210);
	fixture_maintain(f, fixture_clock_us);
	s = see(f, &all);
	assert_int_equal(s->events, 210 * HOSTS * LEN);
	assert_true(s->segments < 10 * HOSTS + 4 * HOSTS);
	check_each_once(s, 210);
	assert_int_equal(f->backend->totals(f->reader, &t), 0);
	assert_int_equal(t.events, 210 * HOSTS * LEN);
	assert_int_equal(t.segments, s->segments);
	/* And goes on afterwards. */
	fill_hour(f, 211, 211);
	assert_int_equal(see(f, &all)->events, 211 * HOSTS * LEN);
}

/* Ten segments a minute and host. */
static void
a_few_events_are_merged_within_minutes_and_once_more_with_their_hour(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	unsigned seq = 0, most = 0;
	struct seen *s;

	fixture_clock_us = fixture_clock_us / HOUR * HOUR;
	for (unsigned minute = 0; minute < 50; minute++) {
		fill_hour(f, seq + 1, seq + 10);
		seq += 10;
		fixture_clock_us += HOUR / 60;
		if (minute == 23)
			fixture_reopen(f);
		fixture_maintain(f, fixture_clock_us);
		s = see(f, &all);
		assert_int_equal(s->events, seq * HOSTS * LEN);
		most = DS_MAX(most, s->segments);
	}
	/* At most seven minutes' worth as it came, beside one for each five minutes before. */
	assert_true(most <= (7 * 10 + 10) * HOSTS);
	check_each_once(s, seq);
	fixture_clock_us += HOUR;
	fixture_maintain(f, fixture_clock_us);
	s = see(f, &all);
	assert_true(s->segments < most / 3);
	check_each_once(s, seq);
}

static void
what_is_not_small_is_not_merged_before_its_hour(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	struct segment_row row;

	fixture_clock_us = fixture_clock_us / HOUR * HOUR;
	row = fixture_segment(f, 1, 1, 0);
	row.len = 256;
	fixture_begin(f);
	for (row.seq = 1; row.seq <= 5; row.seq++)
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	fixture_commit(f);
	fixture_clock_us += HOUR / 2;
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(see(f, &all)->segments, 5);
}

static void
without_a_budget_segments_stay_as_they_are(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };

	fixture_clock_us = fixture_clock_us / HOUR * HOUR + 60000000;
	fill_hour(f, 1, 20);
	fixture_clock_us += HOUR;
	fill_hour(f, 21, 21);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(f->backend->maintain(f->store, fixture_clock_us, 0), 0);
	assert_int_equal(see(f, &all)->segments, 21 * HOSTS);
	fixture_maintain(f, fixture_clock_us);
	assert_true(see(f, &all)->segments < 21 * HOSTS);
}

static void
what_is_merged_is_still_found_by_its_index(void **state)
{
	struct fixture *f = *state;
	uint32_t host = 2, daemon = bloom_daemon_hash("nginx", 5),
		 other = bloom_daemon_hash("sshd", 4);
	uint64_t path = bloom_hash("/srv/3/7", 8), missing = bloom_hash("/srv/3/7777", 11),
		 directory = bloom_hash_prefix("/srv/3/", 7);
	struct store_totals before, after;
	struct segment_filter q = { .hosts = &host,
		.hosts_len = 1,
		.daemon_hashes = &daemon,
		.daemon_hashes_len = 1,
		.strings = &path,
		.strings_len = 1 };

	fill_hour(f, 1, 100);
	assert_int_equal(f->backend->totals(f->reader, &before), 0);
	fixture_clock_us += DAY;
	fixture_begin(f); /* another day is the current one now */
	fixture_commit(f);
	fixture_maintain(f, fixture_clock_us);
	assert_true(see(f, &q)->segments >= 1);
	/* What merging freed was given back. */
	assert_int_equal(f->backend->totals(f->reader, &after), 0);
	assert_true(after.bytes < before.bytes);
	q.strings = &directory;
	assert_true(see(f, &q)->segments >= 1);
	q.strings = &missing;
	assert_int_equal(see(f, &q)->segments, 0);
	q.strings_len = 0;
	q.daemon_hashes = &other;
	assert_int_equal(see(f, &q)->segments, 0);
}

/* A few events an hour, for most of a day. */
static void
fill_quiet_day(struct fixture *f)
{
	fixture_clock_us = fixture_clock_us / DAY * DAY + 60000000;
	for (unsigned hour = 0; hour < 20; hour++) {
		fill_hour(f, 1 + 2 * hour, 2 + 2 * hour);
		fixture_clock_us += HOUR;
		fixture_maintain(f, fixture_clock_us);
	}
}

static void
what_is_small_of_a_closed_day_is_merged_once(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	struct store_totals t;
	struct seen *s;

	fill_quiet_day(f);
	assert_int_equal(see(f, &all)->segments, 20 * HOSTS);
	fixture_clock_us += DAY;
	fill_hour(f, 41, 41);
	fixture_maintain(f, fixture_clock_us);
	s = see(f, &all);
	assert_int_equal(s->segments, HOSTS + HOSTS);
	assert_int_equal(s->events, 41 * HOSTS * LEN);
	check_each_once(s, 41);
	assert_int_equal(f->backend->totals(f->reader, &t), 0);
	assert_int_equal(t.segments, 2 * HOSTS);
	/* A server that starts finds nothing more to do. */
	fixture_reopen(f);
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(see(f, &all)->segments, 2 * HOSTS);
}

static void
a_step_that_ran_out_of_time_is_gone_on_with(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	unsigned steps = 0;

	fill_quiet_day(f);
	fixture_clock_us += DAY;
	fill_hour(f, 41, 41);
	while (f->backend->maintain(f->store, fixture_clock_us, 1) > 0) {
		assert_int_equal(see(f, &all)->events, 41 * HOSTS * LEN);
		if (steps++ % 3 == 0)
			fixture_reopen(f);
	}
	assert_int_equal(see(f, &all)->segments, 2 * HOSTS);
}

static void
housekeeping_empties_the_log_of_writes(void **state)
{
	struct fixture *f = *state;
	struct store_totals before, after;

	fill_hour(f, 1, 100);
	assert_int_equal(f->backend->totals(f->reader, &before), 0);
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(f->backend->totals(f->reader, &after), 0);
	assert_true(after.bytes < before.bytes);
	fill_hour(f, 101, 101);
}

static void
a_damaged_segment_stays_and_hurts_no_other(void **state)
{
	struct fixture *f = *state;
	struct segment_filter all = { 0 };
	struct segment_row damaged = fixture_segment(f, 1, 1, 51);
	struct seen *s;

	fill_hour(f, 1, 50);
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &damaged), 1);
	for (uint64_t seq = 52; seq <= 100; seq++)
		put(f, 1, seq);
	fixture_commit(f);
	fixture_clock_us += 2 * HOUR;
	fixture_maintain(f, fixture_clock_us);
	s = see(f, &all);
	assert_int_equal(s->damaged, 1);
	assert_int_equal(s->events, (50 * HOSTS + 49) * LEN);
	assert_true(s->segments < 20);
}

static int
setup_sqlite(void **state)
{
	*state = NULL; /* the first backend */
	if (segment_maker_init(&maker) < 0)
		return -1;
	return fixture_setup(state);
}

static int
teardown(void **state)
{
	segment_maker_done(&maker);
	return fixture_teardown(state);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_sqlite, teardown)
	const struct CMUnitTest tests[] = {
		T(closed_hours_are_merged_and_no_event_is_lost_or_doubled),
		T(a_few_events_are_merged_within_minutes_and_once_more_with_their_hour),
		T(what_is_not_small_is_not_merged_before_its_hour),
		T(without_a_budget_segments_stay_as_they_are),
		T(what_is_merged_is_still_found_by_its_index),
		T(what_is_small_of_a_closed_day_is_merged_once),
		T(a_step_that_ran_out_of_time_is_gone_on_with),
		T(housekeeping_empties_the_log_of_writes),
		T(a_damaged_segment_stays_and_hurts_no_other),
	};

	return cmocka_run_group_tests_name("store compaction", tests, NULL, NULL);
}
