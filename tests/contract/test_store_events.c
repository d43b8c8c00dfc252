/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of struct store_backend for what is kept of events, run against every row of its
 * table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/bloom.h"
#include "server/store/store.h"
#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY  86400000000ull
#define HOUR 3600000000ull

static void
a_segment_sent_twice_is_stored_once(void **state)
{
	struct fixture *f = *state;
	struct segment_row one = fixture_segment(f, 1, 5, 1), two = fixture_segment(f, 1, 5, 2);
	struct ds_cursor c;

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &one), 1);
	assert_int_equal(f->backend->segment_put(f->store, &one), 0);
	assert_int_equal(f->backend->segment_put(f->store, &two), 1);
	fixture_commit(f);
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &one), 0);
	assert_int_equal(f->backend->segment_put(f->store, &two), 0);
	assert_int_equal(f->backend->cursor_get(f->store, 1, one.lane, &c), 0);
	assert_true(c.epoch == 5 && c.seq == 2);
	fixture_commit(f);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
}

static void
a_spool_made_anew_starts_over_even_if_its_clock_went_back(void **state)
{
	struct fixture *f = *state;
	struct segment_row old = fixture_segment(f, 1, 900, 40), new = fixture_segment(f, 1, 5, 1);
	struct ds_cursor c;

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &old), 1);
	assert_int_equal(f->backend->segment_put(f->store, &new), 1);
	assert_int_equal(f->backend->cursor_get(f->store, 1, new.lane, &c), 0);
	assert_true(c.epoch == 5 && c.seq == 1);
	fixture_commit(f);
}

static void
cursors_outlive_midnight_and_a_clock_that_goes_back(void **state)
{
	struct fixture *f = *state;
	uint64_t start = fixture_clock_us;
	static const int64_t jumps[] = { 1, 365, -365, -1, 0 };
	uint64_t seq = 0;

	for (size_t i = 0; i < DS_LEN(jumps); i++) {
		struct segment_row row = fixture_segment(f, 1, 5, ++seq);

		fixture_clock_us = (uint64_t)((int64_t)start + jumps[i] * (int64_t)DAY);
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		fixture_commit(f);
		fixture_reopen(f);
		if (!f->keeps)
			return;
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 0);
		fixture_commit(f);
	}
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), DS_LEN(jumps));
}

static void
a_segment_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct segment_row row = fixture_segment(f, 4, 5, 6);
	struct segment_row back = { 0 };

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	fixture_commit(f);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, &back), f->keeps);
	if (!f->keeps)
		return;
	assert_true(back.host == 4 && back.epoch == 5 && back.seq == 6 && back.lane == row.lane);
	assert_true(
	    back.received_us == row.received_us && back.len == row.len && back.kinds == row.kinds);
	assert_true(back.time_min_us == row.time_min_us && back.time_max_us == row.time_max_us);
	assert_int_equal(f->last_packed_size, row.packed_size);
	assert_memory_equal(f->last_packed, row.packed, row.packed_size);
}

static void
the_index_excludes_what_cannot_match(void **state)
{
	struct fixture *f = *state;
	uint32_t host = 2, none = 9, both[] = { 1, 2 };
	uint32_t daemon = bloom_daemon_hash("d2", 2);
	uint64_t string = bloom_hash("s2", 2),
		 strings[2] = { bloom_hash("s2", 2), bloom_hash("s3", 2) };
	struct segment_filter by_host = { .hosts = &host, .hosts_len = 1 },
			      by_none = { .hosts = &none, .hosts_len = 1 },
			      by_both = { .hosts = both, .hosts_len = 2 },
			      by_daemon = { .daemon_hashes = &daemon, .daemon_hashes_len = 1 },
			      by_string = { .strings = &string, .strings_len = 1 },
			      by_strings = { .strings = strings, .strings_len = 2 },
			      by_kind = { .kinds = 1ull << DS_EVENT_LOGIN }, by_time = { 0 };

	if (!f->keeps)
		return;
	fixture_begin(f);
	for (uint32_t i = 1; i <= 3; i++) {
		struct segment_row row = fixture_segment(f, i, 5, 1);

		row.time_min_us = i * HOUR;
		row.time_max_us = i * HOUR + 10;
		row.kinds = i == 3 ? 1ull << DS_EVENT_LOGIN : 1ull << DS_EVENT_EXEC;
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	}
	fixture_commit(f);
	by_time.time_min_us = 2 * HOUR + 5;
	by_time.time_max_us = 2 * HOUR + 6;
	assert_int_equal(fixture_count(f, &by_host, NULL), 1);
	assert_int_equal(f->stats.segments, 3);
	assert_int_equal(f->stats.excluded, 2);
	assert_int_equal(fixture_count(f, &by_none, NULL), 0);
	assert_int_equal(fixture_count(f, &by_both, NULL), 2);
	assert_int_equal(fixture_count(f, &by_daemon, NULL), 1);
	assert_int_equal(fixture_count(f, &by_string, NULL), 1);
	assert_int_equal(fixture_count(f, &by_strings, NULL), 0);
	assert_int_equal(fixture_count(f, &by_kind, NULL), 1);
	assert_int_equal(fixture_count(f, &by_time, NULL), 1);
	by_host.time_max_us = HOUR;
	assert_int_equal(fixture_count(f, &by_host, NULL), 0);
}

