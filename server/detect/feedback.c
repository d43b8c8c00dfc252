/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/feedback.h"

#include "lib/array.h"
#include "lib/map.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ROUNDS     400
#define STEP       0.5
#define RIDGE      0.02 /* pulls a family's slope to that of all */
#define X_MAX      6.0  /* a p-value of a millionth is as good as any smaller one */
#define WEIGHT_MIN 0.25
#define WEIGHT_MAX 4.0
#define PRIOR      5.0 /* alarms' worth of belief that the budget holds */
#define FACTOR_MAX 8.0
#define OPEN_MAX   1.0488 /* the square root of 1.1: from end to end it is a tenth */

struct label {
	double x[EVIDENCE_FAMILIES];
	bool right;
};

struct feedback {
	struct ds_map *hosts; /* u32 -> struct reviews */
	struct label *labels;
	size_t len, room, right;
	bool weighted;
	double weight[EVIDENCE_FAMILIES];
};

struct feedback *
feedback_new(void)
{
	struct feedback *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->hosts = ds_map_new(FEEDBACK_HOSTS_MAX);
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		f->weight[i] = 1;
	if (f->hosts != NULL)
		return f;
	free(f);
	return NULL;
}

void
feedback_free(void *feedback)
{
	struct feedback *f = feedback;

	if (f == NULL)
		return;
	ds_map_free(f->hosts, free);
	free(f->labels);
	free(f);
}

static int
add_label(struct feedback *f, const struct alarm *a)
{
	struct label *to;

	if (a->review == REVIEW_OPEN || f->len == FEEDBACK_LABELS_MAX)
		return 0;
	to = ds_array_grow(f->labels, f->len, &f->room, sizeof(*f->labels));
	if (to == NULL)
		return -ENOMEM;
	f->labels = to;
	to += f->len++;
	*to = (struct label){ .right = a->review == REVIEW_RIGHT };
	f->right += to->right;
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		if (a->p[i] > 0 && a->p[i] <= 1)
			to->x[i] = DS_MIN(X_MAX, -log10(a->p[i]));
	return 0;
}

int
feedback_add(struct feedback *f, const struct alarm *a)
{
	struct reviews *of = ds_map_get(f->hosts, &a->host, sizeof(a->host));

	if (of == NULL && !a->decisive) {
		of = calloc(1, sizeof(*of));
		if (of == NULL)
			return -ENOMEM;
		if (ds_map_put(f->hosts, &a->host, sizeof(a->host), of, NULL) < 0) {
			free(of);
			of = NULL; /* no room */
		}
	}
	if (of != NULL && !a->decisive)
		*(a->review == REVIEW_OPEN      ? &of->open
		    : a->review == REVIEW_RIGHT ? &of->right
						: &of->wrong) += 1;
	return add_label(f, a);
}

/* ---- weights */

/* One step downhill of the logistic loss, slopes pulled to their common one. */
static void
descend(const struct feedback *f, double slope[EVIDENCE_FAMILIES], double *bias)
{
	double gradient[EVIDENCE_FAMILIES] = { 0 }, of_bias = 0, middle = 0;

	for (int k = 0; k < EVIDENCE_FAMILIES; k++)
		middle += slope[k] / EVIDENCE_FAMILIES;
	for (size_t i = 0; i < f->len; i++) {
		const struct label *l = &f->labels[i];
		double z = *bias, error;

		for (int k = 0; k < EVIDENCE_FAMILIES; k++)
			z += slope[k] * l->x[k];
		error = 1 / (1 + exp(-z)) - l->right;
		of_bias += error;
		for (int k = 0; k < EVIDENCE_FAMILIES; k++)
			gradient[k] += error * l->x[k] / X_MAX;
	}
	*bias -= STEP * of_bias / (double)f->len;
	for (int k = 0; k < EVIDENCE_FAMILIES; k++)
		slope[k] -= STEP * (gradient[k] / (double)f->len + RIDGE * (slope[k] - middle));
}

/* The slope says what a decade of a family is worth. */
void
feedback_finish(struct feedback *f)
{
	double slope[EVIDENCE_FAMILIES], bias = 0, middle = 0;

	if (f->len < FEEDBACK_LABELS_MIN || f->right < FEEDBACK_EACH_MIN ||
	    f->len - f->right < FEEDBACK_EACH_MIN)
		return;
	for (int k = 0; k < EVIDENCE_FAMILIES; k++)
		slope[k] = 0.5;
	for (int i = 0; i < ROUNDS; i++)
		descend(f, slope, &bias);
	for (int k = 0; k < EVIDENCE_FAMILIES; k++)
		middle += DS_MAX(0, slope[k]) / EVIDENCE_FAMILIES;
	/* When nothing tells right from wrong, there is nothing to weight. */
	f->weighted = middle > 0.01;
	for (int k = 0; k < EVIDENCE_FAMILIES && f->weighted; k++)
		f->weight[k] = DS_MAX(WEIGHT_MIN, DS_MIN(WEIGHT_MAX, slope[k] / middle));
}

bool
feedback_weights(const struct feedback *f, double ret[EVIDENCE_FAMILIES])
{
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		ret[i] = f != NULL ? f->weight[i] : 1;
	return f != NULL && f->weighted;
}

uint64_t
feedback_labels(const struct feedback *f)
{
	return f != NULL ? f->len : 0;
}

struct reviews
feedback_of_host(const struct feedback *f, uint32_t host)
{
	const struct reviews *r = f != NULL ? ds_map_get(f->hosts, &host, sizeof(host)) : NULL;

	return r != NULL ? *r : (struct reviews){ 0 };
}

/* ---- thresholds */

static double
between(double low, double x, double high)
{
	return DS_MAX(low, DS_MIN(high, x));
}

double
feedback_factor(const struct reviews *r, double expected)
{
	double said = (double)(r->right + r->wrong), all = said + (double)r->open, part, by, open;

	if (!(all > 0) || !(expected >= 0))
		return 1;
	part = said / all;
	by = (part * expected + PRIOR) / ((double)r->wrong + PRIOR);
	open = ((1 - part) * expected + PRIOR) / ((double)r->open + PRIOR);
	return between(1 / FACTOR_MAX, by, FACTOR_MAX) * between(1 / OPEN_MAX, open, OPEN_MAX);
}
