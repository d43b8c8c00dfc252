/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/fit.h"

#include "server/model/exact.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR         0.15 /* of log counts: a change of 15 % means nothing */
#define CLIP          100.0
#define EPS_MIN       0.5  /* spreads */
#define DECAY         3.0  /* of the chance of a window, each eps (radius) that it is further out */
#define FIT_SHARE     0.75 /* of each host's rows; the later ones calibrate */
#define CHANGE_MODELS 6
#define CENTERS       2

/* Rows of one fit, scaled. */
struct work {
	double *rows; /* those to fit, then those to calibrate */
	struct fit_ref *ref;
	bool *first;
	size_t fit, len;
};

static void
work_done(struct work *w)
{
	free(w->rows);
	free(w->ref);
	free(w->first);
}

static void
take_row(struct work *w, const struct fit_row *row)
{
	for (size_t i = 0; i < WINDOW_DIM; i++)
		w->rows[w->len * WINDOW_DIM + i] = (double)row->at[i];
	w->ref[w->len] = (struct fit_ref){ row->host, row->index };
	w->first[w->len++] = row->first;
}

/* The earlier rows of each host, or the later ones. */
static void
take_part(struct work *w, const struct fit_row *rows, size_t len, uint32_t host, bool later)
{
	for (size_t from = 0, to; from < len; from = to) {
		size_t split;

		for (to = from; to < len && rows[to].host == rows[from].host; to++)
			;
		split = from + (size_t)((double)(to - from) * FIT_SHARE);
		if (host != 0 && rows[from].host != host)
			continue;
		for (size_t i = later ? split : from; i < (later ? to : split); i++) {
			take_row(w, &rows[i]);
			if (i == (later ? split : from))
				w->first[w->len - 1] = true;
		}
	}
}

static int
work_take(struct work *w, const struct fit_row *rows, size_t len, uint32_t host)
{
	w->rows = malloc((len + 1) * WINDOW_DIM * sizeof(*w->rows));
	w->ref = malloc((len + 1) * sizeof(*w->ref));
	w->first = malloc((len + 1) * sizeof(*w->first));
	if (w->rows == NULL || w->ref == NULL || w->first == NULL)
		return -ENOMEM;
	take_part(w, rows, len, host, false);
	w->fit = w->len;
	take_part(w, rows, len, host, true);
	return 0;
}

/* Evenly spread, when there are more than DBSCAN should look at. */
static int
fit_dense(struct window_fit *f, const struct work *w)
{
	const struct dbscan_config cfg = { .eps_min = EPS_MIN };
	size_t step = (w->fit + FIT_ROWS_MAX - 1) / FIT_ROWS_MAX, len = 0;
	double *some = malloc((w->fit / step + 1) * WINDOW_DIM * sizeof(*some));
	int r;

	if (some == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < w->fit; i += step)
		memcpy(some + len++ * WINDOW_DIM, w->rows + i * WINDOW_DIM,
		    WINDOW_DIM * sizeof(*some));
	r = dbscan_fit(&f->dense, &cfg, some, len, WINDOW_DIM);
	free(some);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < f->dense.len; i++) {
		f->dense.row[i] *= (uint32_t)step;
		f->ref[i] = w->ref[f->dense.row[i]];
	}
	return 0;
}

static int
fit_minutes(struct window_fit *f, const struct work *w, uint64_t seed)
{
	const struct change_config cfg = { .models = CHANGE_MODELS, .seed = seed };
	int r = fit_dense(f, w);

	if (r == 0)
		r = change_fit(&f->change, &cfg, w->rows, w->fit, WINDOW_DIM);
	return r == -EINVAL ? 0 : r; /* too few for changes */
}

static int
fit_centers(struct window_fit *f, const struct work *w, uint64_t seed)
{
	const struct kmeans_config cfg = { .k = CENTERS, .seed = seed };
	const struct rows rows = { .len = w->fit, .dim = WINDOW_DIM, .at = w->rows };

	return kmeans_fit(&f->centers, &cfg, &rows);
}

/* What scores are like on rows that took no part. */
static void
calibrate(struct window_fit *f, const struct work *w)
{
	struct change_state s = { .seen = 0 };

	for (size_t i = w->fit; i < w->len; i++) {
		const double *row = w->rows + i * WINDOW_DIM;
		double score;

		conformal_learn(&f->level, f->is_long ? kmeans_distance(&f->centers, row, NULL)
						      : dbscan_distance(&f->dense, row, NULL));
		if (w->first[i])
			s = (struct change_state){ .seen = 0 };
		if (f->change.dim > 0 && change_score(&f->change, &s, row, &score, NULL))
			conformal_learn(&f->moved, score);
	}
}

static uint32_t
count_hosts(const struct work *w)
{
	uint32_t n = w->len > 0;

	for (size_t i = 1; i < w->fit; i++)
		n += w->ref[i].host != w->ref[i - 1].host;
	return n;
}

