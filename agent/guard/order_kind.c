/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_kind - orders that are about other orders, questions or keys; written like reactions.
 *
 * Called by order.  No ceiling, pause or breaker keeps them back.
 */
#include "agent/guard/binding.h"
#include "agent/guard/hold.h"
#include "agent/guard/hold_profile.h"
#include "agent/guard/order_job.h"
#include "agent/guard/reactions/spared.h"
#include "agent/guard/rebind.h"

#include <errno.h>
#include <string.h>

static int
undo_check(struct reaction_call *call)
{
	struct ledger_entry *e = ledger_find(call->order->target);
	const struct reaction *r = e != NULL ? reaction_find(e->kind) : NULL;

	if (e == NULL || e->state == LEDGER_OVER)
		return reaction_fail(call, -ENOENT, "there is no effect of that order (any more)");
	if (r == NULL || r->undo == NULL)
		return reaction_fail(call, -EOPNOTSUPP, "a %s cannot be undone", e->kind);
	return 0;
}

/* Both are on disk before the undo: after a crash it is finished. */
static int
undo_prepare(struct reaction_call *call)
{
	struct ledger_entry *e = ledger_find(call->order->target);

	return e != NULL ? ledger_change(e, LEDGER_UNDOING, NULL) : -ENOENT;
}

int
order_kind_say_undone(struct reaction_call *call, int r)
{
	if (r < 0)
		return reaction_fail(call, r, "it could not be undone: %s", strerror(-r));
	(void)reaction_fail(call, 0, "undone");
	return r;
}

static int
undo_apply(struct reaction_call *call)
{
	struct ledger_entry *e = ledger_find(call->order->target);
	struct order_job *job = DS_CONTAINER(call, struct order_job, call);
	int r = e != NULL ? life_undo(call->config, e, job, "undone by order") : -ENOENT;

	if (r == -EAGAIN)
		return reaction_fail(call, -ENOENT, "it is being undone already");
	return order_kind_say_undone(call, r);
}

static int
undo_read_back(struct reaction_call *call)
{
	struct ledger_entry *e = ledger_find(call->order->target);

	return e == NULL || e->state == LEDGER_OVER; /* life_undo has read it back */
}

static int
key_check(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
nothing(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
key_apply(struct reaction_call *call)
{
	int r = binding_set_key(call->order->key);

	if (r < 0)
		return reaction_fail(call, r, "the key cannot be kept: %s", strerror(-r));
	(void)reaction_fail(call, 0, "orders are signed with another key from now on");
	return 0;
}

static int
key_read_back(struct reaction_call *call)
{
	return memcmp(binding_get()->key, call->order->key, DS_SIGN_PUBLIC_SIZE) == 0;
}

static int
answer_check(struct reaction_call *call)
{
	unsigned answer = call->order->answer;

	if (answer != DS_ANSWER_ALLOW && answer != DS_ANSWER_KILL)
		return reaction_fail(call, -EINVAL, "this is no answer");
	if (answer == DS_ANSWER_KILL && !order_ceiling_allows(call->config, "kill"))
		return reaction_fail(call, -EPERM, "[reaction] ceiling does not have kill");
	return 0;
}

static int
answer_apply(struct reaction_call *call)
{
	int r = hold_answer(call->order->target, call->order->answer);

	if (r == -ENOENT)
		return reaction_fail(call, r, "nobody waits for this answer (any more)");
	if (r < 0)
		return reaction_fail(call, r, "the program has ended meanwhile");
	(void)reaction_fail(
	    call, 0, call->order->answer == DS_ANSWER_ALLOW ? "allowed" : "killed before it ran");
	return 0;
}

static int
answer_read_back(struct reaction_call *call)
{
	(void)call;
	return 1; /* the signal is through: pidfd says so */
}

static int
profile_check(struct reaction_call *call)
{
	if (call->order->daemon[0] == '\0')
		return reaction_fail(call, -EINVAL, "the profile says not of which daemon it is");
	return 0;
}

static int
profile_apply(struct reaction_call *call)
{
	const struct ds_order *o = call->order;
	int r = hold_profile_set(o->daemon, o->counter, o->path);

	if (r == -ESTALE)
		return reaction_fail(call, r, "there is a newer profile of %.200s", o->daemon);
	if (r < 0)
		return reaction_fail(call, r, "the profile cannot be kept: %s", strerror(-r));
	(void)reaction_fail(call, 0, "kept for when the server is away");
	return 0;
}

static int
profile_read_back(struct reaction_call *call)
{
	return hold_profile_is(call->order->daemon, call->order->counter);
}

static int
spare_apply(struct reaction_call *call)
{
	const struct ds_order *o = call->order;
	int r = spared_set(o->counter, o->path);

	if (r == -ESTALE)
		return reaction_fail(call, r, "there is a newer list of who is spared");
	if (r == -EINVAL)
		return reaction_fail(call, r, "that is no list of addresses");
	if (r < 0)
		return reaction_fail(call, r, "the list cannot be kept: %s", strerror(-r));
	life_spare(call->config);
	(void)reaction_fail(call, 0, "%zu addresses are never blocked here", spared_len());
	return 0;
}

static int
spare_read_back(struct reaction_call *call)
{
	return spared_is(call->order->counter);
}

static const struct reaction kinds[] = {
	{ .name = DS_ORDER_SPARE,
	    .help = "whose addresses are never blocked",
	    .check = nothing,
	    .prepare = nothing,
	    .apply = spare_apply,
	    .read_back = spare_read_back },
	{ .name = DS_ORDER_PROFILE,
	    .help = "what a daemon may start while the server is away",
	    .check = profile_check,
	    .prepare = nothing,
	    .apply = profile_apply,
	    .read_back = profile_read_back },
	{ .name = DS_ORDER_ANSWER,
	    .help = "let a held program go on, or kill it",
	    .check = answer_check,
	    .prepare = nothing,
	    .apply = answer_apply,
	    .read_back = answer_read_back },
	{ .name = DS_ORDER_UNDO,
	    .help = "end the effect of an order",
	    .check = undo_check,
	    .prepare = undo_prepare,
	    .apply = undo_apply,
	    .read_back = undo_read_back },
	{ .name = DS_ORDER_REBIND,
	    .help = "take another identity as the addressee of orders",
	    .check = rebind_check,
	    .prepare = nothing,
	    .apply = rebind_apply,
	    .read_back = rebind_read_back },
	{ .name = DS_ORDER_KEY,
	    .help = "replace the key that orders are signed with",
	    .check = key_check,
	    .prepare = nothing,
	    .apply = key_apply,
	    .read_back = key_read_back },
};

const struct reaction *
order_kind_find(const char *name)
{
	for (size_t i = 0; i < DS_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}
