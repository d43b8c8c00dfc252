/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backoff - how long to wait before trying again: full jitter, so that a fleet does not come back
 * as one. */
#ifndef AGENT_UPLINK_BACKOFF_H
#define AGENT_UPLINK_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t min_ms, max_ms; /* 1 s and 5 min; the first wait is below min_ms */
	unsigned attempt;
};

void backoff_reset(struct backoff *b);
/* Anything from 0 to a ceiling that doubles up to max_ms.  asked_s: what the server asked for, 0
 * for nothing; the wait is at least that, and at most half of it longer. */
uint32_t backoff_next_ms(struct backoff *b, uint32_t asked_s);

#endif
