/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_ip - nothing comes from an address or a network, and nothing goes there; or, with a port,
 * nothing comes from there to that port of ours; or for one daemon only, see reach.
 *
 * The kernel counts the time.  Several orders may block the same: it stays blocked until the last
 * of them is over.  Who must never be blocked is looked at last, see never.
 */
#include "agent/guard/reactions/blocks.h"
#include "agent/guard/reactions/never.h"
#include "agent/guard/reactions/reach.h"
#include "agent/guard/reactions/reactions.h"
#include "lib/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define WIDEST4 16 /* prefixes: whole providers are nobody's attacker */
#define WIDEST6 32

static int
element_of(struct reaction_call *call, struct nft_element *ret)
{
	const struct ds_order *o = call->order;

	*ret = (struct nft_element){ .port = (uint16_t)o->port,
		.protocol = o->protocol != 0 ? o->protocol : IPPROTO_TCP };
	if (network_parse(o->address, &ret->network) < 0)
		return reaction_fail(call, -EINVAL, "\"%s\" is no address", o->address);
	if (ret->network.prefix < (ret->network.bits == 32 ? WIDEST4 : WIDEST6))
		return reaction_fail(call, -EINVAL, "%s is too wide to be blocked", o->address);
	if (o->port != 0 && !network_is_address(&ret->network))
		return reaction_fail(call, -EINVAL, "a port goes with one address");
	return 0;
}

static int
check(struct reaction_call *call)
{
	struct nft_element e;
	int r = element_of(call, &e);

	if (r == 0)
		r = reach_check(call, &e);
	return r < 0 ? r : never_check(call, &e.network);
}

static int
prepare(struct reaction_call *call)
{
	char text[64];
	struct nft_element e;
	int r = element_of(call, &e);

	if (r < 0)
		return r;
	network_format(&e.network, text, sizeof(text));
	ds_json_put_string(call->evidence, "address", text);
	return reach_put(call, &e);
}

/* As it was decided before the effect. */
static int
decided(struct reaction_call *call, struct nft_element *ret)
{
	int r = element_of(call, ret);

	return r < 0 ? r : reach_get(call, ret);
}

/* Who must not be blocked is looked at once more: of orders that came together, one before this may
 * be about whom to spare. */
static int
decided_and_allowed(struct reaction_call *call, struct nft_element *ret)
{
	int r = decided(call, ret);

	if (r == 0) {
		r = never_check(call, &ret->network);
		call->is_refused = r < 0;
	}
	return r;
}

static int
apply(struct reaction_call *call)
{
	struct nft_element e;
	int r = decided_and_allowed(call, &e);

	if (r == 0)
		r = blocks_add(call, &e);
	if (r == 0)
		reach_say(call);
	return r;
}

static int
read_back(struct reaction_call *call)
{
	struct nft_element e;
	int r = decided(call, &e);

	return r < 0 ? r : blocks_has(call, &e);
}

static int
undo(struct reaction_call *call)
{
	struct nft_element e;
	int r = decided(call, &e);

	return r < 0 ? r : blocks_remove(call, &e);
}

/* After a restart; meanwhile the address may have become one that is never blocked, and the kernel
 * may still block it. */
static int
restore(struct reaction_call *call)
{
	struct nft_element e;
	int r = decided_and_allowed(call, &e);

	if (r == 0)
		r = blocks_await(call, &e);
	if (r == 0)
		r = apply(call);
	if (!call->is_refused)
		return r;
	call->inverse.pos = 0;
	return undo(call) < 0 ? r : -ENOENT;
}

const struct reaction reaction_block_ip = {
	.name = "block_ip",
	.help = "drop what comes from an address or a network, and what goes there",
	.lifetime_ms = 600000,
	.per_minute = 5000,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
	.undo = undo,
	.restore = restore,
	.keep = blocks_keep,
};
