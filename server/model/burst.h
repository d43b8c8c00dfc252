/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * burst - edges (who, to whom) that are suddenly much busier than they ever were.
 *
 * Two count-min sketches, of now and of all time: of a fixed size, whatever number of edges there
 * are, and an overestimate at most.  The score of an edge is MIDAS's chi-squared: how far the
 * present minute is above the edge's mean minute, or above one event where the mean is less: that
 * an edge is used at all is no burst.  The present fades from one minute to the next.
 */
#ifndef SERVER_MODEL_BURST_H
#define SERVER_MODEL_BURST_H

#include "lib/compiler.h"

#include <stdint.h>

#define BURST_ROWS    2u
#define BURST_WIDTH   8192u /* a power of two */
#define BURST_TICK_US (60 * 1000000ull)

struct burst {
	float *now, *ever; /* [BURST_ROWS][BURST_WIDTH] */
	uint64_t tick;     /* the newest, since the epoch */
	uint64_t ticks;    /* seen so far */
};

DS_MUST_CHECK int burst_init(struct burst *b);
void burst_done(struct burst *b);
/* Counts; the score, 0 when the edge is no busier than usual.  What comes late, as a backlog does
 * or what a clock that went back stamps, is no part of the present minute: it has no score. */
double burst_add(struct burst *b, uint64_t edge, double count, uint64_t time_us);
/* What the present minute of the edge is, and its mean minute. */
void burst_look(const struct burst *b, uint64_t edge, double *ret_now, double *ret_mean);

#endif
