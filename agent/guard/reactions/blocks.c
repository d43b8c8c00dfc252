/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks - what is blocked, and by which orders.
 *
 * Called by block_ip and block_port.  Owns a table of elements, each with the orders that want it;
 * an entry goes with the last of them.
 */
#include "agent/guard/reactions/blocks.h"
#include "agent/guard/ledger.h"
#include "agent/guard/reactions/allow.h"
#include "agent/guard/reactions/apart.h"
#include "agent/guard/reactions/group.h"
#include "agent/guard/reactions/never.h"
#include "lib/clock.h"
#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLDERS_MAX 64u
#define ROUND_MAX   64u   /* blocks in networks of others that are looked at in a tick */
#define ROUND_MS    300u  /* or for so long */
#define LOOK_MS     5000u /* for who else is in a network: all processes are looked at */

struct holder {
	uint8_t order[DS_ORDER_ID_SIZE];
	uint64_t until_us; /* wall clock; 0: for ever */
};

struct block {
	struct nft_element element;
	size_t len;
	struct holder holders[]; /* of `len` */
};

static struct ds_map *blocks; /* struct nft_element -> struct block */

/* A key without padding. */
struct key {
	uint8_t bytes[26];
};

static struct key
key_of(const struct nft_element *e)
{
	struct key k = { { 0 } };

	memcpy(k.bytes, e->network.address, 16);
	k.bytes[16] = e->network.bits;
	k.bytes[17] = e->network.prefix;
	k.bytes[18] = e->protocol;
	memcpy(k.bytes + 19, &e->port, sizeof(e->port));
	memcpy(k.bytes + 21, &e->group, sizeof(e->group));
	return k;
}

static struct block *
find(const struct nft_element *e)
{
	struct key k = key_of(e);

	return blocks != NULL ? ds_map_get(blocks, &k, sizeof(k)) : NULL;
}

static struct holder *
holder_of(struct block *b, const struct ds_order *order)
{
	for (size_t i = 0; b != NULL && i < b->len; i++)
		if (memcmp(b->holders[i].order, order->id, sizeof(order->id)) == 0)
			return &b->holders[i];
	return NULL;
}

static uint64_t
timeout_ms(const struct block *b)
{
	uint64_t now_us = ds_clock_wall_us(), until_us = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->holders[i].until_us == 0)
			return 0;
		until_us = DS_MAX(until_us, b->holders[i].until_us);
	}
	return until_us > now_us ? DS_MAX((until_us - now_us) / 1000, UINT64_C(1)) : 1;
}

static int
hold(const struct nft_element *e, const struct ds_order *order, uint64_t until_us,
    struct block **ret)
{
	struct block *old, *b;
	struct key k = key_of(e);
	void *replaced = NULL;
	size_t len;
	int r;

	if (blocks == NULL)
		blocks = ds_map_new(BLOCKS_MAX);
	if (blocks == NULL)
		return -ENOMEM;
	old = find(e);
	if (holder_of(old, order) != NULL) {
		holder_of(old, order)->until_us = until_us;
		*ret = old;
		return 0;
	}
	len = old != NULL ? old->len : 0;
	if (len == HOLDERS_MAX)
		return -ENOSPC;
	b = calloc(1, sizeof(*b) + (len + 1) * sizeof(b->holders[0]));
	if (b == NULL)
		return -ENOMEM;
	b->element = *e;
	b->len = len + 1;
	if (len > 0)
		memcpy(b->holders, old->holders, len * sizeof(b->holders[0]));
	memcpy(b->holders[len].order, order->id, sizeof(order->id));
	b->holders[len].until_us = until_us;
	r = ds_map_put(blocks, &k, sizeof(k), b, &replaced);
	if (r < 0) {
		free(b);
		return r;
	}
	if (replaced == NULL)
		group_keep(e->group);
	free(replaced);
	*ret = b;
	return 0;
}

/* What is left of it, or NULL. */
static struct block *
let_go(const struct nft_element *e, const struct ds_order *order)
{
	struct block *b = find(e);
	struct holder *h = holder_of(b, order);
	struct key k = key_of(e);

	if (b == NULL)
		return NULL;
	if (h != NULL)
		*h = b->holders[--b->len];
	if (b->len > 0)
		return b;
	group_let_go(e->group);
	free(ds_map_remove(blocks, &k, sizeof(k)));
	return NULL;
}

int
blocks_fail(struct reaction_call *call, int r)
{
	if (r == -EOPNOTSUPP || r == -EPERM)
		return reaction_fail(
		    call, r, "this kernel has no nftables for us: %s", strerror(-r));
	if (r == -ETIMEDOUT)
		return reaction_fail(call, r,
		    "the daemon's network takes no change now: somebody in it holds them up");
	return r < 0 ? reaction_fail(call, r, "nftables: %s", strerror(-r)) : 0;
}

