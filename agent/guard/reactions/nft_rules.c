/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_rules - our table: sets, chains, rules, as messages.
 *
 * Called by nft.  In nft's own words:
 *   chain input   { type filter hook input priority -10; ip saddr @ban4 drop ...; ... jump ports }
 *   chain output  { type filter hook output priority -10; ip daddr @ban4 drop ... }
 *   chain forward { both }
 *   chain ports   { ip saddr @never4 return; ip6 saddr @never6 return; drop }
 * and, while the host is isolated, chains isolate_in and isolate_out at priority -9, and where
 * something is blocked for one daemon only, whose group is two deep:
 *   chain own2_in  { socket cgroupv2 level 2 . ip saddr @own4 drop ... }
 *   chain own2_out { socket cgroupv2 level 2 . ip daddr @own4 drop ... }
 */
#include "agent/guard/reactions/nft_part.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of nft's data types, so that nft(8) shows what is in our sets. */
#define TYPE_IP4     7u
#define TYPE_IP6     8u
#define TYPE_PROTO   12u
#define TYPE_PORT    13u
#define TYPE_GROUP   46u
#define CONCAT(a, b) ((a) << 6 | (b))

const struct nft_set_row nft_sets[NFT_SETS] = {
	[NFT_SET_BAN4] = { "ban4", TYPE_IP4, 4, NFT_SET_TIMEOUT },
	[NFT_SET_BAN6] = { "ban6", TYPE_IP6, 16, NFT_SET_TIMEOUT },
	[NFT_SET_NET4] = { "net4", TYPE_IP4, 4, NFT_SET_TIMEOUT | NFT_SET_INTERVAL },
	[NFT_SET_NET6] = { "net6", TYPE_IP6, 16, NFT_SET_TIMEOUT | NFT_SET_INTERVAL },
	[NFT_SET_SERVE4] = { "serve4", CONCAT(CONCAT(TYPE_IP4, TYPE_PROTO), TYPE_PORT), 12,
	    NFT_SET_TIMEOUT },
	[NFT_SET_SERVE6] = { "serve6", CONCAT(CONCAT(TYPE_IP6, TYPE_PROTO), TYPE_PORT), 24,
	    NFT_SET_TIMEOUT },
	[NFT_SET_PORT] = { "port", CONCAT(TYPE_PROTO, TYPE_PORT), 8, NFT_SET_TIMEOUT },
	[NFT_SET_NEVER4] = { "never4", TYPE_IP4, 4, NFT_SET_INTERVAL },
	[NFT_SET_NEVER6] = { "never6", TYPE_IP6, 16, NFT_SET_INTERVAL },
	[NFT_SET_OWN4] = { "own4", CONCAT(TYPE_GROUP, TYPE_IP4), 12, NFT_SET_TIMEOUT },
	[NFT_SET_OWN6] = { "own6", CONCAT(TYPE_GROUP, TYPE_IP6), 24, NFT_SET_TIMEOUT },
	[NFT_SET_OWN_PORT] = { "own_port", CONCAT(CONCAT(TYPE_GROUP, TYPE_PROTO), TYPE_PORT), 16,
	    NFT_SET_TIMEOUT },
};

/* Made and taken away in one transaction: nobody sees it. */
#define PROBE_TABLE NFT_TABLE "_probe"

/* Where an address is in a packet. */
enum side { SIDE_SOURCE, SIDE_DESTINATION };

static struct nftnl_rule *
rule_new(const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, NFT_TABLE);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	return r;
}

static void
rule_put(struct nft_batch *b, struct nftnl_rule *r)
{
	struct nlmsghdr *h = nft_batch_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	nftnl_rule_nlmsg_build_payload(h, r);
	nft_batch_next(b, h);
	nftnl_rule_free(r);
}

