/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace - how many requests a second a caller may make: past a burst, one at each interval.
 *
 * A fixed table by the hash of who it is (a token, a user, an address); two that share a place
 * share the pace.  Any thread: a place is one atomic, the time at which its next request is due.
 */
#ifndef SERVER_API_PACE_H
#define SERVER_API_PACE_H

#include <stdatomic.h>
#include <stdint.h>

#define PACE_SLOTS   4096u /* a power of two */
#define PACE_BURST_S 5u    /* seconds' worth of requests at once */

struct pace {
	_Atomic uint64_t due_us[PACE_SLOTS]; /* monotonic */
};

/* Takes one request of `per_second` (0: no bound).  0, or after how many us it may come. */
uint64_t pace_take(struct pace *p, const char *who, unsigned per_second, uint64_t now_us);

#endif
