/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search over a store that is an array of segments. */
#include "lib/clock.h"
#include "server/api/search.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEGMENTS 5
#define EVENTS   10

struct reader {
	struct ds_buf packed[SEGMENTS];
	struct ds_batch_header headers[SEGMENTS];
	unsigned given;
	uint64_t bad; /* 1 + index of a segment that is damaged */
};

static struct reader fake;

static int
fake_each_host(struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	struct host_row row = { .number = 1, .name = "web1" };
	int q;

	(void)r;
	q = call(&row, ctx);
	row = (struct host_row){ .number = 2, .name = "db1" };
	return q != 0 ? q : call(&row, ctx);
}

static bool
is_excluded(const struct segment_filter *f, uint32_t host)
{
	for (size_t i = 0; i < f->hosts_len; i++)
		if (f->hosts[i] == host)
			return false;
	return f->hosts != NULL;
}

/* Segment s is number s + 1 of day 100 and of host 1 + s % 2. */
static int
fake_each_segment(struct reader *r, const struct segment_filter *f,
    int (*call)(const struct segment_row *row, const struct segment_position *at, void *ctx),
    void *ctx, struct scan_stats *stats)
{
	for (unsigned n = 0; n < SEGMENTS; n++) {
		unsigned s = f->newest_first ? SEGMENTS - 1 - n : n;
		struct segment_position at = { 100, s + 1 };
		struct segment_row row = { .number = s + 1, .host = 1 + s % 2, .seq = s + 1 };
		int q;

		if (f->after_day &&
		    (f->newest_first ? at.number >= f->after_number : at.number <= f->after_number))
			continue;
		stats->segments++;
		if (is_excluded(f, row.host)) {
			stats->excluded++;
			continue;
		}
		row.len = EVENTS;
		row.packed = r->packed[s].data;
		row.packed_size = r->bad == s + 1 ? r->packed[s].len - 3 : r->packed[s].len;
		r->given++;
		q = call(&row, &at, ctx);
		if (q != 0)
			return q;
	}
	return 0;
}

static int
fake_has_change(struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest)
{
	(void)r;
	(void)topic;
	(void)after;
	*ret_newest = 0;
	return 1;
}

static const struct store_backend backend = { .name = "fake",
	.each_host = fake_each_host,
	.each_segment = fake_each_segment,
	.has_change = fake_has_change };

static int
setup(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SEGMENTS; s++) {
		struct ds_batch_builder *b = ds_batch_builder_new();

		for (unsigned i = 0; i < EVENTS; i++) {
			struct ds_event ev = { .time_us = s * 100 + i, .count = 1 };

			ev.kind = i % 2 ? DS_EVENT_EXEC : DS_EVENT_FORK;
			ev.num[DS_NUM_PID] = s * EVENTS + i;
			assert_int_equal(ds_batch_add(b, &ev), 0);
		}
		ds_buf_init(&fake.packed[s], DS_BATCH_PACKED_MAX);
		assert_int_equal(ds_batch_pack(b, 1, &fake.packed[s]), 0);
		ds_batch_builder_free(b);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SEGMENTS; s++)
		ds_buf_done(&fake.packed[s]);
	return 0;
}

struct found {
	uint64_t pids[SEGMENTS * EVENTS + 1];
	unsigned len;
	char host[16];
	bool cancel;
};

static int
collect(void *ctx, const struct search_hit *hit)
{
	struct found *f = ctx;

	f->pids[f->len++] = hit->event->num[DS_NUM_PID];
	snprintf(f->host, sizeof(f->host), "%s", hit->host_name);
	return 0;
}

static struct search_result
run(struct search *what, const char *text, struct found *found)
{
	struct searcher *s = searcher_new(&backend, &fake);
	struct query_error e;
	struct query *q = query_parse(&query_events, text, strlen(text), 0, &e);
	struct search_result result;

	assert_non_null(q);
	fake.given = 0;
	what->query = q;
	what->call = collect;
	what->ctx = found;
	assert_int_equal(searcher_run(s, what, &result), 0);
	query_free(q);
	searcher_free(s);
	return result;
}

static void
pages_of_any_size_join_to_the_whole(void **state)
{
	(void)state;
	for (unsigned limit = 1; limit < SEGMENTS * EVENTS + 2; limit++) {
		struct search what = { .limit = limit };
		struct found found = { 0 };
		struct search_result r;

		do {
			r = run(&what, "event.action:exec", &found);
			what.after = r.next;
		} while (!r.complete);
		assert_int_equal(found.len, SEGMENTS * EVENTS / 2);
		for (unsigned i = 0; i < found.len; i++)
			assert_int_equal(found.pids[i], SEGMENTS * EVENTS - 1 - 2 * i);
	}
}

