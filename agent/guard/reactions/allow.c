/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allow - those who are never cut off, as sets of the kernel.
 *
 * Called by block_port and isolate.  Networks in the sets may overlap in the list, but not in a
 * set: what is in a wider one is left out.
 */
#include "agent/guard/reactions/allow.h"
#include "agent/guard/reactions/blocks.h"
#include "agent/guard/reactions/never.h"
#include "agent/guard/reactions/nft.h"

#include <errno.h>
#include <string.h>

/* What was put into the sets. */
struct pushed {
	struct network network[NEVER_MAX];
	size_t len;
};

static struct pushed here, elsewhere;

static bool
is_pushed(const struct pushed *p, const struct network *n)
{
	for (size_t i = 0; i < p->len; i++)
		if (p->network[i].prefix <= n->prefix && network_overlaps(&p->network[i], n))
			return true;
	return false;
}

/* Wide ones first, so that what is in them is not added. */
static int
push_all(struct reaction_call *call, unsigned group, struct pushed *pushed)
{
	size_t len;
	const struct never *all = never_list(call, &len);
	int r = 0;

	for (unsigned prefix = 0; prefix <= 128 && r == 0; prefix++)
		for (size_t i = 0; i < len && r == 0; i++) {
			struct nft_element e = { .network = all[i].network, .group = group };

			if (e.network.prefix != prefix || is_pushed(pushed, &e.network) ||
			    pushed->len == NEVER_MAX)
				continue;
			r = nft_add(e.network.bits == 32 ? NFT_SET_NEVER4 : NFT_SET_NEVER6, &e, 0);
			/* A narrower one is there already: it stays as it is. */
			if (r == -EEXIST || r == -ENOENT || r == -ENOTEMPTY)
				r = 0;
			if (r == 0)
				pushed->network[pushed->len++] = e.network;
		}
	return blocks_fail(call, r);
}

int
allow_fill(struct reaction_call *call, unsigned group)
{
	struct pushed *pushed = group != 0 ? &elsewhere : &here;
	int r = nft_flush(NFT_SET_NEVER4, group);

	pushed->len = 0;
	if (r == 0)
		r = nft_flush(NFT_SET_NEVER6, group);
	return r < 0 ? blocks_fail(call, r)
		     : push_all(call, group, pushed);
}

int
allow_update(struct reaction_call *call)
{
	return push_all(call, 0, &here);
}

bool
allow_lets_people_in(struct reaction_call *call)
{
	size_t len;
	const struct never *all = never_list(call, &len);

	for (size_t i = 0; i < len; i++)
		if (strstr(all[i].why, "never_block") != NULL ||
		    strstr(all[i].why, "ssh") != NULL || strstr(all[i].why, "session") != NULL)
			return true;
	return false;
}
