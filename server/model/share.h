/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share - whether more of the latest units are out of the ordinary than there should be.
 *
 * Pure.  A unit (a process) that has a mark is nothing by itself: one in so many has.  That all of
 * the last twenty have it says something even where hardly a handful were ever learnt: the number
 * of marked units among n follows a beta-binomial law, whose width shows how few are known.  Exact,
 * no calibration needed.
 */
#ifndef SERVER_MODEL_SHARE_H
#define SERVER_MODEL_SHARE_H

#include <stdint.h>

#define SHARE_FRAME 20u    /* units that are looked at together */
#define SHARE_MAX   1000.0 /* units that are remembered; older ones fade */

/* What is known. */
struct share {
	double marked, all;
};

/* The latest units, newest in the lowest bit. */
struct share_frame {
	uint32_t marked, len;
};

void share_learn(struct share *s, unsigned marked, unsigned all);
/* The chance of at least `marked` among `all` more units like those learnt; 1: nothing is known. */
double share_p(const struct share *s, unsigned marked, unsigned all);
void share_frame_add(struct share_frame *f, int marked);
double share_frame_p(const struct share *s, const struct share_frame *f);

#endif
