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
	uint64_t cost_at_ms;  /* last cost event */
	uint64_t cpu_us;      /* used until then */
	uint64_t gap_from_ms; /* dropping since; 0: not */
	uint64_t status_at_ms;
	uint64_t damaged_told;
	int disk_error; /* last one logged */
};

void health_init(struct health *h, struct courier *courier);
/* Some times a second. */
void health_tick(struct health *h, struct spool *spool, struct batcher *batcher);

#endif
