/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llr - whose behaviour is this: a block's log-likelihood ratio, everybody else's against its own.
 *
 * A block is what an entity (a daemon on a host, a user) did in a while: categories with weights.
 * Its raw score is the sum of log P_others - log P_self over its events: positive when it looks
 * more like somebody else.  Entities differ in how regular they are, so the score is standardised
 * by what the entity's own blocks score when ten neighbours at a time are held out of its counts;
 * that is done once, when LLR_BLOCKS have been learnt.  A part of what a block scored is remembered
 * for the next: an intruder stays for more than one.
 *
 * Whether a block is learnt is the caller's decision, by its p-value: learning all of them teaches
 * the intruder's behaviour as well.  Pure; the counts of others are shared by entities of one
 * class.
 */
#ifndef SERVER_MODEL_LLR_H
#define SERVER_MODEL_LLR_H

#include "server/model/tally.h"

#include <stdbool.h>
#include <stddef.h>

#define LLR_BLOCKS     50u  /* that the scale is made from */
#define LLR_FOLD       10u  /* held out at a time */
#define LLR_ITEMS_MAX  256u /* different categories of a block; more are left out */
#define LLR_TYPES_MAX  4096u
#define LLR_WEIGHT_MAX 1e5 /* of an entity's counts; then they are halved, and old habits fade */

struct llr_item {
	uint32_t category; /* a hash */
	float weight;
};

struct llr_kept {
	uint32_t len;
	struct llr_item items[];
};

struct llr {
	struct tally self;
	struct llr_kept *kept[LLR_BLOCKS]; /* until the scale is made */
	uint32_t kept_len;
	bool ready; /* has a scale */
	double mean, deviation;
	double memory; /* what is left of the last blocks' scores */
};

void llr_init(struct llr *m);
void llr_done(struct llr *m);
/* Counts the block; `others` holds everybody's counts, this entity's too.  Makes the scale when it
 * is time: 1 then, with the scores of the blocks so far, to calibrate by; 0; -ENOMEM. */
DS_MUST_CHECK int llr_learn(struct llr *m, struct tally *others, const struct llr_item *items,
    size_t len, double ret_scores[LLR_BLOCKS]);
/* The same in two steps, for a fleet that is read before any scale is made. */
DS_MUST_CHECK int llr_count(
    struct llr *m, struct tally *others, const struct llr_item *items, size_t len);
DS_MUST_CHECK int llr_make_scale(
    struct llr *m, const struct tally *others, double ret_scores[LLR_BLOCKS]);
/* The raw score. */
double llr_raw(
    const struct llr *m, const struct tally *others, const struct llr_item *items, size_t len);
/* What one event of a category adds. */
double llr_event(const struct llr *m, const struct tally *others, uint32_t category);
/* The standardised score, 0 before there is a scale; remembered in part. */
double llr_score(
    struct llr *m, const struct tally *others, const struct llr_item *items, size_t len);

#endif
