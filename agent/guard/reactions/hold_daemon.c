/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold - mode prevent for a daemon: from now on its new programs are held until the server answers.
 *
 * Who may kill may hold: it goes by the word "kill" of the ceiling.
 */
#include "agent/guard/hold.h"
#include "agent/guard/reactions/reactions.h"

#include <errno.h>
#include <string.h>

static int
check(struct reaction_call *call)
{
	if (call->order->daemon[0] == '\0')
		return reaction_fail(call, -EINVAL, "the order says not which daemon");
	return 0;
}

static int
prepare(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
apply(struct reaction_call *call)
{
	int r = hold_daemon(call->order->daemon, true);

	if (r < 0)
		return reaction_fail(call, r, "programs cannot be held here: %s", strerror(-r));
	(void)reaction_fail(call, 0, "new programs are held%s",
	    hold_net_is_on()                 ? ", and new destinations are refused"
	    : call->config->hold_connections ? "; connections cannot be held here"
					     : "");
	return 0;
}

static int
read_back(struct reaction_call *call)
{
	return hold_is_on(call->order->daemon);
}

static int
undo(struct reaction_call *call)
{
	int r = hold_daemon(call->order->daemon, false);

	return r < 0 ? reaction_fail(call, r, "%s", strerror(-r)) : 0;
}

const struct reaction reaction_hold = {
	.name = "hold",
	.ceiling = "kill",
	.help = "hold what a daemon starts for the first time until the server answers",
	.lifetime_ms = 24 * 3600 * 1000,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
	.undo = undo,
	.restore = apply,
};
