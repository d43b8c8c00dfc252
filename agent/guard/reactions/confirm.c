/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confirm - whether the server is still heard after a change.
 *
 * Called by isolate and block_port.  What the uplink says proves nothing: the kernel is asked
 * whether the other side of its connection has acknowledged something since.
 */
#include "agent/guard/reactions/confirm.h"
#include "agent/guard/reactions/never.h"
#include "lib/clock.h"

#include <errno.h>

#define HEARD_MS 60000u /* the uplink pings at least each half minute */

bool
confirm_is_possible(void)
{
	return never_server_answers(HEARD_MS);
}

void
confirm_begin(struct confirm *c)
{
	c->since_ms = ds_clock_monotonic_ms();
}

int
confirm_look(struct confirm *c)
{
	uint64_t passed;

	if (c->since_ms == 0)
		return 0;
	passed = ds_clock_monotonic_ms() - c->since_ms;
	if (passed > 0 && never_server_answers((uint32_t)passed - 1)) {
		c->since_ms = 0;
		return 0;
	}
	if (passed < CONFIRM_MS)
		return 1;
	c->since_ms = 0;
	return -ETIMEDOUT;
}
