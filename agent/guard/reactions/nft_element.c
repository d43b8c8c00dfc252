/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_element - what is in the sets of our table, here and in the networks of daemons.
 *
 * Called by blocks and allow.
 */
#include "agent/guard/reactions/apart.h"
#include "agent/guard/reactions/group.h"
#include "agent/guard/reactions/nft_part.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/set.h>
#include <string.h>

enum nft_set_id
nft_set_of(const struct nft_element *e)
{
	bool v6 = e->network.bits == 128;

	if (e->group != 0 && !group_is_network(e->group))
		return e->network.bits == 0 ? NFT_SET_OWN_PORT : v6 ? NFT_SET_OWN6 : NFT_SET_OWN4;
	if (e->network.bits == 0)
		return NFT_SET_PORT;
	if (e->port != 0)
		return v6 ? NFT_SET_SERVE6 : NFT_SET_SERVE4;
	if (network_is_address(&e->network))
		return v6 ? NFT_SET_BAN6 : NFT_SET_BAN4;
	return v6 ? NFT_SET_NET6 : NFT_SET_NET4;
}

/* Parts of a key begin at multiples of four bytes. */
static void
key_of(enum nft_set_id set, const struct nft_element *e, uint8_t ret[32])
{
	const struct group *g = group_get(e->group);
	uint16_t port = htons(e->port);
	size_t at = 0;

	if (g != NULL && g->level > 0) {
		memcpy(ret, &g->id, sizeof(g->id));
		at = sizeof(g->id);
	}
	memcpy(ret + at, e->network.address, 16);
	at += e->network.bits / 8u;
	if (set != NFT_SET_PORT && set != NFT_SET_SERVE4 && set != NFT_SET_SERVE6 &&
	    set != NFT_SET_OWN_PORT)
		return;
	for (size_t i = at; i < 32; i++)
		ret[i] = 0;
	ret[at] = e->protocol;
	memcpy(ret + at + 4, &port, sizeof(port));
}

/* Behind the last address of a network; false: there is none. */
static bool
end_of(const struct network *n, uint8_t ret[32])
{
	network_last(n, ret);
	for (size_t i = n->bits / 8u; i-- > 0;)
		if (++ret[i] != 0)
			return true;
	return false;
}

static void
add_key(struct nftnl_set *s, const uint8_t *key, uint32_t size, uint32_t flags, uint64_t timeout_ms)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();

	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, size);
	if (flags != 0)
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, flags);
	else if (timeout_ms > 0)
		nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, timeout_ms);
	nftnl_set_elem_add(s, e);
}

static struct nftnl_set *
set_with(enum nft_set_id id, const struct nft_element *e, uint64_t timeout_ms)
{
	const struct nft_set_row *row = &nft_sets[id];
	struct nftnl_set *s = nftnl_set_alloc();
	uint8_t key[32];

	if (s == NULL)
		return NULL;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, row->name);
	if (e == NULL)
		return s;
	key_of(id, e, key);
	add_key(s, key, row->key_size, 0, timeout_ms);
	if ((row->flags & NFT_SET_INTERVAL) != 0 && end_of(&e->network, key))
		add_key(s, key, row->key_size, NFT_SET_ELEM_INTERVAL_END, 0);
	return s;
}

static void
put_elements(struct nft_batch *b, uint16_t type, uint16_t flags, struct nftnl_set *s)
{
	struct nlmsghdr *h = nft_batch_message(b, type, flags);

	nftnl_set_elems_nlmsg_build_payload(h, s);
	nft_batch_next(b, h);
}

static int
change_element(uint16_t type, enum nft_set_id id, const struct nft_element *e, uint64_t timeout_ms,
    bool replace)
{
	static struct nft_batch b;
	struct nftnl_set *s = set_with(id, e, timeout_ms);

	if (s == NULL)
		return -ENOMEM;
	nft_batch_begin(&b);
	if (replace)
		put_elements(&b, NFT_MSG_DELSETELEM, 0, s);
	put_elements(&b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0, s);
	nftnl_set_free(s);
	return nft_batch_send(&b);
}

/* ---- here, or in the network of somebody else */

struct change {
	int (*call)(const struct change *change);
	enum nft_set_id set;
	const struct nft_element *element; /* NULL: the whole set, or table */
	unsigned group;
	uint64_t timeout_ms;
};

static int
there(void *ctx)
{
	const struct change *change = ctx;
	int r = nft_enter(change->group);

	if (r == 0)
		r = change->call(change);
	nft_leave();
	return r;
}

/* Who has a network of his own may hold up all changes in there: see apart.  Where nothing runs
 * there is nobody, and nothing to change. */
static int
make(struct change *change)
{
	if (!group_is_network(change->group))
		return change->call(change);
	return group_runs(change->group) ? apart_do(change->group, there, change) : -ESRCH;
}

static int
add(const struct change *c)
{
	const struct nft_element *e = c->element;
	int r = nft_setup();

	if (r == 0)
		r = nft_setup_level(e);
	if (r < 0)
		return r;
	r = change_element(NFT_MSG_NEWSETELEM, c->set, e, c->timeout_ms, false);
	if (r == -EEXIST)
		r = change_element(NFT_MSG_NEWSETELEM, c->set, e, c->timeout_ms, true);
	if (r != -ENOENT)
		return r;
	/* The table has gone under us. */
	nft_lost();
	r = nft_setup();
	if (r == 0)
		r = nft_setup_level(e);
	return r < 0 ? r : change_element(NFT_MSG_NEWSETELEM, c->set, e, c->timeout_ms, false);
}

int
nft_add(enum nft_set_id id, const struct nft_element *e, uint64_t timeout_ms)
{
	int r = make(&(struct change){ add, id, e, e->group, timeout_ms });

	return r == -ESRCH ? 0 : r; /* nothing runs: it is added when something does */
}

static int
take_away(const struct change *c)
{
	return change_element(NFT_MSG_DELSETELEM, c->set, c->element, 0, false);
}

int
nft_remove(enum nft_set_id id, const struct nft_element *e)
{
	int r = make(&(struct change){ take_away, id, e, e->group, 0 });

	return r == -ESRCH ? -ENOENT : r;
}

static int
flush(const struct change *c)
{
	int r = nft_setup();

	return r == 0 ? take_away(c) : r;
}

int
nft_flush(enum nft_set_id id, unsigned group)
{
	return make(&(struct change){ flush, id, NULL, group, 0 });
}

static int
destroy(const struct change *c)
{
	(void)c;
	return nft_destroy();
}

int
nft_destroy_of(unsigned group)
{
	int r = make(&(struct change){ destroy, NFT_SETS, NULL, group, 0 });

	return r == -ESRCH ? 0 : r;
}

static int
has(enum nft_set_id id, const struct nft_element *e)
{
	uint8_t data[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = nft_question(data, NFT_MSG_GETSETELEM, 0, NFPROTO_INET);
	struct nftnl_set *s = set_with(id, e, 0);

	if (s == NULL)
		return -ENOMEM;
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	return nft_ask(h, NULL, NULL);
}

/* A question waits for nobody, wherever it is asked. */
int
nft_has(enum nft_set_id id, const struct nft_element *e)
{
	int r = nft_enter(e->group);

	if (r == 0)
		r = has(id, e);
	nft_leave();
	return r == -ESRCH ? 0 : r;
}
