/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft - our own table of nftables: table inet daemonsec, made when it is needed, gone when it is
 * empty; nobody else's rules are touched.
 *
 * Elements have the kernel's own timeouts: a block ends in time also when the agent is gone.
 */
#ifndef AGENT_GUARD_REACTIONS_NFT_H
#define AGENT_GUARD_REACTIONS_NFT_H

#include "agent/guard/reactions/network.h"

#define NFT_TABLE "daemonsec"

enum nft_set_id {
	NFT_SET_BAN4, /* addresses */
	NFT_SET_BAN6,
	NFT_SET_NET4, /* networks */
	NFT_SET_NET6,
	NFT_SET_SERVE4, /* address, protocol, port of ours */
	NFT_SET_SERVE6,
	NFT_SET_PORT,   /* protocol, port of ours */
	NFT_SET_NEVER4, /* who may connect to a blocked port, and to an isolated host */
	NFT_SET_NEVER6,
	NFT_SET_OWN4, /* group, address: for one daemon only */
	NFT_SET_OWN6,
	NFT_SET_OWN_PORT, /* group, protocol, port of ours */
	NFT_SETS,
};

/* What is in a set: an address or a network, a protocol and port, or both; or for the sockets of
 * one group of processes only: an address, or a protocol and port. */
struct nft_element {
	struct network network; /* bits 0: none */
	uint8_t protocol;       /* with a port */
	uint16_t port;          /* 0: none */
	unsigned group;         /* of group.h; 0: for the whole host.  One that is a network has
				   a table of its own in there, as if it were the host */
};

/* Which set an element belongs in. */
enum nft_set_id nft_set_of(const struct nft_element *e);
/* Whether there are nftables for us: 0, -EOPNOTSUPP, -EPERM, -errno; changes nothing. */
DS_MUST_CHECK int nft_look(void);
/* Makes the table and all in it if it is not there: 0, -EOPNOTSUPP without nftables, -errno. */
DS_MUST_CHECK int nft_setup(void);
/* 1: this kernel can tell whose a socket is, 0: it cannot, -errno; nothing is left behind. */
DS_MUST_CHECK int nft_knows_groups(void);
/* Adds, or takes another timeout; 0 ms: none.  0, also when nothing runs in its network, or -errno.
 */
DS_MUST_CHECK int nft_add(enum nft_set_id set, const struct nft_element *e, uint64_t timeout_ms);
/* 0, -ENOENT. */
DS_MUST_CHECK int nft_remove(enum nft_set_id set, const struct nft_element *e);
/* 1: it is there, 0, -errno. */
DS_MUST_CHECK int nft_has(enum nft_set_id set, const struct nft_element *e);
/* Empties a set; group: in the network of that one, 0: here. */
DS_MUST_CHECK int nft_flush(enum nft_set_id set, unsigned group);
/* The isolation of this host: everything but the NEVER sets is dropped. */
DS_MUST_CHECK int nft_isolate(bool on);
/* 1: it is on. */
DS_MUST_CHECK int nft_is_isolated(void);
/* Whether rules were changed by somebody else since the last call: 1, 0, -errno. */
DS_MUST_CHECK int nft_is_changed(void);
/* 1: our table and its chains are there, with their rules. */
DS_MUST_CHECK int nft_is_there(void);
/* The table with all in it. */
DS_MUST_CHECK int nft_destroy(void);
/* That in the network of a group. */
DS_MUST_CHECK int nft_destroy_of(unsigned group);

#endif
