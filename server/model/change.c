/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/change.h"

#include "server/model/kmeans.h"
#include "server/model/order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUANTILE  0.99
#define FADE      0.3 /* weight of the newest share of votes */
#define ROWS_MIN  (CHANGE_WARM * 4)
#define LIMIT_MIN 1e-6

/* Moves the newest value in; the vector is lags[0..5][f]. */
static void
advance(struct change_state *s, const double *row, uint32_t dim)
{
	for (uint32_t i = CHANGE_LAGS - 1; i > 0; i--)
		memcpy(s->lags[i], s->lags[i - 1], dim * sizeof(double));
	for (uint32_t i = CHANGE_SMOOTH - 1; i > 0; i--)
		memcpy(s->steps[i], s->steps[i - 1], dim * sizeof(double));
	for (uint32_t f = 0; f < dim; f++) {
		double sum = 0;

		s->steps[0][f] = s->seen > 0 ? row[f] - s->last[f] : 0;
		for (uint32_t i = 0; i < CHANGE_SMOOTH; i++)
			sum += s->steps[i][f];
		s->lags[0][f] = sum / CHANGE_SMOOTH;
		s->last[f] = row[f];
	}
	s->seen += s->seen < CHANGE_WARM;
}

static void
vector(const struct change_state *s, uint32_t f, double *ret)
{
	for (uint32_t i = 0; i < CHANGE_LAGS; i++)
		ret[i] = s->lags[i][f];
}

/* ---- fitting */

static double
distance(const struct change_model *m, const double *v)
{
	double a = row_distance(v, m->centers[0], CHANGE_LAGS);
	double b = row_distance(v, m->centers[1], CHANGE_LAGS);

	return sqrt(DS_MIN(a, b));
}

static int
fit_one(struct change_model *ret, const double *vectors, size_t len, double quantile, uint64_t seed,
    double *room)
{
	const struct kmeans_config cfg = { .k = CHANGE_K, .iterations_max = 50, .seed = seed };
	const struct rows rows = { .len = len, .dim = CHANGE_LAGS, .at = vectors };
	struct kmeans m;
	int r = kmeans_fit(&m, &cfg, &rows);

	if (r < 0)
		return r;
	for (uint32_t c = 0; c < CHANGE_K; c++)
		memcpy(ret->centers[c], m.centers[c < m.k ? c : 0], sizeof(ret->centers[c]));
	for (size_t i = 0; i < len; i++)
		room[i] = distance(ret, vectors + i * CHANGE_LAGS);
	ret->limit = order_select(room, len, (size_t)(quantile * (double)(len - 1)));
	ret->limit = DS_MAX(ret->limit, LIMIT_MIN);
	return 0;
}

/* All vectors of one feature, in time. */
static size_t
unroll(const double *rows, size_t len, uint32_t dim, uint32_t f, double *ret)
{
	struct change_state s = { .seen = 0 };
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		advance(&s, rows + i * dim + f, 1);
		if (s.seen == CHANGE_WARM)
			vector(&s, 0, ret + n++ * CHANGE_LAGS);
	}
	return n;
}

/* Stretch i of n: each twice as long as the step, so that neighbours overlap by half. */
static void
stretch(size_t len, uint32_t i, uint32_t n, size_t *ret_from, size_t *ret_len)
{
	size_t step = len / (n + 1);

	*ret_from = n == 1 ? 0 : i * step;
	*ret_len = n == 1 ? len : 2 * step;
	if (i + 1 == n)
		*ret_len = len - *ret_from;
}

static int
fit_feature(struct changes *m, const struct change_config *cfg, const double *rows, size_t len,
    uint32_t f, double *room)
{
	double *distances = room + len * CHANGE_LAGS;
	size_t n = unroll(rows, len, m->dim, f, room), from, count;

	for (uint32_t i = 0; i < m->models; i++) {
		int r;

		stretch(n, i, m->models, &from, &count);
		r = fit_one(&m->at[i * m->dim + f], room + from * CHANGE_LAGS, count,
		    cfg->quantile > 0 ? cfg->quantile : QUANTILE, cfg->seed + i, distances);
		if (r < 0)
			return r;
	}
	return 0;
}

int
change_fit(struct changes *ret, const struct change_config *cfg, const double *rows, size_t len,
    uint32_t dim)
{
	struct changes m = { .dim = dim };
	double *room;
	int r = 0;

	if (dim == 0 || dim > MODEL_DIM_MAX || cfg->models > CHANGE_MODELS_MAX || len < ROWS_MIN)
		return -EINVAL;
	/* A stretch too short to learn from makes everything strange. */
	m.models = (uint32_t)DS_MAX(1, DS_MIN(cfg->models, len / ROWS_MIN));
	m.at = calloc((size_t)m.models * dim, sizeof(*m.at));
	room = malloc(len * (CHANGE_LAGS + 1) * sizeof(*room));
	if (m.at == NULL || room == NULL)
		r = -ENOMEM;
	for (uint32_t f = 0; f < dim && r == 0; f++)
		r = fit_feature(&m, cfg, rows, len, f, room);
	free(room);
	if (r < 0)
		change_done(&m);
	else
		*ret = m;
	return r;
}

void
change_done(struct changes *m)
{
	free(m->at);
	*m = (struct changes){ .dim = 0 };
}

/* ---- scoring */

static bool
votes(const struct changes *m, const struct change_state *s, uint32_t f)
{
	double v[CHANGE_LAGS];

	vector(s, f, v);
	for (uint32_t i = 0; i < m->models; i++) {
		const struct change_model *model = &m->at[i * m->dim + f];

		if (!(distance(model, v) > model->limit))
			return false;
	}
	return true;
}

bool
change_score(const struct changes *m, struct change_state *s, const double *row, double *ret_score,
    uint64_t *ret_votes)
{
	uint64_t bits = 0;

	advance(s, row, m->dim);
	if (s->seen < CHANGE_WARM)
		return false;
	for (uint32_t f = 0; f < m->dim; f++)
		bits |= (uint64_t)votes(m, s, f) << f;
	s->share = (1 - FADE) * s->share + FADE * __builtin_popcountll(bits) / m->dim;
	*ret_score = s->share;
	if (ret_votes != NULL)
		*ret_votes = bits;
	return true;
}
