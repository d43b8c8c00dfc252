/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft - our own table of nftables, by netlink.
 *
 * Called by blocks, allow and isolate.  Owns one netlink socket, and for a moment one in the
 * network of somebody who has one of his own.  Every change is one transaction: it happens as a
 * whole, or not at all.
 */
#include "agent/guard/reactions/nft.h"
#include "agent/guard/reactions/group.h"
#include "agent/guard/reactions/inside.h"
#include "agent/guard/reactions/nft_part.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A network namespace in which our table is, or may be: this one, and for a moment another. */
struct place {
	struct mnl_socket *nl;
	uint32_t generation; /* of the whole ruleset after our last change */
	bool is_set_up;
	uint32_t levels; /* bits: for groups so deep there are chains */
};

static struct place here, elsewhere, *in = &here;
static uint32_t next_seq = 1;

static int
open_socket(void *ctx)
{
	struct timeval patience = { .tv_sec = 2 };
	int size = 1 << 20;

	(void)ctx; /* none is needed */
	if (in->nl != NULL)
		return 0;
	in->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (in->nl == NULL)
		return errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	(void)setsockopt(mnl_socket_get_fd(in->nl), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (mnl_socket_bind(in->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(in->nl), SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) < 0) {
		int r = -errno;

		(void)mnl_socket_close(in->nl);
		in->nl = NULL;
		return r;
	}
	return 0;
}

void
nft_leave(void)
{
	if (in == &here)
		return;
	if (in->nl != NULL)
		(void)mnl_socket_close(in->nl);
	in = &here;
}

int
nft_enter(unsigned group)
{
	int network, r;

	if (!group_is_network(group))
		return 0;
	network = group_open_network(group);
	if (network < 0)
		return network;
	elsewhere = (struct place){ 0 };
	in = &elsewhere;
	/* A socket belongs to the network in which it is made. */
	r = inside_call(network, open_socket, NULL);
	(void)close(network);
	if (r < 0)
		nft_leave();
	return r;
}

void
nft_lost(void)
{
	in->is_set_up = false;
	in->levels = 0;
}

void
nft_batch_begin(struct nft_batch *b)
{
	b->len = 0;
	b->seq = next_seq;
	b->len += nftnl_batch_begin((char *)b->data, b->seq++)->nlmsg_len;
	b->first = b->seq;
}

struct nlmsghdr *
nft_batch_message(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(
	    (char *)b->data + b->len, type, NFPROTO_INET, (uint16_t)(flags | NLM_F_ACK), b->seq++);
}

void
nft_batch_next(struct nft_batch *b, const struct nlmsghdr *header)
{
	b->len += NLMSG_ALIGN(header->nlmsg_len);
}

/* The answers to messages `from` to `to`; the first error counts. */
static int
read_answers(uint32_t from, uint32_t to, mnl_cb_t call, void *ctx)
{
	static uint8_t data[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned port = mnl_socket_get_portid(in->nl);
	int result = 0;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(in->nl, data, sizeof(data));
		int left = (int)n;

		if (n < 0)
			return errno == ENOBUFS ? -EIO : -errno;
		for (struct nlmsghdr *h = (void *)data; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_pid != port || h->nlmsg_seq < from || h->nlmsg_seq > to)
				continue; /* the end of an answer that was given up */
			if (h->nlmsg_type != NLMSG_ERROR && h->nlmsg_type != NLMSG_DONE) {
				if (call != NULL && call(h, ctx) < 0)
					return -EBADMSG;
				continue;
			}
			if (h->nlmsg_type == NLMSG_ERROR && error->error != 0 && result == 0)
				result = error->error;
			if (h->nlmsg_seq == to || result != 0)
				return result;
		}
	}
}

