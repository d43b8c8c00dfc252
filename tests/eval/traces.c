/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/eval/traces.h"

#include <errno.h>
#include <stdlib.h>

#define SCOPE 1

const char *const trace_model_names[TRACE_MODELS] = { "markov", "stide" };

struct trace *
traces_add(struct traces *t)
{
	if (t->len == t->size) {
		struct trace *more = realloc(t->at, (t->size + 256) * sizeof(*more));

		if (more == NULL)
			return NULL;
		t->at = more;
		t->size += 256;
	}
	t->at[t->len] = (struct trace){ 0 };
	return &t->at[t->len++];
}

int
trace_put(struct trace *t, uint32_t step)
{
	if (t->len == t->size) {
		size_t size = t->size == 0 ? 64 : t->size * 2;
		uint32_t *more = realloc(t->steps, size * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		t->steps = more;
		t->size = size;
	}
	t->steps[t->len++] = step;
	return 0;
}

void
traces_free(struct traces *t)
{
	for (size_t i = 0; i < t->len; i++)
		free(t->at[i].steps);
	free(t->at);
	*t = (struct traces){ 0 };
}

void
trace_score(const struct grams *g, const struct trace *t, bool worst, double ret[TRACE_MODELS])
{
	struct chain c = { 0 };
	double surprise = 0, mismatches = 0;

	ret[TRACE_MARKOV] = ret[TRACE_STIDE] = 0;
	for (size_t i = 0; i < t->len; i++) {
		struct chain_step step = chain_look(g, SCOPE, &c, t->steps[i]);

		chain_advance(&c, t->steps[i], &step);
		surprise += step.surprise;
		mismatches += step.mismatch;
		if (chain_surprise(&c) > ret[TRACE_MARKOV])
			ret[TRACE_MARKOV] = chain_surprise(&c);
		if (chain_mismatches(&c) > ret[TRACE_STIDE])
			ret[TRACE_STIDE] = chain_mismatches(&c);
	}
	if (worst || t->len == 0)
		return;
	ret[TRACE_MARKOV] = surprise / (double)t->len;
	ret[TRACE_STIDE] = mismatches / (double)t->len;
}

void
trace_learn(struct grams *g, const struct trace *t)
{
	const struct chain_step nothing = { 0 };
	struct chain c = { 0 };

	for (size_t i = 0; i < t->len; i++) {
		chain_learn(g, SCOPE, &c, t->steps[i]);
		chain_advance(&c, t->steps[i], &nothing);
	}
}
