/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/key.h"
#include "server/model/fit.h"
#include "server/model/random.h"
#include "server/model/window.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE   WINDOW_US
#define BASE     (28000000ull * MINUTE) /* minutes; ten past a quarter */
#define SEEN_MAX 4096

struct seen {
	struct window at[SEEN_MAX];
	size_t len, longs;
	struct window last_long;
};

static struct seen seen;

static void
see(const struct window_closed *w, void *ctx)
{
	(void)ctx;
	assert_int_equal(w->host, 7);
	assert_string_equal(w->daemon, "nginx");
	if (w->is_long) {
		seen.longs++;
		seen.last_long = *w->window;
		return;
	}
	assert_true(seen.len < SEEN_MAX);
	seen.at[seen.len++] = *w->window;
}

static struct ds_event
event_at(uint64_t time_us, uint8_t kind, uint64_t count)
{
	struct ds_event ev = { .time_us = time_us, .kind = kind, .count = count };

	ev.daemon = (struct ds_str){ "nginx", 5 };
	return ev;
}

static void
feed_events(struct windows *ws, bool bulk, const struct ds_event *events, size_t len)
{
	struct ds_batch_builder *builder = ds_batch_builder_new();
	struct ds_batch *b = ds_batch_new();
	struct ds_buf packed;

	ds_buf_init(&packed, 1u << 20);
	assert_non_null(builder);
	assert_non_null(b);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(ds_batch_add(builder, &events[i]), 0);
	assert_int_equal(ds_batch_pack(builder, 1, &packed), 0);
	assert_int_equal(ds_batch_decode(b, packed.data, packed.len), 0);
	assert_int_equal(windows_feed(ws, 7, bulk, b, UINT64_MAX, see, NULL), 0);
	ds_batch_free(b);
	ds_batch_builder_free(builder);
	ds_buf_done(&packed);
}

static void
feed(struct windows *ws, uint64_t time_us, uint8_t kind, uint64_t count, const char *path)
{
	struct ds_event ev = event_at(time_us, kind, count);

	if (path != NULL)
		ds_event_set_str(&ev, DS_STR_PATH, path, strlen(path));
	feed_events(ws, true, &ev, 1);
}

static int
setup(void **state)
{
	seen = (struct seen){ .len = 0 };
	*state = windows_new(WINDOWS_LAG);
	return *state == NULL;
}

static int
teardown(void **state)
{
	windows_free(*state);
	return 0;
}

static void
a_window_counts_what_happened_in_its_minute(void **state)
{
	struct windows *ws = *state;
	double v[WINDOW_DIM];

	feed(ws, BASE + 1, DS_EVENT_FILE_WRITE, 3, "/a");
	feed(ws, BASE + MINUTE - 1, DS_EVENT_FILE_WRITE, 4, "/b");
	feed(ws, BASE + MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 0);
	feed(ws, BASE + 2 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 1);
	assert_int_equal(seen.at[0].count[WINDOW_WRITE], 7);
	assert_true(seen.at[0].first && !seen.at[0].blind);
	window_vector(&seen.at[0], v);
	assert_true(fabs(v[WINDOW_WRITE] - log(8)) < 1e-9);
	assert_true(fabs(v[WINDOW_COUNTS + 2 * WINDOW_PATHS] - log1p(2)) < 0.01);
	assert_true(isnan(v[WINDOW_DIM - 1])); /* no sample of usage */
}

static void
minutes_in_which_nothing_happens_are_windows_too(void **state)
{
	struct windows *ws = *state;

	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE + 12 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 11);
	for (size_t i = 0; i < seen.len; i++) {
		assert_int_equal(seen.at[i].index, BASE / MINUTE + i);
		assert_int_equal(seen.at[i].events, i == 0);
	}
}

