/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/eval/smd_methods.h"

#include "server/model/change.h"
#include "server/model/dbscan.h"
#include "server/model/exact.h"
#include "server/model/kmeans.h"
#include "tests/eval/eval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 1

static size_t
scored_len(const struct smd_rows *r)
{
	return r->calibration + r->test;
}

static const double *
scored_row(const struct smd_rows *r, size_t i)
{
	return r->at + (r->fit + i) * r->dim;
}

static int
score_mean_square(const struct smd_rows *r, double *const *before, double *ret)
{
	(void)before;
	for (size_t i = 0; i < scored_len(r); i++) {
		ret[i] = 0;
		for (uint32_t f = 0; f < r->dim; f++)
			ret[i] += scored_row(r, i)[f] * scored_row(r, i)[f] / r->dim;
	}
	return 0;
}

static int
score_kmeans(const struct smd_rows *r, double *const *before, double *ret)
{
	const struct kmeans_config cfg = { .k = 2, .seed = SEED };
	const struct rows rows = { .len = r->fit, .dim = r->dim, .at = r->at };
	struct kmeans m;
	int e = kmeans_fit(&m, &cfg, &rows);

	(void)before;
	for (size_t i = 0; i < scored_len(r) && e == 0; i++)
		ret[i] = kmeans_distance(&m, scored_row(r, i), NULL);
	return e;
}

static int
score_dbscan(const struct smd_rows *r, double *const *before, double *ret)
{
	const struct dbscan_config cfg = { .eps = 0 };
	struct dbscan m;
	int e = dbscan_fit(&m, &cfg, r->at, r->fit, r->dim);

	(void)before;
	if (e < 0)
		return e;
	for (size_t i = 0; i < scored_len(r); i++)
		ret[i] = dbscan_distance(&m, scored_row(r, i), NULL);
	dbscan_done(&m);
	return 0;
}

static int
score_change_of(const struct smd_rows *r, uint32_t models, double *ret)
{
	const struct change_config cfg = { .models = models, .seed = SEED };
	struct change_state s = { .seen = 0 };
	struct changes m;
	int e = change_fit(&m, &cfg, r->at, r->fit, r->dim);

	if (e < 0)
		return e;
	for (size_t i = 0; i < scored_len(r); i++) {
		/* The test begins anew: the two files need not be neighbours in time. */
		if (i == r->calibration)
			s = (struct change_state){ .seen = 0 };
		ret[i] = 0;
		(void)change_score(&m, &s, scored_row(r, i), &ret[i], NULL);
	}
	change_done(&m);
	return 0;
}

static int
score_change(const struct smd_rows *r, double *const *before, double *ret)
{
	(void)before;
	return score_change_of(r, 1, ret);
}

static int
score_consensus(const struct smd_rows *r, double *const *before, double *ret)
{
	(void)before;
	return score_change_of(r, CHANGE_MODELS_MAX, ret);
}

/* How surprising a score is: -ln p, p from the calibration rows; beyond the upper twentieth of
 * them an exponential tail goes on. */
static double
surprise(const double *sorted, size_t len, double score)
{
	size_t tail = len - len / 20 - 1, below = 0, to = len;
	double excess = 0;

	while (below < to) {
		size_t middle = (below + to) / 2;

		if (sorted[middle] < score)
			below = middle + 1;
		else
			to = middle;
	}
	if (below <= tail || tail + 1 >= len)
		return -exact_log((double)(len - below + 1) / (double)(len + 1));
	for (size_t i = tail + 1; i < len; i++)
		excess += (sorted[i] - sorted[tail]) / (double)(len - tail - 1);
	excess = DS_MAX(excess, 1e-9 + fabs(sorted[tail]) * 0.01);
	return DS_MIN(700, -exact_log(0.05) + (score - sorted[tail]) / excess);
}

static int
sorted_calibration(const struct smd_rows *r, const double *scores, double **ret)
{
	*ret = malloc((r->calibration + 1) * sizeof(**ret));
	if (*ret == NULL)
		return -ENOMEM;
	memcpy(*ret, scores, r->calibration * sizeof(**ret));
	eval_sort(*ret, r->calibration);
	return 0;
}

/* Level and change together: dbscan and change are rows 2 and 3 of the table. */
static int
score_fisher(const struct smd_rows *r, double *const *before, double *ret)
{
	double *level = NULL, *change = NULL;
	int e = sorted_calibration(r, before[2], &level);

	if (e == 0)
		e = sorted_calibration(r, before[3], &change);
	for (size_t i = 0; i < scored_len(r) && e == 0; i++)
		ret[i] = surprise(level, r->calibration, before[2][i]) +
			 surprise(change, r->calibration, before[3][i]);
	free(level);
	free(change);
	return e;
}

const struct smd_method smd_methods[SMD_METHODS] = {
	{ "mean_square", score_mean_square },
	{ "kmeans", score_kmeans },
	{ "dbscan", score_dbscan },
	{ "change", score_change },
	{ "consensus", score_consensus },
	{ "fisher", score_fisher },
};
