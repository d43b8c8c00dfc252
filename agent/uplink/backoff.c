/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/backoff.h"
#include "lib/clock.h"
#include "lib/compiler.h"
#include "lib/tls.h"

#define ASKED_MAX_S 3600u /* a server that is wrong about this must not silence a host for long */

void
backoff_reset(struct backoff *b)
{
	b->attempt = 0;
}

uint32_t
backoff_next_ms(struct backoff *b, uint32_t asked_s)
{
	uint64_t ceiling = b->min_ms;
	uint32_t asked_ms = DS_MIN(asked_s, ASKED_MAX_S) * 1000, random;

	for (unsigned i = 0; i < b->attempt && ceiling < b->max_ms; i++)
		ceiling *= 2;
	ceiling = DS_MIN(ceiling, b->max_ms);
	b->attempt++;
	if (ds_random(&random, sizeof(random)) < 0)
		random = (uint32_t)ds_clock_monotonic_ms();
	if (asked_ms > 0)
		return asked_ms + random % (asked_ms / 2 + 1);
	return random % (uint32_t)(ceiling + 1);
}