static void
after_a_day_of_nothing_it_begins_anew(void **state)
{
	struct windows *ws = *state;

	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE + 1440 * MINUTE, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE + 1442 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_true(seen.len < 70);
	assert_int_equal(seen.at[seen.len - 1].index, BASE / MINUTE + 1440);
	assert_true(seen.at[seen.len - 1].first);
}

static void
what_was_lost_makes_windows_blind(void **state)
{
	struct windows *ws = *state;
	struct ds_event gap = event_at(BASE + 3 * MINUTE, DS_EVENT_GAP, 1);

	gap.daemon = (struct ds_str){ NULL, 0 };
	gap.num[DS_NUM_DURATION_US] = MINUTE;
	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed_events(ws, true, &gap, 1);
	feed(ws, BASE + 9 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 8);
	for (size_t i = 0; i < seen.len; i++)
		assert_int_equal(seen.at[i].blind, i == 2 || i == 3);
}

static void
while_no_agent_ran_it_is_blind(void **state)
{
	struct windows *ws = *state;
	struct ds_event start = event_at(BASE + 5 * MINUTE, DS_EVENT_AGENT_START, 1);

	start.daemon = (struct ds_str){ NULL, 0 };
	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed_events(ws, false, &start, 1);
	feed(ws, BASE + 9 * MINUTE, DS_EVENT_FORK, 1, NULL);
	for (size_t i = 0; i < seen.len; i++)
		assert_int_equal(seen.at[i].blind, i <= 5);
}

static void
what_an_outage_covers_is_blind_in_stored_segments_too(void **state)
{
	struct windows *ws = *state;
	struct ds_event start = event_at(BASE + 15 * MINUTE, DS_EVENT_AGENT_START, 1);

	start.daemon = (struct ds_str){ NULL, 0 };
	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed_events(ws, true, &start, 1);
	feed(ws, BASE + 15 * MINUTE, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE + 19 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 18);
	for (size_t i = 0; i < seen.len; i++)
		assert_int_equal(seen.at[i].blind, i <= 15);
}

static void
the_urgent_lane_running_ahead_closes_nothing(void **state)
{
	struct windows *ws = *state;
	struct ds_event ahead = event_at(BASE + 30 * MINUTE, DS_EVENT_FORK, 1);

	feed(ws, BASE, DS_EVENT_FORK, 1, NULL);
	feed_events(ws, false, &ahead, 1);
	assert_int_equal(seen.len, 0);
	feed(ws, BASE + 10, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE + 2 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.at[0].count[WINDOW_FORK], 2);
}

static void
fifteen_minutes_make_a_long_window(void **state)
{
	struct windows *ws = *state;

	for (uint64_t i = 0; i < 40; i++)
		feed(ws, BASE + i * MINUTE, DS_EVENT_FORK, i + 1, NULL);
	assert_int_equal(seen.longs, 2);
	assert_int_equal(seen.last_long.minutes, 15);
	assert_int_equal(seen.last_long.index % 15, 0);
}

static void
a_clock_that_goes_back_by_a_day_starts_over(void **state)
{
	struct windows *ws = *state;

	feed(ws, BASE + 1440 * MINUTE, DS_EVENT_FORK, 1, NULL);
	feed(ws, BASE, DS_EVENT_FORK, 5, NULL);
	feed(ws, BASE + 2 * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.at[seen.len - 1].index, BASE / MINUTE);
	assert_int_equal(seen.at[seen.len - 1].count[WINDOW_FORK], 5);
}

static void
what_is_left_out_was_never_there(void **state)
{
	struct windows *ws = *state;

	assert_int_equal(windows_leave_out(ws, 7, BASE + MINUTE, BASE + 2 * MINUTE), 0);
	for (uint64_t i = 0; i < 5; i++)
		feed(ws, BASE + i * MINUTE, DS_EVENT_FORK, 1, NULL);
	assert_int_equal(seen.len, 3);
	assert_int_equal(seen.at[1].events, 0);
	assert_int_equal(seen.at[2].events, 1);
}

