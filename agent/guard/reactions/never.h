/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * never - the addresses that are never cut off, as things are right now.
 *
 * The configured ones, those that the server spares by their labels, this host's own, the server
 * (configured, and what the uplink talks to), the resolvers, the gateways, and who is logged in
 * over ssh.  Looked at again when older than a quarter of a second.
 */
#ifndef AGENT_GUARD_REACTIONS_NEVER_H
#define AGENT_GUARD_REACTIONS_NEVER_H

#include "agent/guard/reaction.h"
#include "agent/guard/reactions/network.h"

#define NEVER_MAX 1024u

struct never {
	struct network network;
	char why[96]; /* "a resolver" */
};

/* -EPERM with a sentence when n has an address that is never cut off, else 0. */
DS_MUST_CHECK int never_check(struct reaction_call *call, const struct network *n);
/* All of them; *ret_len.  Valid until the next call. */
const struct never *never_list(const struct reaction_call *call, size_t *ret_len);
/* The configuration has changed. */
void never_forget(void);
/* Whether a process of the uplink has a connection whose other side answered within so many ms. */
bool never_server_answers(uint32_t within_ms);

#endif
