/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain - a process's steps in their order: how surprising is each after those before it.
 *
 * Two models over one table of counts (grams.h), scope by scope (a daemon's class): an interpolated
 * Markov chain of order 3 with Witten and Bell's weights, and STIDE: sequences of 5 that were never
 * seen.  Both are looked at in a locality frame of the last 20 steps, since an intrusion is a dense
 * spot in an otherwise ordinary process.
 */
#ifndef SERVER_MODEL_CHAIN_H
#define SERVER_MODEL_CHAIN_H

#include "server/model/grams.h"

#include <stdbool.h>

#define CHAIN_ORDER  3u
#define CHAIN_STIDE  5u
#define CHAIN_FRAME  20u
#define CHAIN_RARITY 0.02f /* how finely a frame keeps surprise, nats */

/* One process, or lineage.  All zero: at its start. */
struct chain {
	uint32_t past[CHAIN_STIDE - 1]; /* newest first; 0: before the start */
	uint16_t surprise[CHAIN_FRAME]; /* ring, in CHAIN_RARITY */
	uint32_t mismatches;            /* bits of the frame's steps, newest lowest */
	uint32_t sum;                   /* of the ring */
	uint32_t len;                   /* steps so far */
};

/* What a step was. */
struct chain_step {
	double surprise;   /* -ln P(step | past), nats */
	bool mismatch;     /* the last five were never seen in this order */
	uint64_t sequence; /* the last five, as one number; 0: they are not so many yet */
};

/* How probable a step is; it is not learnt. Symbols are not 0. */
struct chain_step chain_look(
    const struct grams *g, uint64_t scope, const struct chain *c, uint32_t symbol);
/* Learns it, as following c's past. */
void chain_learn(struct grams *g, uint64_t scope, const struct chain *c, uint32_t symbol);
/* Goes on by one. */
void chain_advance(struct chain *c, uint32_t symbol, const struct chain_step *step);
/* Mean surprise in the frame, nats a step; a chain shorter than the frame counts as if the rest had
 * been no surprise. */
double chain_surprise(const struct chain *c);
/* Mismatches in the frame. */
unsigned chain_mismatches(const struct chain *c);

#endif