static void
add_meta(struct nftnl_rule *r, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = nftnl_expr_alloc("meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
	nftnl_rule_add_expr(r, e);
}

static void
add_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = nftnl_expr_alloc("payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_rule_add_expr(r, e);
}

static void
add_compare(struct nftnl_rule *r, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nftnl_expr_alloc("cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set_data(e, NFTNL_EXPR_CMP_DATA, data, len);
	nftnl_rule_add_expr(r, e);
}

static void
add_mask(struct nftnl_rule *r, uint8_t mask)
{
	static const uint8_t zero;
	struct nftnl_expr *e = nftnl_expr_alloc("bitwise");

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, 1);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_MASK, &mask, 1);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_XOR, &zero, 1);
	nftnl_rule_add_expr(r, e);
}

static void
add_lookup(struct nftnl_rule *r, enum nft_set_id set)
{
	struct nftnl_expr *e = nftnl_expr_alloc("lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, nft_sets[set].name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, (uint32_t)set + 1);
	nftnl_rule_add_expr(r, e);
}

/* verdict: NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP (to `chain`). */
static void
add_verdict(struct nftnl_rule *r, int verdict, const char *chain)
{
	struct nftnl_expr *e = nftnl_expr_alloc("immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain != NULL)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
	nftnl_rule_add_expr(r, e);
}

static void
add_family(struct nftnl_rule *r, bool v6)
{
	uint8_t family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	add_meta(r, NFT_META_NFPROTO, NFT_REG_1);
	add_compare(r, &family, 1);
}

static void
add_protocol(struct nftnl_rule *r, uint8_t protocol)
{
	add_meta(r, NFT_META_L4PROTO, NFT_REG_1);
	add_compare(r, &protocol, 1);
}

static void
add_address(struct nftnl_rule *r, bool v6, enum side side, uint32_t reg)
{
	uint32_t offset = v6 ? (side == SIDE_SOURCE ? 8 : 24) : (side == SIDE_SOURCE ? 12 : 16);

	add_payload(r, NFT_PAYLOAD_NETWORK_HEADER, offset, v6 ? 16 : 4, reg);
}

/* The socket's group, or the one above it so deep; 8 bytes. */
static void
add_group(struct nftnl_rule *r, unsigned level)
{
	struct nftnl_expr *e = nftnl_expr_alloc("socket");

	nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_LEVEL, level);
	nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_DREG, NFT_REG32_00);
	nftnl_rule_add_expr(r, e);
}

/* ip saddr @set VERDICT */
static void
put_set_rule(
    struct nft_batch *b, const char *chain, enum nft_set_id set, enum side side, int verdict)
{
	struct nftnl_rule *r = rule_new(chain);
	bool v6 = nft_sets[set].key_size == 16;

	add_family(r, v6);
	add_address(r, v6, side, NFT_REG_1);
	add_lookup(r, set);
	add_verdict(r, verdict, NULL);
	rule_put(b, r);
}

/* ip saddr . meta l4proto . th dport @serve4 drop */
static void
put_serve_rule(struct nft_batch *b, const char *chain, bool v6)
{
	struct nftnl_rule *r = rule_new(chain);
	uint32_t words = v6 ? 4 : 1;

	add_family(r, v6);
	add_address(r, v6, SIDE_SOURCE, NFT_REG_1);
	add_meta(r, NFT_META_L4PROTO, NFT_REG32_00 + words);
	add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG32_00 + words + 1);
	add_lookup(r, v6 ? NFT_SET_SERVE6 : NFT_SET_SERVE4);
	add_verdict(r, NF_DROP, NULL);
	rule_put(b, r);
}

/* meta l4proto . th dport @port jump ports; of TCP only what opens a connection, so that those that
 * are open stay.  With a level: socket cgroupv2 level N . ... @own_port. */
