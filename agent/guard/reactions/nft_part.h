/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_part - what the files of nft share: a transaction, and the rows of sets and chains. */
#ifndef AGENT_GUARD_REACTIONS_NFT_PART_H
#define AGENT_GUARD_REACTIONS_NFT_PART_H

#include "agent/guard/reactions/nft.h"

/* Before the kernel's own. */
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define NFT_BATCH_SIZE (64u << 10)

/* How many rules nft_rules.c puts into a chain. */
#define NFT_RULES_OWN_IN  4u
#define NFT_RULES_OWN_OUT 2u
#define NFT_RULES_ISOLATE 10u

/* What is sent together happens together, or not at all. */
struct nft_batch {
	uint8_t data[NFT_BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t len;
	uint32_t seq, first;
};

struct nft_set_row {
	const char *name;
	uint32_t key_type, key_size, flags; /* NFT_SET_* */
};
extern const struct nft_set_row nft_sets[NFT_SETS];

void nft_batch_begin(struct nft_batch *b);
/* Room for the next message; the caller builds the payload, then calls nft_batch_next(). */
struct nlmsghdr *nft_batch_message(struct nft_batch *b, uint16_t type, uint16_t flags);
void nft_batch_next(struct nft_batch *b, const struct nlmsghdr *header);
/* Sends it, waits for the answer: 0 or -errno of the first that failed. */
DS_MUST_CHECK int nft_batch_send(struct nft_batch *b);
/* One question: 1 there is an answer, 0 -ENOENT, -errno.  call may be NULL. */
DS_MUST_CHECK int nft_ask(struct nlmsghdr *header, mnl_cb_t call, void *ctx);
/* 1: our chain is there, with so many rules at least: `nft flush table` leaves empty ones. */
DS_MUST_CHECK int nft_chain_has(const char *name, uint32_t rules);
/* Until nft_leave(), everything is about the network of the group, where it has one of its own.
 * -ESRCH: nothing of it runs. */
DS_MUST_CHECK int nft_enter(unsigned group);
void nft_leave(void);
/* The table has gone: look again before the next change. */
void nft_lost(void);
/* The chains for the group of an element; after nft_setup(). */
DS_MUST_CHECK int nft_setup_level(const struct nft_element *e);
struct nlmsghdr *nft_question(uint8_t *data, uint16_t type, uint16_t flags, uint8_t family);

/* nft_rules.c: table, sets, chains and rules into a batch. */
void nft_put_table(struct nft_batch *b);
void nft_put_isolation(struct nft_batch *b);
/* The chains "own<level>_in" and "own<level>_out": what is blocked for groups so deep. */
void nft_put_level(struct nft_batch *b, unsigned level);
void nft_level_chain(unsigned level, bool out, char ret[32]);
/* A table of another name with a rule about groups, and its end. */
void nft_put_group_probe(struct nft_batch *b);

#endif