/* ---- models */

#define ROWS 2000u

static struct fit_row *
make_rows(void)
{
	struct fit_row *rows = calloc(ROWS, sizeof(*rows));
	struct random dice;

	assert_non_null(rows);
	random_seed(&dice, 4);
	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i].host = 1 + i / (ROWS / 2);
		rows[i].index = 1000 + i;
		rows[i].first = i % (ROWS / 2) == 0;
		for (size_t k = 0; k < WINDOW_DIM; k++)
			rows[i].at[k] = (float)random_unit(&dice);
	}
	return rows;
}

static struct window_model
make_model(void)
{
	struct window_model m = { .class = "nginx" };
	struct fit_row *rows = make_rows();

	for (uint32_t host = 0; host < 2; host++)
		for (int is_long = 0; is_long < 2; is_long++) {
			struct window_fit *f = malloc(sizeof(*f));

			assert_non_null(f);
			assert_int_equal(window_fit_make(f, rows, ROWS, host, is_long, 1), 0);
			assert_int_equal(window_model_add(&m, f), 0);
			free(f);
		}
	free(rows);
	return m;
}

static void
a_fit_finds_the_unusual_and_says_how_sure_it_is(void **state)
{
	struct window_model m = make_model();
	const struct window_fit *f = window_model_fit(&m, 1, false);
	double usual[WINDOW_DIM], odd[WINDOW_DIM];
	struct fit_score a, b;

	(void)state;
	assert_int_equal(f->host, 1);
	assert_int_equal(window_model_fit(&m, 2, false)->host, 0);
	assert_int_equal(window_model_fit(&m, 0, false)->hosts, 2);
	for (size_t i = 0; i < WINDOW_DIM; i++)
		usual[i] = odd[i] = 0.5;
	odd[3] = 12;
	window_fit_score(f, NULL, usual, &a);
	window_fit_score(f, NULL, odd, &b);
	assert_true(a.level_p > 0.05 && b.level_p < 0.001 && b.level_p >= FIT_P_MIN);
	assert_true(b.moved_p == 1);
	window_model_done(&m);
}

static void
a_model_comes_back_from_its_bytes_bit_for_bit(void **state)
{
	struct window_model m = make_model(), back;
	struct ds_buf a, b;
	char why[128];

	(void)state;
	ds_buf_init(&a, FIT_BYTES_MAX);
	ds_buf_init(&b, FIT_BYTES_MAX);
	assert_int_equal(window_model_put(&m, &a), 0);
	assert_int_equal(window_model_get(a.data, a.len, &back, why, sizeof(why)), 0);
	assert_int_equal(window_model_put(&back, &b), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	window_model_done(&m);
	window_model_done(&back);
	ds_buf_done(&a);
	ds_buf_done(&b);
}

static void
the_same_windows_and_seed_make_the_same_bits_on_every_machine(void **state)
{
	struct window_model m = make_model();
	struct ds_buf a;

	(void)state;
	ds_buf_init(&a, FIT_BYTES_MAX);
	assert_int_equal(window_model_put(&m, &a), 0);
	assert_int_equal(key_hash(1, a.data, a.len), UINT64_C(0xcb7a1cbf1c077a6a));
	window_model_done(&m);
	ds_buf_done(&a);
}

static void
what_is_no_number_and_what_never_changes_makes_a_model_that_judges(void **state)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f };
	struct window_fit *f = malloc(sizeof(*f));

	(void)state;
	assert_non_null(f);
	for (unsigned alike = 0; alike < 2; alike++) {
		struct fit_row *rows = make_rows();
		double vector[WINDOW_DIM];
		struct fit_score score;

		for (uint32_t i = 0; i < ROWS; i++) {
			for (size_t k = 0; alike && k < WINDOW_DIM; k++)
				rows[i].at[k] = 1;
			rows[i].at[i % WINDOW_DIM] = odd[i % 4];
			rows[i].at[WINDOW_DIM - 1] = 0;
		}
		assert_int_equal(window_fit_make(f, rows, ROWS, 0, false, 1), 0);
		for (size_t odds = 0; odds <= 4; odds++) {
			for (size_t k = 0; k < WINDOW_DIM; k++)
				vector[k] = odds < 4 ? (double)odd[odds] : 1;
			window_fit_score(f, NULL, vector, &score);
			assert_true(isfinite(score.level) && score.level >= 0);
			assert_true(score.level_p > 0 && score.level_p <= 1);
		}
		window_fit_done(f);
		free(rows);
	}
	free(f);
}