static void
put_port_rule(struct nft_batch *b, const char *chain, uint8_t protocol, unsigned level)
{
	static const uint8_t syn = 0x02;
	struct nftnl_rule *r = rule_new(chain);
	uint32_t at = NFT_REG32_00;

	add_protocol(r, protocol);
	if (protocol == IPPROTO_TCP) {
		add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, NFT_REG_1);
		add_mask(r, 0x17); /* fin, syn, rst, ack */
		add_compare(r, &syn, 1);
	}
	if (level > 0) {
		add_group(r, level);
		at += 2;
	}
	add_meta(r, NFT_META_L4PROTO, at);
	add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, at + 1);
	add_lookup(r, level > 0 ? NFT_SET_OWN_PORT : NFT_SET_PORT);
	add_verdict(r, NFT_JUMP, "ports");
	rule_put(b, r);
}

static void
put_chain(struct nft_batch *b, const char *name, int hook, int priority)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h = nft_batch_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NFT_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (hook >= 0) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, (uint32_t)hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(h, c);
	nft_batch_next(b, h);
	nftnl_chain_free(c);
}

static void
put_set(struct nft_batch *b, enum nft_set_id id)
{
	const struct nft_set_row *row = &nft_sets[id];
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *h = nft_batch_message(b, NFT_MSG_NEWSET, NLM_F_CREATE);

	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, row->name);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_ID, (uint32_t)id + 1);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, row->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, row->key_size);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, row->flags);
	nftnl_set_nlmsg_build_payload(h, s);
	nft_batch_next(b, h);
	nftnl_set_free(s);
}

static void
put_bans(struct nft_batch *b, const char *chain, enum side side)
{
	static const enum nft_set_id bans[] = { NFT_SET_BAN4, NFT_SET_BAN6, NFT_SET_NET4,
		NFT_SET_NET6 };

	for (size_t i = 0; i < DS_LEN(bans); i++)
		put_set_rule(b, chain, bans[i], side, NF_DROP);
}

void
nft_put_table(struct nft_batch *b)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h = nft_batch_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	struct nftnl_rule *last;

	nftnl_table_set_str(t, NFTNL_TABLE_NAME, NFT_TABLE);
	nftnl_table_nlmsg_build_payload(h, t);
	nft_batch_next(b, h);
	nftnl_table_free(t);
	for (int id = 0; id < NFT_SETS; id++)
		put_set(b, (enum nft_set_id)id);
	put_chain(b, "ports", -1, 0);
	put_chain(b, "input", NF_INET_LOCAL_IN, -10);
	put_chain(b, "output", NF_INET_LOCAL_OUT, -10);
	put_chain(b, "forward", NF_INET_FORWARD, -10);
	put_set_rule(b, "ports", NFT_SET_NEVER4, SIDE_SOURCE, NFT_RETURN);
	put_set_rule(b, "ports", NFT_SET_NEVER6, SIDE_SOURCE, NFT_RETURN);
	last = rule_new("ports");
	add_verdict(last, NF_DROP, NULL);
	rule_put(b, last);
	put_bans(b, "input", SIDE_SOURCE);
	put_bans(b, "output", SIDE_DESTINATION);
	put_bans(b, "forward", SIDE_SOURCE);
	put_bans(b, "forward", SIDE_DESTINATION);
	put_serve_rule(b, "input", false);
	put_serve_rule(b, "input", true);
	put_port_rule(b, "input", IPPROTO_TCP, 0);
	put_port_rule(b, "input", IPPROTO_UDP, 0);
}

/* Neighbour discovery and the gateway's word about the network: without them IPv6 ends. */
static void
put_neighbours(struct nft_batch *b, const char *chain)
{
	for (uint8_t type = ND_ROUTER_SOLICIT; type <= ND_REDIRECT; type++) {
		struct nftnl_rule *r = rule_new(chain);

		add_protocol(r, IPPROTO_ICMPV6);
		add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
		add_compare(r, &type, 1);
		add_verdict(r, NF_ACCEPT, NULL);
		rule_put(b, r);
	}
}

