/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/stream.h"

#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX (1u << 20) /* bytes that a follower hears */

/* A store that has changes from `oldest` to `newest`: jobs, and every third is of a topic that
 * nobody knows. */
static uint64_t oldest, newest, late; /* late: come while the others are read */
static unsigned reads;

static int
fake_span(struct reader *r, uint64_t *ret_oldest, uint64_t *ret_newest)
{
	(void)r;
	*ret_oldest = oldest;
	*ret_newest = newest;
	newest += late;
	return 0;
}

static int
fake_each(struct reader *r, uint64_t after, unsigned limit,
    int (*call)(const struct change_row *row, void *ctx), void *ctx)
{
	int result = 0;

	(void)r;
	reads++;
	for (uint64_t seq = DS_MAX(after + 1, oldest); seq <= newest && limit > 0 && result == 0;
	     seq++, limit--) {
		char id[24];
		struct change_row row = { seq, seq % 3 == 0 ? "weather" : "job", id };

		snprintf(id, sizeof(id), "job_%llu", (unsigned long long)seq);
		result = call(&row, ctx);
	}
	return result;
}

static const struct store_backend backend = { .change_span = fake_span, .each_change = fake_each };
static const struct api_config config = { .backend = &backend };

struct listener {
	uint64_t after;
	struct ds_buf heard;
};

static void
hear(struct stream *s, struct listener *l)
{
	int r;

	do
		r = stream_read(s, stream_topic("job", 3), &l->after, &l->heard, TEXT_MAX);
	while (r == 1);
	assert_int_equal(r, 0);
}

/* Each job behind `from` once, in order, and nothing else. */
static void
assert_heard(struct listener *l, uint64_t from, uint64_t to)
{
	char text[120], *all = calloc(1, l->heard.len + 1), *at = all;

	if (l->heard.len > 0)
		memcpy(all, l->heard.data, l->heard.len);
	for (uint64_t seq = from + 1; seq <= to; seq++) {
		int n = snprintf(text, sizeof(text),
		    "id: %llu\nevent: job\ndata: {\"id\":\"job_%llu\"}\n\n",
		    (unsigned long long)seq, (unsigned long long)seq);

		if (seq % 3 == 0)
			continue;
		assert_memory_equal(at, text, n);
		at += n;
	}
	assert_string_equal(at, "");
	free(all);
}

static int
setup(void **state)
{
	oldest = 1;
	newest = 10;
	late = reads = 0;
	*state = stream_new(&config, NULL, NULL);
	return *state != NULL ? stream_refresh(*state) : -1;
}

static int
teardown(void **state)
{
	stream_free(*state);
	return 0;
}

static struct listener
listener(uint64_t after)
{
	struct listener l = { .after = after };

	ds_buf_init(&l.heard, TEXT_MAX);
	return l;
}

static void
what_is_new_is_read_once_however_many_hear_it(void **state)
{
	struct listener all[50];

	for (size_t i = 0; i < DS_LEN(all); i++)
		all[i] = listener(10);
	newest = 40;
	reads = 0;
	assert_int_equal(stream_refresh(*state), 0);
	for (size_t i = 0; i < DS_LEN(all); i++) {
		hear(*state, &all[i]);
		assert_heard(&all[i], 10, 40);
		ds_buf_done(&all[i].heard);
	}
	assert_int_equal(reads, 1);
}

static void
who_is_far_behind_misses_nothing_and_takes_nothing_from_the_others(void **state)
{
	struct listener slow = listener(0), fast = listener(10);

	for (unsigned turn = 0; turn < 40; turn++) {
		newest += 50;
		assert_int_equal(stream_refresh(*state), 0);
		if (turn % 13 == 12)
			hear(*state, &slow);
		hear(*state, &fast);
	}
	hear(*state, &slow);
	assert_heard(&slow, 0, newest);
	assert_heard(&fast, 10, newest);
	ds_buf_done(&slow.heard);
	ds_buf_done(&fast.heard);
}

static void
more_than_the_cache_can_have_is_told_all_the_same(void **state)
{
	struct listener l = listener(10);

	newest = 5000;
	assert_int_equal(stream_refresh(*state), 0);
	hear(*state, &l);
	assert_heard(&l, 10, 5000);
	ds_buf_done(&l.heard);
}

static void
what_comes_while_changes_are_read_is_told_in_the_next_turn(void **state)
{
	struct listener l = listener(10), far = listener(1);

	newest = 266; /* as many as the cache has */
	late = 7;
	assert_int_equal(stream_refresh(*state), 0);
	hear(*state, &l);
	hear(*state, &far);
	assert_heard(&l, 10, 266);
	assert_heard(&far, 1, 266);
	late = 0;
	assert_int_equal(stream_refresh(*state), 0);
	hear(*state, &l);
	hear(*state, &far);
	assert_heard(&l, 10, 273);
	assert_heard(&far, 1, 273);
	ds_buf_done(&l.heard);
	ds_buf_done(&far.heard);
}

static void
who_was_away_too_long_or_comes_from_elsewhere_reads_everything_anew(void **state)
{
	static const char reset[] = "event: reset\ndata: {}\n\n";
	uint64_t from[] = { 20, 4711 };

	oldest = 50;
	newest = 60;
	assert_int_equal(stream_refresh(*state), 0);
	for (size_t i = 0; i < DS_LEN(from); i++) {
		struct listener l = listener(from[i]);

		hear(*state, &l);
		assert_int_equal(l.heard.len, sizeof(reset) - 1);
		assert_memory_equal(l.heard.data, reset, sizeof(reset) - 1);
		assert_int_equal(l.after, 60);
		ds_buf_done(&l.heard);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_is_new_is_read_once_however_many_hear_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_is_far_behind_misses_nothing_and_takes_nothing_from_the_others, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    more_than_the_cache_can_have_is_told_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_comes_while_changes_are_read_is_told_in_the_next_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_was_away_too_long_or_comes_from_elsewhere_reads_everything_anew, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
