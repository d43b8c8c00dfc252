/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reach - whether a block is for the whole host or for one daemon only, as an order says and as
 * this kernel can; for block_ip and block_port.
 *
 * It is decided once, before the effect, and kept in the inverse.
 */
#ifndef AGENT_GUARD_REACTIONS_REACH_H
#define AGENT_GUARD_REACTIONS_REACH_H

#include "agent/guard/reaction.h"
#include "agent/guard/reactions/nft.h"

/* Whether it can be for the daemon only, when the order wants nothing else. */
DS_MUST_CHECK int reach_check(struct reaction_call *call, const struct nft_element *e);
/* Whether it will be in a network of its own, where nothing is this host's. */
bool reach_is_apart(struct reaction_call *call);
/* Decides; into inverse and evidence. */
DS_MUST_CHECK int reach_put(struct reaction_call *call, const struct nft_element *e);
/* Reads what was decided into the element.  0, -ENOSPC, -EBADMSG. */
DS_MUST_CHECK int reach_get(struct reaction_call *call, struct nft_element *e);
/* The result says it. */
void reach_say(struct reaction_call *call);

#endif
