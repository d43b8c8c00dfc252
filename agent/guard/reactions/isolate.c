/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolate - this host talks to nobody but those who are never cut off: its server, resolvers,
 * gateways, allow lists, and who is logged in over ssh.
 *
 * Everybody else is cut off at once, also where a connection is open.  Taken back unless the server
 * is heard afterwards, and refused when it is not heard before.
 */
#include "agent/guard/reactions/allow.h"
#include "agent/guard/reactions/blocks.h"
#include "agent/guard/reactions/confirm.h"
#include "agent/guard/reactions/nft.h"
#include "agent/guard/reactions/reactions.h"

#include <errno.h>

static struct confirm confirm;

static int
check(struct reaction_call *call)
{
	if (!confirm_is_possible())
		return reaction_fail(
		    call, -ENOTCONN, "the server is not heard: it could not end the isolation");
	return 0;
}

static int
prepare(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
switch_to(struct reaction_call *call, bool on)
{
	return blocks_fail(call, nft_isolate(on));
}

static int
apply(struct reaction_call *call)
{
	int r = allow_fill(call, 0);

	if (r == 0)
		r = switch_to(call, true);
	if (r == 0)
		confirm_begin(&confirm);
	return r;
}

static int
read_back(struct reaction_call *call)
{
	(void)call;
	return nft_is_isolated();
}

static int
undo(struct reaction_call *call)
{
	int r = switch_to(call, false);

	confirm.since_ms = 0;
	return r == 0 ? blocks_clean_up(call) : r;
}

static int
keep(struct reaction_call *call)
{
	int r = confirm_look(&confirm);

	if (r == -ETIMEDOUT)
		return reaction_fail(
		    call, -ECANCELED, "taken back: the server was not heard afterwards");
	r = nft_is_isolated();
	if (r == 1)
		r = allow_update(call); /* else with the next second */
	if (r != 0 || nft_is_isolated() == 1)
		return 0;
	r = allow_fill(call, 0);
	if (r == 0)
		r = switch_to(call, true);
	(void)reaction_fail(call, 0, "somebody took away the isolation; it %s",
	    r == 0 ? "is there again" : "could not be put back");
	return 1;
}

const struct reaction reaction_isolate = {
	.name = "isolate",
	.help = "cut this host off from all but its server and those who are never cut off",
	.lifetime_ms = 3600000,
	.per_minute = 3,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
	.undo = undo,
	.restore = apply,
	.keep = keep,
};