int
blocks_add(struct reaction_call *call, const struct nft_element *e)
{
	struct block *b;
	int r = hold(e, call->order, call->until_us, &b);

	if (r < 0)
		return reaction_fail(call, r, "no room for another block: %s", strerror(-r));
	r = nft_add(nft_set_of(e), e, timeout_ms(b));
	if (r < 0)
		(void)let_go(e, call->order);
	return blocks_fail(call, r);
}

int
blocks_await(struct reaction_call *call, const struct nft_element *e)
{
	int r;

	if (!group_is_network(e->group) || group_runs(e->group))
		return 0;
	r = blocks_add(call, e);
	return r < 0 ? r : 1;
}

static int
find_other(struct ledger_entry *e, void *ctx)
{
	return (e->state == LEDGER_ACTIVE || e->state == LEDGER_INTENT) &&
	       strncmp(e->kind, "block_", 6) == 0 && memcmp(e->id, ctx, sizeof(e->id)) != 0;
}

/* After a start some are not in the table yet. */
static bool
are_others_due(const struct ds_order *order)
{
	static uint8_t id[DS_ORDER_ID_SIZE];

	memcpy(id, order->id, sizeof(id));
	return blocks == NULL && ledger_each(find_other, id) != 0;
}

struct others {
	unsigned group;
	size_t len;
};

static int
count_other(const void *key, size_t len, void *value, void *ctx)
{
	const struct block *b = value;
	struct others *o = ctx;

	(void)key;
	(void)len;
	o->len += group_is_network(b->element.group) ? b->element.group == o->group
						     : !group_is_network(o->group);
	return 0; /* group 0: those of this host's own network */
}

/* Nothing of ours is left behind: not here, and not in the network of somebody else. */
static int
clean_up(const struct reaction_call *call, const struct nft_element *e)
{
	struct others o = { .group = e->group };

	if (blocks != NULL)
		(void)ds_map_each(blocks, count_other, &o);
	if (o.len > 0 || are_others_due(call->order))
		return 0;
	if (group_is_network(e->group))
		return nft_destroy_of(e->group);
	return nft_is_isolated() == 1 ? 0 : nft_destroy();
}

int
blocks_remove(struct reaction_call *call, const struct nft_element *e)
{
	struct block *b = let_go(e, call->order);
	int r;

	if (b != NULL) {
		(void)reaction_fail(call, 0, "another order still blocks it");
		return blocks_fail(call, nft_add(nft_set_of(e), e, timeout_ms(b)));
	}
	r = nft_remove(nft_set_of(e), e);
	r = r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
	if (r == 0)
		r = clean_up(call, e);
	return blocks_fail(call, r);
}

int
blocks_clean_up(struct reaction_call *call)
{
	const struct nft_element here = { 0 };

	return blocks_fail(call, clean_up(call, &here));
}

int
blocks_has(struct reaction_call *call, const struct nft_element *e)
{
	if (find(e) != NULL && holder_of(find(e), call->order) == NULL)
		return 0; /* somebody else's by now */
	return nft_has(nft_set_of(e), e);
}

/* Who is never cut off can connect there, too. */
static int
put_there(const struct block *b, struct reaction_call *call)
{
	int r = 0;

	if (group_is_network(b->element.group) && b->element.network.bits == 0)
		r = allow_fill(call, b->element.group);
	return r < 0 ? r : nft_add(nft_set_of(&b->element), &b->element, timeout_ms(b));
}

static int
put_again(const void *key, size_t len, void *value, void *ctx)
{
	const struct block *b = value;

	(void)key;
	(void)len;
	if (!group_is_network(b->element.group) &&
	    nft_add(nft_set_of(&b->element), &b->element, timeout_ms(b)) < 0)
		(*(size_t *)ctx)++;
	return 0;
}

struct count {
	size_t missing, left;
};

/* A few of them say whether somebody emptied our sets. */
static int
count_missing(const void *key, size_t len, void *value, void *ctx)
{
	const struct block *b = value;
	struct count *c = ctx;

	(void)key;
	(void)len;
	if (group_is_network(b->element.group))
		return 0;
	c->missing += timeout_ms(b) > 1000 && nft_has(nft_set_of(&b->element), &b->element) == 0;
	return --c->left == 0;
}

/* A daemon that was started anew has another group: its blocks follow.  What is left of the old one
 * matches nobody. */
struct following {
	struct reaction_call *call;
	unsigned group;
};