static int
take_generation_of(const struct nlattr *attr, void *ctx)
{
	if (mnl_attr_get_type(attr) == NFTA_GEN_ID)
		*(uint32_t *)ctx = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int
take_generation(const struct nlmsghdr *h, void *ctx)
{
	return mnl_attr_parse(h, sizeof(struct nfgenmsg), take_generation_of, ctx);
}

struct nlmsghdr *
nft_question(uint8_t *data, uint16_t type, uint16_t flags, uint8_t family)
{
	return nftnl_nlmsg_build_hdr(
	    (char *)data, type, family, (uint16_t)(flags | NLM_F_ACK), next_seq++);
}

int
nft_ask(struct nlmsghdr *header, mnl_cb_t call, void *ctx)
{
	int r = open_socket(NULL);

	if (r < 0)
		return r;
	if (mnl_socket_sendto(in->nl, header, header->nlmsg_len) < 0)
		return -errno;
	r = read_answers(header->nlmsg_seq, header->nlmsg_seq, call, ctx);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int
ask_generation(uint32_t *ret)
{
	uint8_t data[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = nft_ask(nft_question(data, NFT_MSG_GETGEN, 0, AF_UNSPEC), take_generation, ret);

	return r < 0 ? r : 0;
}

int
nft_batch_send(struct nft_batch *b)
{
	uint32_t last = b->seq - 1, before = 0;
	int r = open_socket(NULL);

	if (r < 0)
		return r;
	b->len += nftnl_batch_end((char *)b->data + b->len, b->seq++)->nlmsg_len;
	next_seq = b->seq;
	if (mnl_socket_sendto(in->nl, b->data, b->len) < 0)
		return -errno;
	r = read_answers(b->first - 1, last, NULL, NULL);
	/* The change was ours, and one: whatever else there was shows as more. */
	before = in->generation;
	if (r == 0 && before != 0)
		in->generation = before + 1;
	return r;
}

/* ---- the table */

static int
take_chain(const struct nlmsghdr *h, void *ctx)
{
	return nftnl_chain_nlmsg_parse(h, ctx) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

int
nft_chain_has(const char *name, uint32_t rules)
{
	uint8_t data[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h = nft_question(data, NFT_MSG_GETCHAIN, 0, NFPROTO_INET);
	int r;

	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NFT_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	nftnl_chain_nlmsg_build_payload(h, c);
	r = nft_ask(h, take_chain, c);
	/* The kernel counts the rules in a chain, and those that jump to it. */
	if (r == 1)
		r = nftnl_chain_get_u32(c, NFTNL_CHAIN_USE) >= rules;
	nftnl_chain_free(c);
	return r;
}

static int
level_is_there(unsigned level)
{
	char name[32];
	int r;

	nft_level_chain(level, false, name);
	r = nft_chain_has(name, NFT_RULES_OWN_IN);
	nft_level_chain(level, true, name);
	return r == 1 ? nft_chain_has(name, NFT_RULES_OWN_OUT) : r;
}

int
nft_is_there(void)
{
	static const struct {
		const char *name;
		uint32_t rules; /* of `ports`, with those that jump there */
	} chains[] = { { "input", 8 }, { "output", 4 }, { "forward", 8 }, { "ports", 5 } };
	int r = 1;

	for (size_t i = 0; i < DS_LEN(chains) && r == 1; i++)
		r = nft_chain_has(chains[i].name, chains[i].rules);
	for (unsigned i = 0; i < 32 && r == 1; i++)
		if ((in->levels & UINT32_C(1) << i) != 0)
			r = level_is_there(i);
	return r;
}

static int
change_table(uint16_t type)
{
	static struct nft_batch b;
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h;

	if (t == NULL)
		return -ENOMEM;
	nft_batch_begin(&b);
	h = nft_batch_message(&b, type, 0);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, NFT_TABLE);
	nftnl_table_nlmsg_build_payload(h, t);
	nft_batch_next(&b, h);
	nftnl_table_free(t);
	return nft_batch_send(&b);
}

int
nft_destroy(void)
{
	int r = change_table(NFT_MSG_DELTABLE);

	nft_lost();
	return r == -ENOENT ? 0 : r;
}

/* What a kernel says that has no nftables. */
static int
as_absent(int r)
{
	return r == -EPROTONOSUPPORT || r == -EINVAL || r == -EAGAIN ? -EOPNOTSUPP : r;
}

int
nft_look(void)
{
	uint32_t now;
	int r = ask_generation(&now);

	return r < 0 ? as_absent(r) : 0;
}

int
nft_setup(void)
{
	static struct nft_batch b;
	int r;

	if (in->is_set_up)
		return 0;
	r = open_socket(NULL);
	if (r == 0)
		r = nft_is_there();
	if (r == 0) {
		r = nft_destroy(); /* half of it may be there */
		nft_batch_begin(&b);
		nft_put_table(&b);
		if (r == 0)
			r = nft_batch_send(&b);
	}
	if (r < 0)
		return as_absent(r);
	r = ask_generation(&in->generation);
	in->is_set_up = r == 0;
	return r;
}

int
nft_is_changed(void)
{
	uint32_t now = 0;
	int r = ask_generation(&now);

	if (r < 0)
		return r;
	r = now != in->generation;
	in->generation = now;
	if (r == 1)
		in->is_set_up = false; /* look again before the next change */
	return r;
}

/* ---- for one daemon only */

int
nft_knows_groups(void)
{
	static struct nft_batch b;
	int r;

	nft_batch_begin(&b);
	nft_put_group_probe(&b);
	r = nft_batch_send(&b);
	return r == 0 ? 1
	       : r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL || r == -EPROTONOSUPPORT ||
		       r == -EAGAIN
		   ? 0
		   : r;
}

int
nft_setup_level(const struct nft_element *e)
{
	static struct nft_batch b;
	const struct group *g = group_get(e->group);
	int r;

	if (g == NULL || g->level == 0 || (in->levels & UINT32_C(1) << g->level) != 0)
		return 0;
	r = level_is_there(g->level);
	if (r == 0) {
		nft_batch_begin(&b);
		nft_put_level(&b, g->level);
		r = nft_batch_send(&b);
	}
	if (r >= 0)
		in->levels |= UINT32_C(1) << g->level;
	return r < 0 ? r : 0;
}
