/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/kmeans.h"

#include "server/model/random.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 100
#define SEEDS_FROM     65536u /* rows that k-means++ looks at, spread over all */

/* Room for one block, its turned copy, and distances. */
struct work {
	double room[ROWS_BLOCK * MODEL_DIM_MAX];
	double turned[ROWS_BLOCK * MODEL_DIM_MAX];
	double distance[ROWS_BLOCK], best[ROWS_BLOCK];
	uint32_t cluster[ROWS_BLOCK];
	double sum[KMEANS_MAX][MODEL_DIM_MAX];
	double error[KMEANS_MAX]; /* squared distances */
	uint64_t len[KMEANS_MAX];
};

/* ---- k-means++ */

struct seeds {
	double *rows;   /* finite ones, evenly spread */
	double *weight; /* squared distance to the nearest centre so far */
	size_t len;
};

static bool
is_finite_row(const double *row, uint32_t dim)
{
	double sum = 0;

	for (uint32_t f = 0; f < dim; f++)
		sum += row[f] * 0;
	return sum == 0;
}

static int
seeds_gather(struct seeds *s, const struct rows *rows, struct work *w)
{
	size_t step = rows->len / SEEDS_FROM + 1;

	s->rows = malloc((rows->len / step + 1) * rows->dim * sizeof(double));
	s->weight = malloc((rows->len / step + 1) * sizeof(double));
	if (s->rows == NULL || s->weight == NULL)
		return -ENOMEM;
	for (size_t from = 0; from < rows->len; from += ROWS_BLOCK) {
		size_t count, first = (step - from % step) % step;
		const double *block = rows_block(rows, from, w->room, &count);

		for (size_t i = first; i < count; i += step)
			if (is_finite_row(block + i * rows->dim, rows->dim))
				memcpy(s->rows + s->len++ * rows->dim, block + i * rows->dim,
				    rows->dim * sizeof(double));
	}
	return s->len > 0 ? 0 : -EINVAL;
}

/* The row at which the running sum of weights passes a random share of it all. */
static size_t
draw(const struct seeds *s, struct random *random, double total)
{
	double at = random_unit(random) * total, sum = 0;

	for (size_t i = 0; i < s->len; i++) {
		sum += s->weight[i];
		if (sum > at)
			return i;
	}
	return s->len - 1;
}

static void
seeds_choose(const struct seeds *s, const struct kmeans_config *cfg, struct kmeans *m)
{
	struct random random;
	size_t chosen;

	random_seed(&random, cfg->seed);
	chosen = random_below(&random, s->len);
	for (m->k = 0; m->k < cfg->k;) {
		double *center = m->centers[m->k], total = 0;

		memcpy(center, s->rows + chosen * m->dim, m->dim * sizeof(double));
		for (size_t i = 0; i < s->len; i++) {
			double d = row_distance(s->rows + i * m->dim, center, m->dim);

			s->weight[i] = m->k == 0 ? d : DS_MIN(d, s->weight[i]);
			total += s->weight[i];
		}
		m->k++;
		if (!(total > 0))
			return; /* no other row is different */
		chosen = draw(s, &random, total);
	}
}

/* ---- Lloyd */

static void
assign(const struct kmeans *m, size_t count, struct work *w)
{
	for (uint32_t c = 0; c < m->k; c++) {
		rows_distance(w->turned, count, m->dim, m->centers[c], w->distance);
		for (size_t i = 0; i < count; i++)
			if (c == 0 || w->distance[i] < w->best[i]) {
				w->best[i] = w->distance[i];
				w->cluster[i] = c;
			}
	}
}

static void
collect(const struct kmeans *m, const double *block, size_t count, struct work *w)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t c = w->cluster[i];

		if (!isfinite(w->best[i]))
			continue;
		w->len[c]++;
		w->error[c] += w->best[i];
		for (uint32_t f = 0; f < m->dim; f++)
			w->sum[c][f] += block[i * m->dim + f];
	}
}

static void
pass(const struct kmeans *m, const struct rows *rows, struct work *w)
{
	for (uint32_t c = 0; c < m->k; c++) {
		w->len[c] = 0;
		w->error[c] = 0;
		for (uint32_t f = 0; f < m->dim; f++)
			w->sum[c][f] = 0;
	}
	for (size_t from = 0; from < rows->len; from += ROWS_BLOCK) {
		size_t count;
		const double *block = rows_block(rows, from, w->room, &count);

		rows_turn(block, count, m->dim, w->turned);
		assign(m, count, w);
		collect(m, block, count, w);
	}
}

/* Moves the centres to the middle of their rows; true while one moved. */
static bool
move(struct kmeans *m, const struct work *w)
{
	bool moved = false;

	for (uint32_t c = 0; c < m->k; c++)
		for (uint32_t f = 0; f < m->dim && w->len[c] > 0; f++) {
			double mean = w->sum[c][f] / (double)w->len[c];

			moved |= fabs(mean - m->centers[c][f]) > 1e-9 * (1 + fabs(mean));
			m->centers[c][f] = mean;
		}
	return moved;
}

static void
lloyd(struct kmeans *m, const struct rows *rows, uint32_t iterations_max, struct work *w)
{
	bool moved = true;

	while (moved && m->iterations < iterations_max) {
		pass(m, rows, w);
		moved = move(m, w);
		m->iterations++;
	}
	for (uint32_t c = 0; c < m->k; c++) {
		m->len[c] = w->len[c];
		m->radius[c] = w->len[c] > 0 ? sqrt(w->error[c] / (double)w->len[c]) : 0;
	}
}

int
kmeans_fit(struct kmeans *ret, const struct kmeans_config *cfg, const struct rows *rows)
{
	struct kmeans *m;
	struct work *w;
	struct seeds s = { .len = 0 };
	int r = -ENOMEM;

	if (rows->len == 0 || rows->dim == 0 || rows->dim > MODEL_DIM_MAX || cfg->k == 0 ||
	    cfg->k > KMEANS_MAX)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	w = malloc(sizeof(*w));
	if (m != NULL && w != NULL)
		r = seeds_gather(&s, rows, w);
	if (r == 0) {
		m->dim = rows->dim;
		seeds_choose(&s, cfg, m);
		lloyd(m, rows, cfg->iterations_max ? cfg->iterations_max : ITERATIONS_MAX, w);
		*ret = *m;
	}
	free(s.rows);
	free(s.weight);
	free(w);
	free(m);
	return r;
}

double
kmeans_distance(const struct kmeans *m, const double *row, uint32_t *ret_cluster)
{
	double best = (double)INFINITY;
	uint32_t cluster = 0;

	for (uint32_t c = 0; c < m->k; c++) {
		double d = row_distance(row, m->centers[c], m->dim);

		if (d < best) {
			best = d;
			cluster = c;
		}
	}
	if (ret_cluster != NULL)
		*ret_cluster = cluster;
	return sqrt(best);
}
