/* SPDX-License-Identifier: GPL-2.0-or-later */
/* allow - those who are never cut off, as sets of the kernel: for block_port and isolate. */
#ifndef AGENT_GUARD_REACTIONS_ALLOW_H
#define AGENT_GUARD_REACTIONS_ALLOW_H

#include "agent/guard/reaction.h"

/* The kernel's sets as the list is now; group: in the network of that one (group.h), 0: here.  0 or
 * -errno. */
DS_MUST_CHECK int allow_fill(struct reaction_call *call, unsigned group);
/* Adds who has come to the list meanwhile. */
DS_MUST_CHECK int allow_update(struct reaction_call *call);
/* Whether somebody from outside could still log in: an allow list, or a session that is open. */
bool allow_lets_people_in(struct reaction_call *call);

#endif
