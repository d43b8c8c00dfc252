/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows of a daemon against a model of itself, through the whole detector. */
#include "server/model/random.h"
#include "server/model/set.h"
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE   (60 * S)
#define LEARNT   2000u
#define MEASURED 1400u /* minutes until the fusion knows how unusual is unusual */

static struct ds_snapshot *models;
static const char *wanted = "window_outlier";
static struct random dice;
static bool odd; /* as much as always, but of something else */

static void
add_count(struct fixture *f, uint8_t kind, uint64_t count)
{
	struct ds_event ev = fixture_event(f, kind, "nginx.service");

	ev.count = count;
	ev.flags = DS_FLAG_REPEAT;
	if (kind == DS_EVENT_FILE_WRITE)
		ds_event_set_str(&ev, DS_STR_PATH, "/var/log/nginx/access.log", 25);
	fixture_add(f, &ev);
}

static void
add_minute(struct fixture *f, unsigned times)
{
	add_count(
	    f, odd ? DS_EVENT_FORK : DS_EVENT_FILE_WRITE, (20 + random_below(&dice, 20)) * times);
	add_count(f, DS_EVENT_FORK, 1 + random_below(&dice, 3));
}

struct taken {
	struct fit_row *at;
	size_t len;
};

static void
keep(const struct window_closed *w, void *ctx)
{
	struct taken *rows = ctx;
	struct fit_row *row = &rows->at[rows->len];
	double v[WINDOW_DIM];

	if (w->is_long || rows->len == LEARNT)
		return;
	window_vector(w->window, v);
	*row = (struct fit_row){ w->host, (uint32_t)w->window->index, w->window->first, { 0 } };
	for (size_t i = 0; i < WINDOW_DIM; i++)
		row->at[i] = (float)v[i];
	rows->len++;
}

/* The model that the trainer would make of such minutes. */
static void
publish(struct fixture *f)
{
	struct model_set *set = calloc(1, sizeof(*set));
	struct window_fit *fit = calloc(1, sizeof(*fit));
	struct set_entry e = { .id = "mdl_1", .version = 3, .model = { .class = "nginx" } };
	struct taken rows = { calloc(LEARNT, sizeof(*rows.at)), 0 };
	struct windows *ws = windows_new(WINDOWS_LAG);
	uint64_t start = f->now_us;

	for (unsigned i = 0; i < LEARNT + 10; i++) {
		add_minute(f, 1);
		ds_buf_clear(&f->packed);
		assert_int_equal(ds_batch_pack(f->builder, 1, &f->packed), 0);
		ds_batch_builder_clear(f->builder);
		assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
		assert_int_equal(windows_feed(ws, 7, true, f->batch, UINT64_MAX, keep, &rows), 0);
		f->now_us += MINUTE;
	}
	assert_int_equal(window_fit_make(fit, rows.at, rows.len, 0, false, 1), 0);
	assert_int_equal(window_model_add(&e.model, fit), 0);
	e.data_from_us = start;
	e.data_to_us = f->now_us;
	set->number = 1;
	assert_int_equal(model_set_add(set, &e), 0);
	assert_int_equal(ds_snapshot_publish(models, set), 0);
	windows_free(ws);
	free(rows.at);
	free(fit);
}

static int
setup(void **state)
{
	struct fixture *f;

	if (fixture_setup(state) < 0)
		return -1;
	f = *state;
	random_seed(&dice, 1);
	models = ds_snapshot_new(model_set_free);
	f->cfg.models = models;
	f->cfg.alert_budget = 1000;
	detect_configure(f->detect, &f->cfg);
	f->from.lane = 1; /* bulk */
	publish(f);
	return 0;
}

static int
teardown(void **state)
{
	int r = fixture_teardown(state);

	ds_snapshot_free(models);
	return r;
}

/* Findings of windows in so many minutes. */
static size_t
minutes(struct fixture *f, unsigned len, unsigned times, struct finding *ret)
{
	size_t found = 0;

	for (unsigned i = 0; i < len; i++) {
		add_minute(f, times);
		fixture_send(f);
		for (size_t k = 0; k < f->verdict.findings_len; k++)
			if (strcmp(f->verdict.findings[k].kind, wanted) == 0) {
				found++;
				if (ret != NULL && ret->json == NULL) {
					*ret = f->verdict.findings[k];
					ret->json = strdup(ret->json);
				}
			}
		f->now_us += MINUTE;
	}
	return found;
}

static void
a_minute_unlike_all_others_is_told_with_its_features(void **state)
{
	struct fixture *f = *state;
	struct finding told = { .json = NULL };
	size_t usual;

	fixture_declare(f, "nginx.service", "service", "/usr/sbin/nginx", "1.22", 1);
	usual = minutes(f, MEASURED, 1, NULL);
	assert_true(usual <= 3); /* the budget of this test is large */
	odd = true;
	assert_true(minutes(f, 6, 1, &told) > 0);
	odd = false;
	assert_non_null(told.json);
	assert_non_null(strstr(told.json, "forks"));
	assert_non_null(strstr(told.json, "usually"));
	assert_non_null(strstr(told.json, "nginx, version 3"));
	assert_non_null(strstr(told.json, "nearest"));
	free(told.json);
}

static void
minutes_in_which_something_was_lost_are_not_judged(void **state)
{
	struct fixture *f = *state;
	struct ds_event gap;

	fixture_declare(f, "nginx.service", "service", "/usr/sbin/nginx", "1.22", 1);
	(void)minutes(f, MEASURED, 1, NULL);
	for (int i = 0; i < 6; i++) {
		gap = fixture_event(f, DS_EVENT_GAP, "");
		gap.num[DS_NUM_DURATION_US] = 10 * S;
		gap.daemon = (struct ds_str){ NULL, 0 };
		fixture_add(f, &gap);
		assert_int_equal(minutes(f, 1, 40, NULL), 0);
	}
	assert_int_equal(minutes(f, 3, 1, NULL), 0);
}

static void
what_belongs_to_people_is_not_judged(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, "nginx.service", "session", "/usr/sbin/nginx", "1.22", 1);
	(void)minutes(f, MEASURED, 1, NULL);
	assert_int_equal(minutes(f, 6, 40, NULL), 0);
}

static void
a_burst_is_told_without_any_model(void **state)
{
	struct fixture *f = *state;
	struct finding told = { .json = NULL };

	f->cfg.models = NULL;
	detect_configure(f->detect, &f->cfg);
	wanted = "rate_burst";
	fixture_declare(f, "nginx.service", "service", "/usr/sbin/nginx", "1.22", 1);
	assert_true(minutes(f, MEASURED, 1, NULL) <= 3);
	assert_true(minutes(f, 6, 400, &told) > 0);
	assert_non_null(told.json);
	assert_non_null(strstr(told.json, "events a minute"));
	assert_non_null(strstr(told.json, "at this hour of the week"));
	free(told.json);
	wanted = "window_outlier";
}

int
main(void)
{
#define WATCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WATCH(a_minute_unlike_all_others_is_told_with_its_features),
		WATCH(minutes_in_which_something_was_lost_are_not_judged),
		WATCH(what_belongs_to_people_is_not_judged),
		WATCH(a_burst_is_told_without_any_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