static void
damaged_cut_foreign_and_future_models_are_refused_with_a_sentence(void **state)
{
	struct window_model m = make_model(), back;
	struct ds_buf a;
	char why[128];

	(void)state;
	ds_buf_init(&a, FIT_BYTES_MAX);
	assert_int_equal(window_model_put(&m, &a), 0);
	for (size_t size = 0; size < a.len; size += 1 + a.len / 300)
		assert_int_equal(window_model_get(a.data, size, &back, why, sizeof(why)), -EBADMSG);
	for (size_t at = 20; at < a.len; at += 1 + a.len / 300) {
		a.data[at] ^= 0x10;
		assert_int_equal(
		    window_model_get(a.data, a.len, &back, why, sizeof(why)), -EBADMSG);
		a.data[at] ^= 0x10;
	}
	a.data[11]++; /* the version's last byte */
	assert_int_equal(
	    window_model_get(a.data, a.len, &back, why, sizeof(why)), -EPROTONOSUPPORT);
	assert_non_null(strstr(why, "newer"));
	a.data[11]--;
	memcpy(a.data + 4, "\x04\x03\x02\x01", 4);
	assert_int_equal(window_model_get(a.data, a.len, &back, why, sizeof(why)), -ENOEXEC);
	assert_non_null(strstr(why, "order of bytes"));
	window_model_done(&m);
	ds_buf_done(&a);
}

static void
too_few_windows_make_no_fit(void **state)
{
	struct fit_row *rows = make_rows();
	struct window_fit *f = malloc(sizeof(*f));

	(void)state;
	assert_non_null(f);
	assert_int_equal(window_fit_make(f, rows, FIT_WINDOWS_MIN - 1, 0, false, 1), -EINVAL);
	assert_int_equal(window_fit_make(f, rows, 0, 0, true, 1), -EINVAL);
	assert_int_equal(window_fit_make(f, rows, ROWS, 99, false, 1), -EINVAL);
	free(f);
	free(rows);
}

int
main(void)
{
#define TRACKED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TRACKED(a_window_counts_what_happened_in_its_minute),
		TRACKED(minutes_in_which_nothing_happens_are_windows_too),
		TRACKED(after_a_day_of_nothing_it_begins_anew),
		TRACKED(what_was_lost_makes_windows_blind),
		TRACKED(while_no_agent_ran_it_is_blind),
		TRACKED(what_an_outage_covers_is_blind_in_stored_segments_too),
		TRACKED(the_urgent_lane_running_ahead_closes_nothing),
		TRACKED(fifteen_minutes_make_a_long_window),
		TRACKED(a_clock_that_goes_back_by_a_day_starts_over),
		TRACKED(what_is_left_out_was_never_there),
		cmocka_unit_test(a_fit_finds_the_unusual_and_says_how_sure_it_is),
		cmocka_unit_test(a_model_comes_back_from_its_bytes_bit_for_bit),
		cmocka_unit_test(the_same_windows_and_seed_make_the_same_bits_on_every_machine),
		cmocka_unit_test(
		    what_is_no_number_and_what_never_changes_makes_a_model_that_judges),
		cmocka_unit_test(damaged_cut_foreign_and_future_models_are_refused_with_a_sentence),
		cmocka_unit_test(too_few_windows_make_no_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