/* A lease that is not renewed takes the address away. */
static void
put_leases(struct nft_batch *b, const char *chain, uint16_t port)
{
	struct nftnl_rule *r = rule_new(chain);
	uint16_t wire = htons(port);

	add_protocol(r, IPPROTO_UDP);
	add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1);
	add_compare(r, &wire, 2);
	add_verdict(r, NF_ACCEPT, NULL);
	rule_put(b, r);
}

static void
put_drop(struct nft_batch *b, const char *chain)
{
	struct nftnl_rule *r = rule_new(chain);

	add_verdict(r, NF_DROP, NULL);
	rule_put(b, r);
}

void
nft_put_isolation(struct nft_batch *b)
{
	static const struct {
		const char *chain;
		int hook;
		enum side side;
		uint16_t leases[2];
	} chains[] = {
		{ "isolate_in", NF_INET_LOCAL_IN, SIDE_SOURCE, { 68, 546 } },
		{ "isolate_out", NF_INET_LOCAL_OUT, SIDE_DESTINATION, { 67, 547 } },
	};

	for (size_t i = 0; i < DS_LEN(chains); i++) {
		put_chain(b, chains[i].chain, chains[i].hook, -9);
		put_set_rule(b, chains[i].chain, NFT_SET_NEVER4, chains[i].side, NF_ACCEPT);
		put_set_rule(b, chains[i].chain, NFT_SET_NEVER6, chains[i].side, NF_ACCEPT);
		put_neighbours(b, chains[i].chain);
		put_leases(b, chains[i].chain, chains[i].leases[0]);
		put_leases(b, chains[i].chain, chains[i].leases[1]);
		put_drop(b, chains[i].chain);
	}
	put_chain(b, "isolate_fwd", NF_INET_FORWARD, -9);
	put_drop(b, "isolate_fwd");
}

/* ---- for one daemon only */

void
nft_level_chain(unsigned level, bool out, char ret[32])
{
	(void)snprintf(ret, 32, "own%u_%s", level, out ? "out" : "in");
}

/* socket cgroupv2 level N . ip saddr @own4 drop */
static void
put_own_rule(struct nft_batch *b, const char *chain, bool v6, enum side side, unsigned level)
{
	struct nftnl_rule *r = rule_new(chain);

	add_family(r, v6);
	add_group(r, level);
	add_address(r, v6, side, NFT_REG32_02);
	add_lookup(r, v6 ? NFT_SET_OWN6 : NFT_SET_OWN4);
	add_verdict(r, NF_DROP, NULL);
	rule_put(b, r);
}

void
nft_put_level(struct nft_batch *b, unsigned level)
{
	char in[32], out[32];

	nft_level_chain(level, false, in);
	nft_level_chain(level, true, out);
	put_chain(b, in, NF_INET_LOCAL_IN, -10);
	put_chain(b, out, NF_INET_LOCAL_OUT, -10);
	for (int v6 = 0; v6 <= 1; v6++) {
		put_own_rule(b, in, v6, SIDE_SOURCE, level);
		put_own_rule(b, out, v6, SIDE_DESTINATION, level);
	}
	put_port_rule(b, in, IPPROTO_TCP, level);
	put_port_rule(b, in, IPPROTO_UDP, level);
}

static void
put_probe_table(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h = nft_batch_message(b, type, flags);

	nftnl_table_set_str(t, NFTNL_TABLE_NAME, PROBE_TABLE);
	nftnl_table_nlmsg_build_payload(h, t);
	nft_batch_next(b, h);
	nftnl_table_free(t);
}

void
nft_put_group_probe(struct nft_batch *b)
{
	struct nftnl_rule *r = rule_new("probe");
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;

	put_probe_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, PROBE_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, "probe");
	h = nft_batch_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nftnl_chain_nlmsg_build_payload(h, c);
	nft_batch_next(b, h);
	nftnl_chain_free(c);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, PROBE_TABLE);
	add_group(r, 1);
	rule_put(b, r);
	put_probe_table(b, NFT_MSG_DELTABLE, 0);
}
