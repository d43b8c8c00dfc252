/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events read page after page from a store whose small segments are merged meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "server/api/search.h"
#include "server/store/bookmark.h"
#include "tests/contract/store_fixture.h"

#include <stdlib.h>
#include <string.h>

#define HOUR     3600000000ull
#define HOSTS    3u
#define SEGMENTS 40u /* of each host */
#define EVENTS   7u  /* of each segment */
#define ALL      (HOSTS * SEGMENTS * EVENTS)
#define PAGE     11u

static struct bookmarks bookmarks;
static uint8_t counts[ALL];

static void
put(struct fixture *f, uint32_t host, uint64_t seq, uint64_t first)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct segment_row row = { .host = host,
		.received_us = fixture_clock_us,
		.time_min_us = fixture_clock_us,
		.time_max_us = fixture_clock_us,
		.len = EVENTS,
		.kinds = UINT64_C(1) << DS_EVENT_FILE_WRITE,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = seq };
	struct ds_buf packed;

	ds_buf_init(&packed, DS_BATCH_PACKED_MAX);
	for (uint64_t i = 0; i < EVENTS; i++) {
		struct ds_event ev = { .time_us = fixture_clock_us,
			.count = 1,
			.kind = DS_EVENT_FILE_WRITE,
			.daemon = { "nginx", 5 } };

		ev.num[DS_NUM_INODE] = first + i;
		assert_int_equal(ds_batch_add(b, &ev), 0);
	}
	assert_int_equal(ds_batch_pack(b, 1, &packed), 0);
	row.packed = packed.data;
	row.packed_size = packed.len;
	assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	ds_buf_done(&packed);
	ds_batch_builder_free(b);
}

/* An hour's segments, in turns over the hosts; and one of the next hour, so that it is closed. */
static void
fill(struct fixture *f)
{
	uint64_t n = 0;

	fixture_clock_us = fixture_clock_us / HOUR * HOUR + 60000000;
	fixture_begin(f);
	for (uint64_t seq = 1; seq <= SEGMENTS; seq++)
		for (uint32_t host = 1; host <= HOSTS; host++, n += EVENTS)
			put(f, host, seq, n);
	fixture_commit(f);
	fixture_clock_us += HOUR;
}

static int
count(void *ctx, const struct search_hit *hit)
{
	(void)ctx;
	counts[hit->event->num[DS_NUM_INODE]]++;
	return 0;
}

/* All pages; after page `when` housekeeping merges what it may.  Returns how many there were. */
static unsigned
read_pages(struct fixture *f, unsigned when, struct bookmarks *marks)
{
	struct query_error error;
	struct query *q = query_parse(&query_events, "", 0, ds_clock_wall_us(), &error);
	struct searcher *s = searcher_new(f->backend, f->reader);
	struct search what = { .limit = PAGE, .call = count };
	struct search_result result;
	unsigned pages = 0;

	memset(counts, 0, sizeof(counts));
	assert_non_null(q);
	what.query = q;
	do {
		struct search_cursor before = what.after;

		assert_int_equal(searcher_run(s, &what, &result), 0);
		what.after = result.next;
		if (marks != NULL && !result.complete)
			bookmarks_put(marks, before.at.day ? &before.at : NULL, &what.after.at,
			    ds_clock_monotonic_ms());
		if (pages++ == when)
			fixture_maintain(f, fixture_clock_us);
	} while (!result.complete && pages < 10 * ALL);
	query_free(q);
	searcher_free(s);
	return pages;
}

static unsigned
repeated(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ALL; i++) {
		assert_true(counts[i] >= 1);
		n += counts[i] > 1;
	}
	return n;
}

static struct fixture *
store_with(void **state, struct bookmarks *marks)
{
	struct fixture *f = *state;

	memset(&bookmarks, 0, sizeof(bookmarks));
	f->cfg.bookmarks = marks;
	fixture_reopen(f);
	fill(f);
	return f;
}

static unsigned
segments(struct fixture *f)
{
	struct store_totals t;

	assert_int_equal(f->backend->totals(f->reader, &t), 0);
	return (unsigned)t.segments;
}

static void
pages_show_each_event_once_though_segments_are_merged_between_them(void **state)
{
	struct fixture *f = store_with(state, &bookmarks);

	read_pages(f, 20, &bookmarks);
	assert_int_equal(repeated(), 0);
	/* They were: below the bookmark, above it, and not over it. */
	assert_in_range(segments(f), HOSTS + 1, 2 * HOSTS);
}

static void
without_a_bookmark_they_are_shown_again(void **state)
{
	struct fixture *f = store_with(state, NULL);

	read_pages(f, 20, NULL);
	assert_true(repeated() > 0);
	assert_int_equal(segments(f), HOSTS);
}

static void
a_merge_of_what_was_merged_repeats_nothing_either(void **state)
{
	struct fixture *f = store_with(state, &bookmarks);

	/* Another reader's bookmark divides the hour in the first merge. */
	bookmarks_put(&bookmarks, NULL,
	    &(struct segment_position){ fixture_clock_us / (24 * HOUR), SEGMENTS },
	    ds_clock_monotonic_ms());
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(segments(f), 2 * HOSTS);
	memset(&bookmarks, 0, sizeof(bookmarks));
	fixture_clock_us += 24 * HOUR; /* the day is closed: it is merged as a whole */
	fixture_begin(f);
	fixture_commit(f);
	read_pages(f, 30, &bookmarks);
	assert_int_equal(repeated(), 0);
}

static void
a_bookmark_moves_with_its_reader_and_ends(void **state)
{
	static struct bookmarks b;
	struct segment_position at = { 100, 50 }, next = { 100, 20 };

	(void)state;
	bookmarks_put(&b, NULL, &at, 1000);
	assert_true(bookmarks_has(&b, &at, 1000));
	assert_true(bookmarks_divide(&b, 100, 49, 50, 1000));
	assert_true(bookmarks_divide(&b, 100, 10, 90, 1000));
	assert_false(bookmarks_divide(&b, 100, 50, 90, 1000));
	assert_false(bookmarks_divide(&b, 100, 10, 49, 1000));
	assert_false(bookmarks_divide(&b, 101, 10, 90, 1000));
	assert_false(bookmarks_divide(NULL, 100, 10, 90, 1000));
	bookmarks_put(&b, &at, &next, 2000);
	assert_false(bookmarks_has(&b, &at, 2000));
	assert_true(bookmarks_divide(&b, 100, 10, 20, 2000));
	assert_false(bookmarks_divide(&b, 100, 10, 20, 2000 + BOOKMARK_MS));
	/* However many begin to read: the oldest make room. */
	for (uint64_t i = 0; i < 2 * BOOKMARKS_MAX; i++)
		bookmarks_put(&b, NULL, &(struct segment_position){ 7, 1 + i }, 3000 + i);
	assert_false(bookmarks_has(&b, &next, 3000));
	assert_true(bookmarks_has(&b, &(struct segment_position){ 7, 2 * BOOKMARKS_MAX }, 3000));
}

static int
setup_sqlite(void **state)
{
	*state = NULL; /* the first backend */
	return fixture_setup(state);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_sqlite, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(pages_show_each_event_once_though_segments_are_merged_between_them),
		T(without_a_bookmark_they_are_shown_again),
		T(a_merge_of_what_was_merged_repeats_nothing_either),
		cmocka_unit_test(a_bookmark_moves_with_its_reader_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
