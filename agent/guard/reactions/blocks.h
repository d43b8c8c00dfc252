/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks - what is blocked, and by which orders; for block_ip and block_port.
 *
 * The kernel's sets are made from it again when somebody takes our table away.
 */
#ifndef AGENT_GUARD_REACTIONS_BLOCKS_H
#define AGENT_GUARD_REACTIONS_BLOCKS_H

#include "agent/guard/reaction.h"
#include "agent/guard/reactions/nft.h"

#define BLOCKS_MAX 32768u

/* Until call->until_us, for the order of the call. */
DS_MUST_CHECK int blocks_add(struct reaction_call *call, const struct nft_element *e);
/* The order of the call wants it no more. */
DS_MUST_CHECK int blocks_remove(struct reaction_call *call, const struct nft_element *e);
/* For restore: 1: nothing of its daemon runs yet, so it is kept here and comes with it; 0: all of
 * it is to be done; -errno. */
DS_MUST_CHECK int blocks_await(struct reaction_call *call, const struct nft_element *e);
/* Our table goes when nothing is in it any more. */
DS_MUST_CHECK int blocks_clean_up(struct reaction_call *call);
/* 1: it is blocked, for the order of the call; 0, -errno. */
DS_MUST_CHECK int blocks_has(struct reaction_call *call, const struct nft_element *e);
/* A sentence about what nftables said, if r is an error; returns it, else 0. */
int blocks_fail(struct reaction_call *call, int r);
/* 1: somebody else took the table away, and it is there again. */
DS_MUST_CHECK int blocks_keep(struct reaction_call *call);

#endif
