/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mixture - whose behaviour a daemon's block looks like; see sequence.h. */
#include "server/detect/key.h"
#include "server/detect/sequence_state.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 1.0 /* spreads of the daemon's own: less is nothing, however even it was before */

static const struct evidence_model model = { "llr", EVIDENCE_SEQUENCE, "window_outlier",
	"does an unusual mixture of what it is known to do", LEAST };

/* Of what an agent counted, the hundredth time says little that the tenth did not. */
static float
weight_of(uint64_t count)
{
	return count <= 1 ? 1 : (float)(64 - __builtin_clzll(count));
}

void
mixture_see(struct daemon_models *m, struct behaviour *b, uint64_t count)
{
	float weight = weight_of(count);

	if (!(b->block_weight > 0)) {
		b->block_next = m->block;
		m->block = b;
	}
	b->block_weight += weight;
	m->weight += weight;
}

static uint32_t
category_of(const struct behaviour *b)
{
	return (uint32_t)key_hash(31 + b->kind, b->key, b->key_size);
}

/* ---- explanation */

struct mixture {
	const struct daemon_models *models;
	const struct behaviour *worst[EVIDENCE_FEATURES_MAX];
	double part[EVIDENCE_FEATURES_MAX]; /* of the raw score */
	size_t len;
	double raw;
};

static void
note_worst(struct mixture *x, const struct behaviour *b, double part)
{
	size_t at;

	if (x->len == EVIDENCE_FEATURES_MAX && part <= x->part[x->len - 1])
		return;
	if (x->len < EVIDENCE_FEATURES_MAX)
		x->len++;
	for (at = x->len - 1; at > 0 && x->part[at - 1] < part; at--) {
		x->worst[at] = x->worst[at - 1];
		x->part[at] = x->part[at - 1];
	}
	x->worst[at] = b;
	x->part[at] = part;
}

static double
percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* Of others only when there are any. */
static void
say_usual(double here, double there, double others, const char *class, char *ret, size_t size)
{
	if (others > 0)
		snprintf(ret, size, "%.3g %% here, %.3g %% on other hosts with %.60s", here, there,
		    class);
	else
		snprintf(ret, size, "%.3g %% here; of other hosts nothing is known yet", here);
}

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct mixture *x = ctx;
	const struct llr *l = &x->models->llr;
	const struct tally *others = &x->models->class->others;
	double rest = others->total - l->self.total;
	size_t len = x->len < max ? x->len : max;

	for (size_t i = 0; i < len; i++) {
		const struct behaviour *b = x->worst[i];
		double own = tally_get(&l->self, category_of(b));
		double all = tally_get(others, category_of(b));
		char what[120];

		key_text(b->kind, b->key, b->key_size, what, sizeof(what));
		snprintf(ret[i].feature, sizeof(ret[i].feature), "share of %s",
		    ds_kind_table[b->kind].action);
		snprintf(ret[i].observed, sizeof(ret[i].observed), "%.120s: %.3g %% of %.0f", what,
		    percent((double)b->block_weight, (double)x->models->weight),
		    (double)x->models->weight);
		say_usual(percent(own, l->self.total), percent(all - own, rest), rest,
		    x->models->daemon->class, ret[i].baseline, sizeof(ret[i].baseline));
		ret[i].weight = x->raw > 0 ? x->part[i] / x->raw : 0;
		if (ret[i].weight > 1)
			ret[i].weight = 1;
	}
	return len;
}

/* ---- learning */

static int
learn(struct turn *t, struct daemon_models *m, const struct llr_item *items, size_t len)
{
	double scores[LLR_BLOCKS];
	int r = llr_learn(&m->llr, &m->class->others, items, len, scores);

	for (size_t i = 0; r > 0 && i < LLR_BLOCKS; i++)
		evidence_calibrate(t->detect->evidence, &model, m->daemon->class, scores[i]);
	if (m->class->others.total > 1e3 * LLR_WEIGHT_MAX)
		tally_scale(&m->class->others, 0.5, 0.01);
	sequence_mark(m);
	return r < 0 ? r : 0;
}

static void
drop_held(struct daemon_models *m)
{
	free(m->held[0]);
	m->held_len--;
	memmove(m->held, m->held + 1, m->held_len * sizeof(*m->held));
}

/* What is unusual waits: learnt after a day in which the daemon told nothing. */
static int
hold(struct daemon_models *m, const struct llr_item *items, size_t len, uint64_t time_us)
{
	struct held_block *h = malloc(sizeof(*h) + len * sizeof(*items));

	if (h == NULL)
		return -ENOMEM;
	if (m->held_len == SEQUENCE_HELD_MAX)
		drop_held(m);
	*h = (struct held_block){ time_us, (uint32_t)len };
	memcpy(h->items, items, len * sizeof(*items));
	m->held[m->held_len++] = h;
	return 0;
}

static int
learn_held(struct turn *t, struct daemon_models *m, uint64_t time_us)
{
	int r = 0;

	while (r == 0 && m->held_len > 0 && m->held[0]->time_us + SEQUENCE_HELD_US < time_us) {
		if (m->daemon->told_us < m->held[0]->time_us)
			r = learn(t, m, m->held[0]->items, m->held[0]->len);
		drop_held(m);
	}
	return r;
}

static int
judge(struct turn *t, struct daemon_models *m, const struct llr_item *items, size_t len,
    struct mixture *x, double *ret_p)
{
	struct evidence e;

	*ret_p = 1;
	if (!m->llr.ready)
		return 0;
	e = sequence_evidence(t, m, &model, llr_score(&m->llr, &m->class->others, items, len));
	e.explain = explain;
	e.ctx = x;
	return sequence_hand_in(t, m, &e, ret_p);
}

int
mixture_end(struct turn *t, struct daemon_models *m)
{
	struct llr_item items[SEQUENCE_BLOCK_MAX + 64], normal[SEQUENCE_BLOCK_MAX + 64];
	struct mixture x = { .models = m };
	bool blind = m->daemon->host->blind_us != m->blind_us;
	/* Known things that an attacker does between strange ones are his, too. */
	bool tainted = m->daemon->told_us >= m->slot * EVIDENCE_SPAN_US;
	size_t len = 0, normal_len = 0;
	double p = 1;
	int r = 0;

	for (struct behaviour *b = m->block; b != NULL && len < DS_LEN(items); b = b->block_next) {
		double part;

		items[len] = (struct llr_item){ category_of(b), b->block_weight };
		part = (double)b->block_weight *
		       llr_event(&m->llr, &m->class->others, items[len++].category);
		x.raw += part;
		/* What was told, or waits, is not learnt here either. */
		if (b->learnt)
			normal[normal_len++] = items[len - 1];
		if (m->llr.ready && part > 0)
			note_worst(&x, b, part);
	}
	if (!blind && len > 0)
		r = judge(t, m, items, len, &x, &p);
	if (r == 0 && !blind && !tainted && len > 0 && p > EVIDENCE_LEARN)
		r = learn(t, m, normal, normal_len);
	else if (r == 0 && !blind && !tainted && len > 0 && p > EVIDENCE_REFUSE)
		r = hold(m, normal, normal_len, t->host->clock_us);
	if (r == 0)
		r = learn_held(t, m, t->host->clock_us);
	for (struct behaviour *b = m->block, *next; b != NULL; b = next) {
		next = b->block_next;
		b->block_next = NULL;
		b->block_weight = 0;
	}
	m->block = NULL;
	m->weight = 0;
	m->blind_us = m->daemon->host->blind_us;
	return r;
}