int
window_fit_make(struct window_fit *ret, const struct fit_row *rows, size_t len, uint32_t host,
    bool is_long, uint64_t seed)
{
	const struct scale_config scale = { .floor = FLOOR, .clip = CLIP };
	struct window_fit *f = calloc(1, sizeof(*f));
	struct work w = { .len = 0 };
	int r = f != NULL ? work_take(&w, rows, len, host) : -ENOMEM;

	if (r == 0 && w.len < (is_long ? FIT_LONG_MIN : FIT_WINDOWS_MIN))
		r = -EINVAL;
	if (r == 0)
		r = scale_fit(&f->scale, &scale, w.rows, w.fit, WINDOW_DIM);
	if (r == 0) {
		f->host = host;
		f->is_long = is_long;
		f->windows = (uint32_t)w.len;
		f->hosts = count_hosts(&w);
		scale_apply_all(&f->scale, w.rows, w.len);
		r = is_long ? fit_centers(f, &w, seed) : fit_minutes(f, &w, seed);
	}
	if (r == 0) {
		calibrate(f, &w);
		*ret = *f;
	} else if (f != NULL) {
		window_fit_done(f);
	}
	work_done(&w);
	free(f);
	return r;
}

void
window_fit_done(struct window_fit *f)
{
	dbscan_done(&f->dense);
	change_done(&f->change);
}

/* How far out a level is: 1 is the edge of what is dense. */
static double
extent(const struct window_fit *f, const struct fit_score *s)
{
	return f->is_long ? s->level / DS_MAX(1.0, f->centers.radius[s->nearest]) : s->level;
}

/*
 * Windows that are all alike calibrate nothing: any other would be as good as impossible.  So a
 * level just beyond the edge, or a change of few features, is never very unlikely, whatever the
 * calibration says.
 */
void
window_fit_score(const struct window_fit *f, struct change_state *s,
    const double vector[WINDOW_DIM], struct fit_score *ret)
{
	double out;

	*ret = (struct fit_score){ .level_p = 1, .moved_p = 1 };
	/* As it is kept for training. */
	for (size_t i = 0; i < WINDOW_DIM; i++)
		ret->row[i] = (double)(float)vector[i];
	scale_apply(&f->scale, ret->row, ret->row);
	ret->level = f->is_long ? kmeans_distance(&f->centers, ret->row, &ret->nearest)
				: dbscan_distance(&f->dense, ret->row, &ret->nearest);
	out = extent(f, ret);
	ret->level_p = out > 1 ? exact_exp(-DECAY * (out - 1)) : 1;
	ret->level_p = DS_MAX(ret->level_p, DS_MAX(FIT_P_MIN, conformal_p(&f->level, ret->level)));
	if (s == NULL || f->change.dim == 0 ||
	    !change_score(&f->change, s, ret->row, &ret->moved, &ret->votes))
		return;
	ret->moved_p = exact_exp(-ret->moved * WINDOW_DIM);
	ret->moved_p = DS_MAX(ret->moved_p, DS_MAX(FIT_P_MIN, conformal_p(&f->moved, ret->moved)));
}

const double *
window_fit_nearest(const struct window_fit *f, const struct fit_score *s)
{
	return f->is_long ? f->centers.centers[s->nearest]
			  : f->dense.points + (size_t)s->nearest * f->dense.dim;
}

static int
compare(uint32_t host, bool is_long, const struct window_fit *f)
{
	if (host != f->host)
		return host < f->host ? -1 : 1;
	return (int)is_long - (int)f->is_long;
}

static const struct window_fit *
find(const struct window_model *m, uint32_t host, bool is_long)
{
	size_t from = 0, to = m->len;

	while (from < to) {
		size_t middle = (from + to) / 2;
		int c = compare(host, is_long, &m->fits[middle]);

		if (c == 0)
			return &m->fits[middle];
		if (c < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

const struct window_fit *
window_model_fit(const struct window_model *m, uint32_t host, bool is_long)
{
	const struct window_fit *f = find(m, host, is_long);

	return f != NULL ? f : find(m, 0, is_long);
}

int
window_model_add(struct window_model *m, struct window_fit *f)
{
	struct window_fit *grown;
	size_t at = m->len;

	if (m->len >= 2 * FIT_HOSTS_MAX)
		return -EFBIG;
	grown = realloc(m->fits, (m->len + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	m->fits = grown;
	for (; at > 0 && compare(f->host, f->is_long, &grown[at - 1]) < 0; at--)
		grown[at] = grown[at - 1];
	grown[at] = *f;
	m->len++;
	return 0;
}

void
window_model_done(struct window_model *m)
{
	for (size_t i = 0; i < m->len; i++)
		window_fit_done(&m->fits[i]);
	free(m->fits);
	m->fits = NULL;
	m->len = 0;
}
