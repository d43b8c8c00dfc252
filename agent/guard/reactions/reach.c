/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reach - whether a block is for the whole host or for one daemon only.
 *
 * Called by block_ip and block_port.  In the inverse: u8, 1 for the daemon only, 2 for its network,
 * which others share; text, the path of its group, or why it is for the whole host.  An inverse of
 * an older agent is empty.
 */
#include "agent/guard/reactions/reach.h"
#include "agent/guard/reactions/group.h"

#include <errno.h>
#include <string.h>

struct reach {
	uint8_t is_own;
	char text[GROUP_PATH_MAX];
};

/* The path of the group, or a sentence why not. */
static int
find(struct reaction_call *call, const struct nft_element *e, char ret[GROUP_PATH_MAX])
{
	int r;

	if (e->network.bits != 0 && e->port != 0)
		return reaction_fail(call, -EINVAL, "the port says already for whom");
	r = group_find(call, call->order->daemon, ret, GROUP_PATH_MAX);
	if (r == 1 && call->order->reach == DS_REACH_DAEMON_ONLY)
		return reaction_fail(
		    call, -EPERM, "others share the network of %.200s", call->order->daemon);
	if (r < 0 || ret[0] != '/')
		return r; /* or in a network of its own, where all is its own */
	if (e->network.bits != 0 && !network_is_address(&e->network))
		return reaction_fail(
		    call, -EOPNOTSUPP, "a network cannot be blocked for one daemon only");
	r = nft_knows_groups();
	return r == 1 ? 0
		      : reaction_fail(call, r < 0 ? r : -EOPNOTSUPP,
			    "this kernel cannot tell whose a connection is");
}

bool
reach_is_apart(struct reaction_call *call)
{
	char path[GROUP_PATH_MAX];
	bool is_apart = call->order->reach != DS_REACH_HOST &&
			group_find(call, call->order->daemon, path, sizeof(path)) >= 0 &&
			path[0] != '/';

	call->why[0] = '\0';
	return is_apart;
}

int
reach_check(struct reaction_call *call, const struct nft_element *e)
{
	char path[GROUP_PATH_MAX];

	int r = call->order->reach == DS_REACH_DAEMON_ONLY ? find(call, e, path) : 0;

	return r < 0 ? r : 0;
}

int
reach_put(struct reaction_call *call, const struct nft_element *e)
{
	struct reach reach = { .is_own = call->order->reach != DS_REACH_HOST };
	int r = 0;

	if (reach.is_own)
		r = find(call, e, reach.text);
	if (r == 1)
		reach.is_own = 2;
	if (r < 0 && call->order->reach == DS_REACH_DAEMON_ONLY)
		return r;
	if (r < 0) {
		reach.is_own = 0;
		memcpy(reach.text, call->why, sizeof(call->why));
		call->why[0] = '\0';
	}
	r = ds_buf_put_u8(&call->inverse, reach.is_own);
	if (r == 0)
		r = ds_buf_put_str(&call->inverse, reach.text);
	ds_json_put_string(
	    call->evidence, reach.is_own ? "group" : "reach", reach.is_own ? reach.text : "host");
	return r;
}

static int
get(struct reaction_call *call, struct reach *ret)
{
	const uint8_t *text;
	size_t len;
	int r;

	*ret = (struct reach){ 0 };
	call->inverse.pos = 0;
	if (call->inverse.len == 0)
		return 0;
	r = ds_buf_get_u8(&call->inverse, &ret->is_own);
	if (r == 0)
		r = ds_buf_get_bytes(&call->inverse, sizeof(ret->text) - 1, &text, &len);
	if (r < 0)
		return -EBADMSG;
	memcpy(ret->text, text, len);
	ret->text[len] = '\0';
	return 0;
}

int
reach_get(struct reaction_call *call, struct nft_element *e)
{
	struct reach reach;
	int r = get(call, &reach);

	e->group = 0;
	if (r < 0 || !reach.is_own)
		return r < 0 ? reaction_fail(call, r, "the ledger's entry cannot be read") : 0;
	r = group_number(reach.text);
	if (r < 0)
		return reaction_fail(call, r, "no room for another daemon's blocks");
	e->group = (unsigned)r;
	if (reach.is_own == 2)
		group_set_shared(e->group);
	return 0;
}

void
reach_say(struct reaction_call *call)
{
	struct reach reach;

	if (get(call, &reach) < 0 || call->order->reach == DS_REACH_HOST)
		return;
	if (reach.is_own == 2)
		(void)reaction_fail(
		    call, 0, "for the network of %.200s, which others share", call->order->daemon);
	else if (reach.is_own)
		(void)reaction_fail(call, 0, "for %.200s only", call->order->daemon);
	else
		(void)reaction_fail(call, 0, "for the whole host: %.400s", reach.text);
}
