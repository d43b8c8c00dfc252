/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/llr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR 0.01 /* of a category that was never seen, as weight (Maxion and Townsend) */
#define DEVIATION_MIN \
	20.0 /* added: an entity that always does the same deviates by next to nothing */
#define MEMORY 0.2

void
llr_init(struct llr *m)
{
	*m = (struct llr){ 0 };
	tally_init(&m->self, LLR_TYPES_MAX);
}

static void
drop_kept(struct llr *m)
{
	for (uint32_t i = 0; i < m->kept_len; i++)
		free(m->kept[i]);
	m->kept_len = 0;
}

void
llr_done(struct llr *m)
{
	drop_kept(m);
	tally_done(&m->self);
}

static double
positive(double v)
{
	return v > 0 ? v : 0;
}

/* `held`: a part of the entity's counts that is taken out of them for now; NULL: nothing. */
static double
ratio(const struct llr *m, const struct tally *others, const struct tally *held, uint32_t category)
{
	double types = others->len > m->self.len ? others->len : m->self.len;
	double self = tally_get(&m->self, category), self_total = m->self.total;
	double rest = positive(tally_get(others, category) - self);
	double rest_total = positive(others->total - self_total);

	if (held != NULL) {
		self = positive(self - tally_get(held, category));
		self_total = positive(self_total - held->total);
	}
	types = types < 2 ? 2 : types;
	return log((rest + PRIOR) / (rest_total + PRIOR * types)) -
	       log((self + PRIOR) / (self_total + PRIOR * types));
}

static double
block_ratio(const struct llr *m, const struct tally *others, const struct tally *held,
    const struct llr_item *items, size_t len)
{
	double sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (double)items[i].weight * ratio(m, others, held, items[i].category);
	return sum;
}

double
llr_event(const struct llr *m, const struct tally *others, uint32_t category)
{
	return ratio(m, others, NULL, category);
}

double
llr_raw(const struct llr *m, const struct tally *others, const struct llr_item *items, size_t len)
{
	return block_ratio(m, others, NULL, items, len);
}

double
llr_score(struct llr *m, const struct tally *others, const struct llr_item *items, size_t len)
{
	double score;

	if (!m->ready)
		return 0;
	score = (llr_raw(m, others, items, len) - m->mean) / m->deviation + MEMORY * m->memory;
	m->memory = positive(score);
	return score;
}

static int
keep(struct llr *m, const struct llr_item *items, size_t len)
{
	struct llr_kept *k = malloc(sizeof(*k) + len * sizeof(*items));

	if (k == NULL)
		return -ENOMEM;
	k->len = (uint32_t)len;
	if (len > 0)
		memcpy(k->items, items, len * sizeof(*items));
	m->kept[m->kept_len++] = k;
	return 0;
}

int
llr_count(struct llr *m, struct tally *others, const struct llr_item *items, size_t len)
{
	int r = 0;

	if (len > LLR_ITEMS_MAX)
		len = LLR_ITEMS_MAX;
	for (size_t i = 0; r == 0 && i < len; i++) {
		r = tally_add(&m->self, items[i].category, (double)items[i].weight);
		if (r == 0)
			r = tally_add(others, items[i].category, (double)items[i].weight);
	}
	if (r == 0 && !m->ready && m->kept_len < LLR_BLOCKS)
		r = keep(m, items, len);
	if (m->self.total > LLR_WEIGHT_MAX)
		tally_scale(&m->self, 0.5, PRIOR);
	return r;
}

/* Raw scores of the kept blocks, each with its neighbours held out. */
static int
score_kept(const struct llr *m, const struct tally *others, double ret[LLR_BLOCKS])
{
	int r = 0;

	for (uint32_t from = 0; r == 0 && from < m->kept_len; from += LLR_FOLD) {
		uint32_t to = from + LLR_FOLD < m->kept_len ? from + LLR_FOLD : m->kept_len;
		struct tally held;

		tally_init(&held, LLR_TYPES_MAX);
		for (uint32_t b = from; r == 0 && b < to; b++)
			for (uint32_t i = 0; r == 0 && i < m->kept[b]->len; i++)
				r = tally_add(&held, m->kept[b]->items[i].category,
				    (double)m->kept[b]->items[i].weight);
		for (uint32_t b = from; r == 0 && b < to; b++)
			ret[b] = block_ratio(m, others, &held, m->kept[b]->items, m->kept[b]->len);
		tally_done(&held);
	}
	return r;
}

int
llr_make_scale(struct llr *m, const struct tally *others, double ret_scores[LLR_BLOCKS])
{
	double mean = 0, squares = 0, memory = 0;
	int r;

	if (m->ready || m->kept_len < LLR_BLOCKS)
		return 0;
	r = score_kept(m, others, ret_scores);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < LLR_BLOCKS; i++)
		mean += ret_scores[i] / LLR_BLOCKS;
	for (uint32_t i = 0; i < LLR_BLOCKS; i++)
		squares += (ret_scores[i] - mean) * (ret_scores[i] - mean);
	m->mean = mean;
	m->deviation = sqrt(squares / (LLR_BLOCKS - 1)) + DEVIATION_MIN;
	for (uint32_t i = 0; i < LLR_BLOCKS; i++) {
		ret_scores[i] = (ret_scores[i] - mean) / m->deviation + MEMORY * memory;
		memory = positive(ret_scores[i]);
	}
	m->ready = true;
	drop_kept(m);
	return 1;
}

int
llr_learn(struct llr *m, struct tally *others, const struct llr_item *items, size_t len,
    double ret_scores[LLR_BLOCKS])
{
	int r = llr_count(m, others, items, len);

	return r < 0 ? r : llr_make_scale(m, others, ret_scores);
}
