/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rates - how much of something there is at this hour of the week, and whether that drifts or ends.
 *
 * Pure, streaming, about 2 KiB. Each hour of the week has a mean and a spread of its own, backed by
 * those of all hours while it is young. Two CUSUMs gather what is above and below what is expected,
 * so that a small change that lasts is seen as well as a large one; and a run of nothing is
 * compared with the longest one that was seen. Values are learnt with what they exceed cut off, so
 * that a burst does not become normal by being large.
 */
#ifndef SERVER_MODEL_RATES_H
#define SERVER_MODEL_RATES_H

#include <stdbool.h>
#include <stdint.h>

#define RATES_HOURS 168u
#define RATES_YOUNG 60u /* values before anything is judged */

struct rates_bin {
	float mean, square; /* of values, and of their squared distance from the mean */
	uint32_t n;
};

struct rates {
	struct rates_bin all, hour[RATES_HOURS];
	double up, down;             /* CUSUMs, in spreads */
	uint32_t silent, silent_max; /* values of 0 in a row: now, and at most so far */
	uint32_t seen;
	double floor; /* no spread is below it; set by the owner, 0 at first */
};

struct rates_score {
	double expected, spread;
	double z;        /* of this value */
	double up, down; /* CUSUMs with it */
	double silence;  /* run of nothing in units of the longest before it; 0: none */
	bool judged;     /* enough was seen */
};

/* Takes the next value (of a log count, or any measure) at a time, and says how it fits; learns it
 * if `learn`. What is no finite number is left out. */
void rates_see(struct rates *r, uint64_t time_s, double value, bool learn, struct rates_score *ret);
/* One number for all of it: larger is more unusual. */
double rates_total(const struct rates_score *s);

#endif
