/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/train/build.h"

#include "server/detect/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR      60u   /* minutes: one episode */
#define HOST_ROWS 1440u /* minutes of a host before it has a fit of its own */
#define WEEK      10080.0
#define ALARM_P   (1 / 2016.0) /* what one alarm a week means for windows of five minutes */

static void
row_vector(const struct fit_row *row, double ret[WINDOW_DIM])
{
	for (size_t i = 0; i < WINDOW_DIM; i++)
		ret[i] = (double)row->at[i];
}

/* One fit, if there is enough for it. */
static int
add_fit(struct window_model *m, const struct fit_row *rows, size_t len, uint32_t host, bool is_long)
{
	struct window_fit *f = malloc(sizeof(*f));
	int r;

	if (f == NULL)
		return -ENOMEM;
	r = window_fit_make(
	    f, rows, len, host, is_long, key_hash(78, m->class, strlen(m->class)) + host);
	if (r == 0) {
		r = window_model_add(m, f);
		if (r < 0)
			window_fit_done(f);
	}
	free(f);
	return r == -EINVAL || r == -EFBIG ? 0 : r;
}

/* The end of a host's rows, which begin at `from`. */
static size_t
host_end(const struct fit_row *rows, size_t len, size_t from)
{
	size_t to = from;

	while (to < len && rows[to].host == rows[from].host)
		to++;
	return to;
}

/* Hosts with a day of their own get their own fits; with one host that is the class. */
static int
add_hosts(struct window_model *m, const struct fit_row *rows, size_t len, bool is_long,
    uint32_t *ret_hosts)
{
	size_t enough = is_long ? HOST_ROWS / WINDOW_LONG : HOST_ROWS;
	int r = 0;

	*ret_hosts = 0;
	for (size_t from = 0, to; from < len && r == 0; from = to) {
		to = host_end(rows, len, from);
		(*ret_hosts)++;
		if (to - from >= enough && to - from < len)
			r = add_fit(m, rows + from, to - from, rows[from].host, is_long);
	}
	return r;
}

static double
level_p(const struct window_model *m, const struct fit_row *row)
{
	const struct window_fit *f = window_model_fit(m, row->host, false);
	double vector[WINDOW_DIM];
	struct fit_score score;

	if (f == NULL)
		return 1;
	row_vector(row, vector);
	window_fit_score(f, NULL, vector, &score);
	return score.level_p;
}

/* Attacks that the running model finds and this one does not. */
static size_t
count_missed(const struct built *b, const struct set_entry *old, const struct fit_row *row)
{
	if (old != NULL && level_p(&old->model, row) >= GATE_P)
		return 0;
	return level_p(&b->model, row) >= GATE_P;
}

/* Episodes a host-week among all windows, also those it was fitted to. */
static double
count_false(const struct window_model *m, const struct fit_row *rows, size_t len)
{
	const struct fit_row *last = NULL;
	size_t episodes = 0;

	for (size_t i = 0; i < len; i++) {
		if (level_p(m, &rows[i]) > ALARM_P)
			continue;
		if (last == NULL || last->host != rows[i].host ||
		    rows[i].index - last->index > HOUR)
			episodes++;
		last = &rows[i];
	}
	return (double)episodes / ((double)len / WEEK);
}

static void
gate(const struct class_rows *c, const struct set_entry *old, const struct fit_row *attacks,
    size_t len, struct built *b)
{
	size_t missed = 0, all = len + c->attacks_len;

	for (size_t i = 0; i < len; i++)
		missed += count_missed(b, old, &attacks[i]);
	for (size_t i = 0; i < c->attacks_len; i++)
		missed += count_missed(b, old, &c->attacks[i].row);
	b->false_week = count_false(&b->model, c->minutes, c->minutes_len);
	b->refused = (old != NULL && missed > 0) || b->false_week > GATE_FALSE_WEEK;
	if (old != NULL && missed > 0)
		snprintf(b->note, sizeof(b->note),
		    "refused: it no longer finds %zu of %zu recorded attack windows", missed, all);
	else if (b->refused)
		snprintf(b->note, sizeof(b->note), "refused: %.1f false episodes a host and week",
		    b->false_week);
	else
		snprintf(b->note, sizeof(b->note),
		    "finds %zu of %zu recorded attack windows; %.2f false episodes a host and week",
		    all - missed, all, b->false_week);
}

static double
coverage(const struct class_rows *c, uint32_t hosts)
{
	double minutes = (double)(c->to_us - c->from_us) / (double)WINDOW_US * hosts;
	double share =
	    minutes > 0 ? (double)c->minutes_len * (double)(1u << c->thinned) / minutes : 0;

	return DS_MIN(1.0, share);
}

int
build_class(const struct class_rows *c, const struct set_entry *old, const struct fit_row *attacks,
    size_t attacks_len, struct built *ret, char *why, size_t why_size)
{
	struct built b = { .from_us = c->from_us, .to_us = c->to_us };
	uint32_t long_hosts;
	int r;

	ds_buf_init(&b.bytes, FIT_BYTES_MAX + 64);
	snprintf(b.model.class, sizeof(b.model.class), "%s", c->name);
	if (c->minutes_len < FIT_WINDOWS_MIN) {
		snprintf(why, why_size, "%s: %zu minutes watched, %u are needed", c->name,
		    c->minutes_len, FIT_WINDOWS_MIN);
		return -ENODATA;
	}
	r = add_fit(&b.model, c->minutes, c->minutes_len, 0, false);
	if (r == 0)
		r = add_fit(&b.model, c->longs, c->longs_len, 0, true);
	if (r == 0)
		r = add_hosts(&b.model, c->minutes, c->minutes_len, false, &b.hosts);
	if (r == 0)
		r = add_hosts(&b.model, c->longs, c->longs_len, true, &long_hosts);
	if (r == 0)
		r = window_model_put(&b.model, &b.bytes);
	if (r < 0) {
		built_done(&b);
		return r;
	}
	b.windows = (uint32_t)c->minutes_len;
	b.coverage = coverage(c, b.hosts);
	gate(c, old, attacks, attacks_len, &b);
	*ret = b;
	return 0;
}

void
built_done(struct built *b)
{
	window_model_done(&b->model);
	ds_buf_done(&b->bytes);
}
