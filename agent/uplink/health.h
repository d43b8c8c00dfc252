/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * health - what the uplink says of itself: its own cost, what the spool had to drop, its state for
 * the guard.
 *
 * On the uplink's only thread.
 */
#ifndef AGENT_UPLINK_HEALTH_H
#define AGENT_UPLINK_HEALTH_H

#include "agent/uplink/courier.h"

struct health {
	struct courier *courier;
	uint64_t cost_at_ms; /* last cost event */
	uint64_t cpu_us;     /* used until then */
	uint64_t lost;       /* events, not told yet */
	uint64_t lost_total; /* since the start */
	uint64_t lost_from_ms;
	const char *lost_source, *lost_message; /* of the last of them; constant */
	uint64_t gap_at_ms;                     /* last gap told */
	uint64_t status_at_ms;
	uint64_t slim_at_ms; /* next time to give memory back */
	int disk_error;      /* last one logged */
};

/* Of this process: CPU time used, memory resident now. */
uint64_t health_cpu_us(void);
uint64_t health_resident_bytes(void);
void health_init(struct health *h);
/* Events were lost: told as a gap soon.  The texts are kept, not copied. */
void health_lost(struct health *h, const char *source, uint64_t events, const char *message);
/* About once a second. */
void health_tick(struct health *h, const struct spool *spool, struct batcher *batcher);

#endif
