/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confirm - a change that could cut the agent off from its server counts only once the server was
 * heard after it; else it is taken back.
 */
#ifndef AGENT_GUARD_REACTIONS_CONFIRM_H
#define AGENT_GUARD_REACTIONS_CONFIRM_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIRM_MS 10000u

struct confirm {
	uint64_t since_ms; /* monotonic; 0: nothing to confirm */
};

/* Before the change: whether the server is heard at all. */
bool confirm_is_possible(void);
/* The change has been made. */
void confirm_begin(struct confirm *c);
/* 0: confirmed, or nothing to confirm; 1: not yet; -ETIMEDOUT: take it back. */
DS_MUST_CHECK int confirm_look(struct confirm *c);

#endif
