/* SPDX-License-Identifier: GPL-2.0-or-later */
/* traces - processes as sequences of symbols, scored by server/model/chain.h and fused. */
#ifndef TESTS_EVAL_TRACES_H
#define TESTS_EVAL_TRACES_H

#include "server/model/chain.h"

struct trace {
	uint32_t *steps; /* symbols, not 0 */
	size_t len, size;
	long process;   /* of its file */
	unsigned group; /* which file, or which attack */
	char name[64];
};

struct traces {
	struct trace *at;
	size_t len, size;
};

/* One more, empty; NULL: no memory. */
struct trace *traces_add(struct traces *t);
DS_MUST_CHECK int trace_put(struct trace *t, uint32_t step);
void traces_free(struct traces *t);

enum trace_model { TRACE_MARKOV, TRACE_STIDE, TRACE_MODELS };
extern const char *const trace_model_names[TRACE_MODELS];

/* A trace's scores: by its worst frame, or on average over all of it. */
void trace_score(
    const struct grams *g, const struct trace *t, bool worst, double ret[TRACE_MODELS]);
void trace_learn(struct grams *g, const struct trace *t);

#endif
