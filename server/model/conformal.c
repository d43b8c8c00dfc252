/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/conformal.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

#define TAIL_MIN   100u /* scores before a tail is fitted */
#define TAIL_SHARE 0.1  /* of the scores, the largest, it is fitted to */
#define TAIL_FLOOR 1e-3 /* of 1 / (n + 1): no further does a tail go */
#define SCORE_MAX  1e30f

/* How many levels a score is part of, besides the first: one in four has one, one in sixteen two.
 */
static unsigned
levels_of(uint64_t n)
{
	n *= 0x9e3779b97f4a7c15ull;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	n ^= n >> 31;
	return (unsigned)__builtin_ctzll(n | UINT64_C(1) << 2 * (CONFORMAL_LEVELS - 1)) / 2;
}

static float
bounded(double score)
{
	return score > (double)SCORE_MAX    ? SCORE_MAX
	       : score < -(double)SCORE_MAX ? -SCORE_MAX
					    : (float)score;
}

static void
learn_top(struct conformal_level *l, float score)
{
	uint32_t at;

	if (l->len == CONFORMAL_TOP && score <= l->top[CONFORMAL_TOP - 1])
		return;
	if (l->len < CONFORMAL_TOP)
		l->len++;
	for (at = l->len - 1; at > 0 && l->top[at - 1] < score; at--)
		l->top[at] = l->top[at - 1];
	l->top[at] = score;
}

void
conformal_learn(struct conformal *c, double score)
{
	unsigned levels;

	if (isnan(score))
		return;
	levels = levels_of(++c->n);
	for (unsigned i = 0; i <= levels; i++) {
		c->level[i].n++;
		learn_top(&c->level[i], bounded(score));
	}
}

/* The chance to be above score, given that one is among the k largest: generalised Pareto by
 * probability-weighted moments. */
static double
tail(const float *top, uint32_t k, double score)
{
	double threshold = (double)top[k - 1], mean = 0, weighted = 0, shape, scale, x;

	for (uint32_t i = 0; i < k - 1; i++) {
		double over = (double)top[i] - threshold;

		/* Descending: the i-th largest has the share (i + 0.65) / (k - 1) above it. */
		mean += over;
		weighted += over * (i + 0.65) / (k - 1);
	}
	mean /= k - 1;
	weighted /= k - 1;
	if (!(mean > 0))
		return score > threshold ? 0 : 1;
	shape = mean - 2 * weighted > 0 ? 2 - mean / (mean - 2 * weighted) : 0.5;
	shape = shape < 0 ? 0 : shape > 0.5 ? 0.5 : shape;
	scale = mean * (1 - shape);
	x = (score - threshold) / scale;
	return shape < 1e-6 ? exp(-x) : pow(1 + shape * x, -1 / shape);
}

/* The level that knows best how many were at least `score`: the first that reaches down to it.
 * *ret_above: how many there. */
static double
counted(const struct conformal *c, float score, uint32_t *ret_above)
{
	for (unsigned i = 0; i < CONFORMAL_LEVELS; i++) {
		const struct conformal_level *l = &c->level[i];
		uint32_t above = 0;

		if (l->len == CONFORMAL_TOP && score <= l->top[CONFORMAL_TOP - 1])
			continue;
		if (l->n == 0)
			break;
		while (above < l->len && l->top[above] >= score)
			above++;
		*ret_above = above;
		return (1 + (double)above * (double)c->n / (double)l->n) / ((double)c->n + 1);
	}
	*ret_above = CONFORMAL_TOP;
	return 1;
}

/* The level that keeps the whole tail, and how much of it that is. */
static const struct conformal_level *
tail_level(const struct conformal *c, uint32_t *ret_k)
{
	for (unsigned i = 0; i < CONFORMAL_LEVELS; i++) {
		double k = TAIL_SHARE * (double)c->level[i].n;

		*ret_k = k < CONFORMAL_TOP ? (uint32_t)k : CONFORMAL_TOP;
		if (k < CONFORMAL_TOP)
			return &c->level[i];
	}
	return &c->level[CONFORMAL_LEVELS - 1];
}

/*
 * In the tail the fit holds and not the count: what was told and nobody has looked at is missing
 * among the largest, which a count would mistake for how unusual they are.  Only where far more
 * were seen than the fit allows is it wrong.
 */
double
conformal_p(const struct conformal *c, double score)
{
	double p, fitted, least = 1 / ((double)c->n + 1);
	const struct conformal_level *l;
	float s = bounded(score);
	uint32_t k, above = 0;

	if (c->n == 0 || isnan(score))
		return 1;
	p = counted(c, s, &above);
	p = p < 1 ? p : 1;
	l = tail_level(c, &k);
	if (c->n < TAIL_MIN || k < 2 || s <= l->top[k - 1])
		return p;
	fitted = k / ((double)l->n + 1) * tail(l->top, k, (double)s);
	if (above >= 4 && fitted < p * (1 - 2 / sqrt(above)))
		fitted = p * (1 - 2 / sqrt(above));
	if (fitted > 1)
		return 1;
	return fitted > TAIL_FLOOR * least ? fitted : TAIL_FLOOR * least;
}

void
conformal_learn_censored(struct conformal *c, double score, double p)
{
	double low, high = (double)bounded(score);

	if (c->n == 0 || isnan(score) || conformal_p(c, score) > p) {
		conformal_learn(c, score);
		return;
	}
	/* The least score that is so unusual lies between the least that is known and this one. */
	low = (double)c->level[0].top[c->level[0].len - 1];
	if (conformal_p(c, low) <= p)
		high = low;
	for (int i = 0; i < 64 && high > low; i++) {
		double middle = low + (high - low) / 2;

		if (conformal_p(c, middle) <= p)
			high = middle;
		else
			low = middle;
	}
	conformal_learn(c, high);
}

void
conformal_merge(struct conformal *c, const struct conformal *other)
{
	c->n += other->n;
	for (unsigned i = 0; i < CONFORMAL_LEVELS; i++) {
		c->level[i].n += other->level[i].n;
		for (uint32_t k = 0; k < other->level[i].len; k++)
			learn_top(&c->level[i], other->level[i].top[k]);
	}
}

static int
check_level(const struct conformal_level *l)
{
	if (l->len > CONFORMAL_TOP || l->len != (l->n < CONFORMAL_TOP ? l->n : CONFORMAL_TOP))
		return -EBADMSG;
	for (uint32_t i = 0; i < l->len; i++)
		if (!isfinite(l->top[i]) || (i > 0 && l->top[i] > l->top[i - 1]))
			return -EBADMSG;
	return 0;
}

int
conformal_check(const struct conformal *c)
{
	if (c->n != c->level[0].n)
		return -EBADMSG;
	for (unsigned i = 0; i < CONFORMAL_LEVELS; i++)
		if (check_level(&c->level[i]) < 0 || c->level[i].n > c->n)
			return -EBADMSG;
	return 0;
}