static int
follow_one(const void *key, size_t len, void *value, void *ctx)
{
	const struct block *b = value;
	const struct following *f = ctx;

	(void)key;
	(void)len;
	return b->element.group == f->group && put_there(b, f->call) < 0 ? -EIO : 0;
}

static int
follow_all(void *ctx)
{
	return ds_map_each(blocks, follow_one, ctx);
}

static void
follow(struct reaction_call *call)
{
	struct following f = { .call = call };
	uint64_t end_ms = ds_clock_monotonic_ms() + ROUND_MS;
	int r = 0;

	for (f.group = 1; group_get(f.group) != NULL && ds_clock_monotonic_ms() < end_ms;
	     f.group++) {
		if (group_look(f.group) != 1)
			continue;
		r = group_is_network(f.group) ? apart_do(f.group, follow_all, &f) : follow_all(&f);
		if (r < 0)
			group_forget(f.group);
	}
}

/* A round over the blocks in networks of others. */
struct round {
	struct reaction_call *call;
	uint64_t end_ms;
	size_t skip, left, back; /* seen by rounds before; still to be seen; put back */
	unsigned group;          /* whose */
};

static int
look_there(const void *key, size_t len, void *value, void *ctx)
{
	const struct block *b = value;
	struct round *round = ctx;

	(void)key;
	(void)len;
	if (!group_is_network(b->element.group))
		return 0;
	if (round->skip > 0) {
		round->skip--;
		return 0;
	}
	if (round->left == 0 || ds_clock_monotonic_ms() >= round->end_ms)
		return 1;
	round->left--;
	if (timeout_ms(b) > 1000 && group_is_alive(b->element.group) &&
	    nft_has(nft_set_of(&b->element), &b->element) == 0 && put_there(b, round->call) == 0) {
		round->group = b->element.group;
		round->back++;
	}
	return 0;
}

/* Who has a network of his own may be its administrator, too.  Each look goes there and back, so
 * that the loop has time for some of many. */
static int
keep_there(struct reaction_call *call)
{
	static size_t seen;
	struct round round = { .call = call,
		.end_ms = ds_clock_monotonic_ms() + ROUND_MS,
		.skip = seen,
		.left = ROUND_MAX };

	seen = ds_map_each(blocks, look_there, &round) == 0 ? 0 : seen + ROUND_MAX - round.left;
	if (round.back == 0)
		return 0;
	(void)reaction_fail(call, 0, "somebody took away blocks in %.200s; %zu are there again",
	    group_get(round.group)->path, round.back);
	return 1;
}

/* Whether somebody has come into a network since it is blocked there; one of them each time. */
static int
look_around(struct reaction_call *call)
{
	static uint64_t next_ms;
	static unsigned at;
	uint64_t now_ms = ds_clock_monotonic_ms();

	if (now_ms < next_ms)
		return 0;
	next_ms = now_ms + LOOK_MS;
	for (unsigned n = 0; n < GROUPS_MAX; n++) {
		unsigned number = at++ % GROUPS_MAX + 1;

		if (!group_is_network(number) || group_get(number)->blocks == 0)
			continue;
		if (group_look_shared(number) == 0)
			return 0;
		(void)reaction_fail(call, 0,
		    "others are in the network of %.200s by now: what is blocked there is blocked for them, too",
		    strchr(group_get(number)->path, ':') + 1);
		return 2;
	}
	return 0;
}

static int
keep_here(struct reaction_call *call, size_t len)
{
	struct count c = { .left = 8 };
	size_t failed = 0;
	int r;

	if (nft_is_changed() != 1)
		return 0;
	r = nft_is_there();
	if (r == 1)
		(void)ds_map_each(blocks, count_missing, &c);
	if (r < 0 || (r == 1 && c.missing == 0))
		return 0;
	r = nft_setup();
	if (r == 0)
		(void)ds_map_each(blocks, put_again, &failed);
	(void)reaction_fail(call, 0,
	    "somebody took away our nftables rules; %zu of %zu blocks are there again%s%s",
	    r < 0 ? 0 : len - failed, len, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
	return 1;
}

int
blocks_keep(struct reaction_call *call)
{
	struct others here = { 0 };
	int r;

	if (blocks == NULL || ds_map_len(blocks) == 0)
		return 0;
	follow(call);
	(void)ds_map_each(blocks, count_other, &here);
	if (here.len < ds_map_len(blocks)) {
		r = keep_there(call);
		if (r == 0)
			r = look_around(call);
		if (r != 0)
			return r;
	}
	return here.len > 0 ? keep_here(call, here.len) : 0;
}