static int
page_one(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct segment_filter *f = ctx;

	(void)row;
	f->after_day = at->day;
	f->after_number = at->number;
	return 1;
}

static void
check_paging(struct fixture *f, bool newest_first, unsigned expected)
{
	struct segment_filter filter = { .newest_first = newest_first };
	uint64_t last = newest_first ? UINT64_MAX : 0;
	unsigned n = 0;

	while (f->backend->each_segment(fixture_reader(f), &filter, page_one, &filter, NULL) == 1) {
		uint64_t at = filter.after_day << 32 | filter.after_number;

		assert_true(newest_first ? at < last : at > last);
		last = at;
		n++;
	}
	assert_int_equal(n, expected);
}

static void
a_scan_resumes_where_it_stopped_in_both_directions(void **state)
{
	struct fixture *f = *state;
	uint64_t start = fixture_clock_us, seq = 0;

	for (unsigned day = 0; day < 3; day++) {
		fixture_clock_us = start + day * DAY;
		fixture_begin(f);
		for (unsigned i = 0; i < 4; i++) {
			struct segment_row row = fixture_segment(f, 1 + i % 2, 5, ++seq);

			assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		}
		fixture_commit(f);
	}
	check_paging(f, false, f->keeps ? 12 : 0);
	check_paging(f, true, f->keeps ? 12 : 0);
}

static void
totals_tell_what_is_stored(void **state)
{
	struct fixture *f = *state;
	struct segment_row a = fixture_segment(f, 1, 5, 1), b = fixture_segment(f, 2, 5, 1);
	struct store_totals t;

	a.time_min_us = 50;
	b.time_max_us = 5000000000000000;
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &a), 1);
	assert_int_equal(f->backend->segment_put(f->store, &b), 1);
	fixture_commit(f);
	assert_int_equal(f->backend->totals(fixture_reader(f), &t), 0);
	assert_int_equal(t.segments, f->keeps ? 2 : 0);
	assert_int_equal(t.events, f->keeps ? a.len + b.len : 0);
	if (!f->keeps)
		return;
	assert_true(t.oldest_us == 50 && t.newest_us == 5000000000000000 && t.days == 1);
	assert_true(t.bytes > 0 && t.control_bytes > 0);
}

static void
put_days(struct fixture *f, unsigned days)
{
	uint64_t start = fixture_clock_us;

	for (unsigned i = 0; i < days; i++) {
		struct segment_row row = fixture_segment(f, 1, 5, i + 1);

		fixture_clock_us = start + i * DAY;
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		fixture_commit(f);
		/* The clock is watched all the while: none of this is a jump. */
	}
}

static void
days_past_retention_go_and_cursors_stay(void **state)
{
	struct fixture *f = *state;
	struct segment_row row;

	put_days(f, 6);
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 4 : 0);
	row = fixture_segment(f, 1, 5, 6);
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &row), 0);
	fixture_commit(f);
}

static void
a_clock_that_jumps_a_year_costs_no_history(void **state)
{
	struct fixture *f = *state;

	put_days(f, 2);
	fixture_maintain(f, fixture_clock_us);
	fixture_maintain(f, fixture_clock_us + 365 * DAY);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
	fixture_reopen(f);
	fixture_maintain(f, fixture_clock_us + 365 * DAY);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
}

static void
the_oldest_days_make_room(void **state)
{
	struct fixture *f = *state;

	if (!f->keeps)
		return;
	put_days(f, 3);
	f->cfg.max_bytes = 1;
	fixture_reopen(f);
	fixture_maintain(f, fixture_clock_us);
	assert_true(fixture_count(f, &(struct segment_filter){ 0 }, NULL) <= 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		T(a_segment_sent_twice_is_stored_once),
		T(a_spool_made_anew_starts_over_even_if_its_clock_went_back),
		T(cursors_outlive_midnight_and_a_clock_that_goes_back),
		T(a_segment_comes_back_as_it_was),
		T(the_index_excludes_what_cannot_match),
		T(a_scan_resumes_where_it_stopped_in_both_directions),
		T(totals_tell_what_is_stored),
		T(days_past_retention_go_and_cursors_stay),
		T(a_clock_that_jumps_a_year_costs_no_history),
		T(the_oldest_days_make_room),
	};

	return fixture_run(tests, DS_LEN(tests));
}