static void
the_oldest_come_first_for_followers(void **state)
{
	(void)state;
	for (unsigned limit = 1; limit < 25; limit++) {
		struct search what = { .limit = limit, .oldest_first = true };
		struct found found = { 0 };
		struct search_result r;

		do {
			r = run(&what, "", &found);
			what.after = r.next;
		} while (!r.complete);
		assert_int_equal(found.len, SEGMENTS * EVENTS);
		for (unsigned i = 0; i < found.len; i++)
			assert_int_equal(found.pids[i], i);
	}
}

static void
hosts_that_the_query_rules_out_are_not_read(void **state)
{
	struct search what = { .limit = 100 };
	struct found found = { 0 };
	struct search_result r = run(&what, "host.name:db1", &found);

	(void)state;
	assert_int_equal(fake.given, 2);
	assert_int_equal(r.stats.excluded, 3);
	assert_int_equal(found.len, 2 * EVENTS);
	assert_string_equal(found.host, "db1");
	found.len = 0;
	r = run(&what, "host.name:nobody", &found);
	assert_int_equal(fake.given, 0);
	assert_true(r.complete);
}

static void
time_bounds_are_kept_for_each_event(void **state)
{
	struct search what = { .limit = 100, .time_min_us = 105, .time_max_us = 202 };
	struct found found = { 0 };

	(void)state;
	(void)run(&what, "", &found);
	assert_int_equal(found.len, 8);
	assert_int_equal(found.pids[0], 22);
	assert_int_equal(found.pids[7], 15);
}

static void
a_bound_of_bytes_ends_a_page_and_the_next_goes_on(void **state)
{
	struct search what = { .limit = 100, .bytes_max = 1 };
	struct found found = { 0 };
	struct search_result r;
	unsigned pages = 0;

	(void)state;
	do {
		r = run(&what, "", &found);
		what.after = r.next;
		if (!r.complete)
			assert_string_equal(r.stopped, "bytes");
		pages++;
	} while (!r.complete);
	assert_int_equal(pages, SEGMENTS);
	assert_int_equal(found.len, SEGMENTS * EVENTS);
}

static void
a_damaged_segment_is_counted_and_left_out(void **state)
{
	struct search what = { .limit = 100 };
	struct found found = { 0 };
	struct search_result r;

	(void)state;
	fake.bad = 3;
	r = run(&what, "", &found);
	fake.bad = 0;
	assert_int_equal(r.damaged, 1);
	assert_int_equal(found.len, (SEGMENTS - 1) * EVENTS);
}

static bool
is_cancelled(void *ctx)
{
	return ((struct found *)ctx)->len > 0;
}

static void
a_cancelled_search_ends(void **state)
{
	struct search what = { .limit = 100, .is_cancelled = is_cancelled };
	struct found found = { 0 };
	struct search_result r = run(&what, "", &found);

	(void)state;
	assert_string_equal(r.stopped, "cancelled");
	assert_int_equal(found.len, EVENTS);
}

static void
a_cursor_is_what_was_written_or_nothing(void **state)
{
	static const char *const bad[] = { "", "x", "e1.1.2", "e1.1.2.3.", "e2.1.2.3", "e1.a.2.3",
		"e1.1.99999999999999999999.3" };
	struct search_cursor c = { { 20000, 77 }, 5 }, back;
	char text[SEARCH_CURSOR_MAX];

	(void)state;
	search_cursor_format(&c, text, sizeof(text));
	assert_int_equal(search_cursor_parse(text, &back), 0);
	assert_int_equal(back.at.day, 20000);
	assert_int_equal(back.at.number, 77);
	assert_int_equal(back.index, 5);
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(search_cursor_parse(bad[i], &back), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_any_size_join_to_the_whole),
		cmocka_unit_test(the_oldest_come_first_for_followers),
		cmocka_unit_test(hosts_that_the_query_rules_out_are_not_read),
		cmocka_unit_test(time_bounds_are_kept_for_each_event),
		cmocka_unit_test(a_bound_of_bytes_ends_a_page_and_the_next_goes_on),
		cmocka_unit_test(a_damaged_segment_is_counted_and_left_out),
		cmocka_unit_test(a_cancelled_search_ends),
		cmocka_unit_test(a_cursor_is_what_was_written_or_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
