/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally - how often categories were seen: 64-bit keys and weights, open addressing, bounded.
 *
 * Keys are hashes already.  What does not fit counts in the total only, as one of the others.  The
 * contents do not depend on the order of what was added, as long as it fits.
 */
#ifndef SERVER_MODEL_TALLY_H
#define SERVER_MODEL_TALLY_H

#include "lib/compiler.h"

#include <stdint.h>

struct tally_slot {
	uint64_t key; /* 0: free */
	double count;
};

struct tally {
	struct tally_slot *slots;
	uint32_t size; /* slots, a power of two or 0 */
	uint32_t len, max;
	double total;
	uint64_t refused; /* additions that did not fit */
};

/* At most `max` categories; nothing is allocated yet. */
void tally_init(struct tally *t, uint32_t max);
void tally_done(struct tally *t);
/* -ENOMEM; what is over the maximum is refused, counted and no failure. */
DS_MUST_CHECK int tally_add(struct tally *t, uint64_t key, double weight);
double tally_get(const struct tally *t, uint64_t key);
/* Everything times `factor`; what falls below `least` goes. */
void tally_scale(struct tally *t, double factor, double least);

#endif
