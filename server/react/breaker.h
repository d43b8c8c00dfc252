/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * breaker - stops automation before it can stop a fleet: so many reactions a minute on a daemon and
 * on a host, and on so large a share of the hosts that run a daemon.
 *
 * What tripped rests for a while, or until somebody resets it.  Bounded: what there is no room to
 * count is refused.  Not thread-safe; no clock of its own.
 */
#ifndef SERVER_REACT_BREAKER_H
#define SERVER_REACT_BREAKER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct breaker_limits {
	unsigned daemon_max, host_max; /* a minute */
	unsigned share_max;            /* per cent of the hosts with the daemon, in ten minutes */
	uint64_t rest_ms;
};

enum breaker_answer {
	BREAKER_OK,
	BREAKER_DAEMON,
	BREAKER_HOST,
	BREAKER_FLEET,
	BREAKER_FULL, /* no room to count: refused */
};

struct breaker;

struct breaker *breaker_new(const struct breaker_limits *limits);
void breaker_free(struct breaker *b);
void breaker_set_limits(struct breaker *b, const struct breaker_limits *limits);
/* Counts one reaction on the daemon of a host, or says why not; *ret_first: this is what tripped
 * it, so tell.  `what` is done to which target: several findings about one thing are one reaction,
 * counted once in a minute ("": each counts).  `hosts_of` (asked only where the share may matter)
 * says how many hosts have the daemon. */
enum breaker_answer breaker_take(struct breaker *b, uint64_t now_ms, uint32_t host,
    const char *daemon, const char *what, unsigned (*hosts_of)(void *ctx, const char *daemon),
    void *ctx, bool *ret_first);
const struct breaker_limits *breaker_limits(const struct breaker *b);
/* How many rest now. */
size_t breaker_resting(const struct breaker *b, uint64_t now_ms);
void breaker_reset(struct breaker *b);

#endif
