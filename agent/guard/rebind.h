/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rebind - a machine that was copied from another and has an identity of its own becomes the
 * addressee of that one's orders.
 *
 * What the uplink says does not suffice: it could make the orders for another machine ours.  So the
 * guard asks with a random number that is in this process only, not in a disk image, and goes by an
 * order that the server signed for that number and the new identity.  Such an order is good once,
 * here.  The guard's only thread.
 */
#ifndef AGENT_GUARD_REBIND_H
#define AGENT_GUARD_REBIND_H

#include "agent/guard/reaction.h"

/* The uplink says that we are this host, and orders are taken for another. */
void rebind_ask(const uint8_t host_id[16]);
/* Orders are taken for whom the uplink says. */
void rebind_forget(void);
/* Asks again until there is an answer. */
void rebind_tick(void);
/* Whether a question is open. */
bool rebind_is_due(void);
/* Whether an order that is not for us answers it. */
bool rebind_is_answer(const struct ds_order *order);

/* The order's row in order_kind. */
DS_MUST_CHECK int rebind_check(struct reaction_call *call);
DS_MUST_CHECK int rebind_apply(struct reaction_call *call);
DS_MUST_CHECK int rebind_read_back(struct reaction_call *call);

#endif
