/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conformal - how unusual a score is among the scores of a calibration set: a p-value.
 *
 * A p-value is a count, (1 + #{learnt >= score}) / (n + 1).  What is kept is bounded: the largest
 * scores of all, the largest of every fourth, of every sixteenth and so on, so that small p-values,
 * which matter, are as exact as large ones.  Beyond the largest of all a generalised Pareto tail,
 * never lighter than exponential, goes on, at most three decades past what the data can show.  One
 * object a (model, class, group): Mondrian.  Deterministic: the same scores in the same order give
 * the same object.  Pure, of a fixed size, copied by assignment.
 */
#ifndef SERVER_MODEL_CONFORMAL_H
#define SERVER_MODEL_CONFORMAL_H

#include <stdint.h>

#define CONFORMAL_LEVELS 8u
#define CONFORMAL_TOP    128u

struct conformal {
	uint64_t n; /* scores learnt */
	struct conformal_level {
		uint64_t n; /* of them, those of this level: about one in 4^level */
		uint32_t len;
		float top[CONFORMAL_TOP]; /* the largest, descending */
	} level[CONFORMAL_LEVELS];
};

/* Adds a score; what is no number is left out, infinity counts as very large. */
void conformal_learn(struct conformal *c, double score);
/* In (0, 1]; 1 when nothing was learnt.  Smaller: the more unusual. */
double conformal_p(const struct conformal *c, double score);
/* Adds a score no larger than the one whose p-value is `p`: of what was found unusual and nobody
 * has looked at.  Leaving it out would lower what counts as unusual a little each time. */
void conformal_learn_censored(struct conformal *c, double score, double p);
/* Adds what another learnt. */
void conformal_merge(struct conformal *c, const struct conformal *other);
/* 0, or -EBADMSG: an object that comes from outside cannot be one of ours. */
int conformal_check(const struct conformal *c);

#endif
