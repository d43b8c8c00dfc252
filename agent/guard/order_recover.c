/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_recover - effects that a guard before this one left: finished, put back, or ended.
 *
 * Called by order.  What is quick is done before the loop begins; what takes long is looked at, and
 * done once more, beside it.  The ledger is synced by the caller.
 */
#include "agent/guard/order_job.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct all {
	struct ledger_entry **entries;
	size_t len;
};

static void
tell(struct ledger_entry *e, enum ledger_state state, const struct ds_order *order,
    enum ds_outcome outcome, int error, const char *text)
{
	struct ds_result m = { .outcome = (uint8_t)outcome,
		.error = error < 0 ? (uint32_t)-error : 0,
		.is_verified = error == 0,
		.until_us = state == LEDGER_ACTIVE ? e->until_us : 0 };

	memcpy(m.order, e->id, sizeof(m.order));
	memcpy(m.kind, e->kind, sizeof(m.kind));
	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	order_tell(e, state, &m, order);
}

static void
restore(const struct agent_config *config, struct ledger_entry *e)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct reaction_call call;
	struct ds_order order;
	int r = ledger_order(e, &order);

	if (r < 0 || reaction == NULL)
		return;
	order_call_init(&call, config, &order, e);
	r = reaction->restore != NULL ? reaction->restore(&call) : 0;
	call.inverse.pos = 0;
	if (r == 0)
		r = reaction->read_back(&call);
	if (r == 1)
		return;
	tell(e, LEDGER_OVER, &order, DS_OUTCOME_UNDONE, 0,
	    "the effect ended while the agent was away");
}

/* What became of an effect that was only begun: r as of read_back, or why it was not made. */
static void
tell_begun(struct ledger_entry *e, const struct reaction_call *call, int r)
{
	const struct ds_order *order = call->order;
	const struct reaction *reaction = reaction_find(e->kind);

	if (r == 1)
		tell(e, reaction->undo != NULL ? LEDGER_ACTIVE : LEDGER_OVER, order,
		    DS_OUTCOME_DONE, 0, "done; the agent was restarted meanwhile");
	else
		tell(e, LEDGER_OVER, order,
		    r == -ESRCH || r == -ENOENT ? DS_OUTCOME_NOTHING : DS_OUTCOME_FAILED,
		    r < 0 ? r : -ECANCELED,
		    r < 0 && call->why[0] != '\0' ? call->why : ORDER_ENDED_BEFORE);
}

/* As far as it goes at once.  The host may allow less by now. */
static int
begin_again(const struct reaction *reaction, struct reaction_call *call)
{
	int r = call->order->expires_us > ds_clock_wall_us() ? order_check_allowed(call) : -ETIME;

	call->inverse.pos = 0;
	if (r == 0)
		r = reaction->check(call);
	call->inverse.pos = 0;
	if (r == 0)
		r = reaction->apply(call);
	call->inverse.pos = 0;
	return r;
}

static void
finish_intent(const struct agent_config *config, struct ledger_entry *e)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct reaction_call call;
	struct ds_order order;
	int r;

	if (ledger_order(e, &order) < 0 || reaction == NULL) {
		tell(e, LEDGER_OVER, NULL, DS_OUTCOME_FAILED, -ECANCELED, ORDER_ENDED_BEFORE);
		return;
	}
	order_call_init(&call, config, &order, e);
	r = reaction->read_back(&call);
	if (r != 1) {
		r = begin_again(reaction, &call);
		if (r == 0)
			r = reaction->read_back(&call);
	}
	tell_begun(e, &call, r);
}

/* ---- after the start, what takes long */

#define READY_MS 20000u /* a guard takes seconds to know its daemons and their files again */

static uint8_t (*slow)[DS_ORDER_ID_SIZE]; /* not looked at yet */
static size_t slow_len, slow_at;
static uint64_t ready_ms; /* then none is waited for any more */

static int
settle(struct order_job *job)
{
	return job->reaction->settle(&job->call);
}

static bool
settled(struct order_job *job, int result)
{
	struct ledger_entry *e = ledger_find(job->order.id);

	if (job->reaction->settled != NULL)
		result = job->reaction->settled(&job->call, result);
	if (result == -EAGAIN && job->call.round++ == 0)
		return true;
	job->call.inverse.pos = 0;
	if (result == 0)
		result = job->reaction->read_back(&job->call);
	if (e != NULL)
		tell_begun(e, &job->call, result);
	order_job_free(job);
	return false;
}

static int
look(struct order_job *job)
{
	return job->reaction->read_back(&job->call);
}

static bool
looked(struct order_job *job, int result)
{
	struct ledger_entry *e = ledger_find(job->order.id);

	if (e != NULL && e->state == LEDGER_INTENT && result != 1) {
		result = begin_again(job->reaction, &job->call);
		if (result == 0) {
			job->work = settle;
			job->worked = settled;
			return true;
		}
	}
	if (e != NULL && e->state == LEDGER_INTENT)
		tell_begun(e, &job->call, result);
	else if (e != NULL && e->state == LEDGER_ACTIVE && result == 0)
		tell(e, LEDGER_OVER, &job->order, DS_OUTCOME_UNDONE, 0,
		    "the effect ended while the agent was away");
	order_job_free(job);
	return false;
}

static void
look_at(const struct agent_config *config, struct ledger_entry *e)
{
	struct order_job *job = life_job(config, e);

	if (job == NULL) {
		ds_log(ERROR, "an effect is not looked after", "kind=%s", e->kind);
		return;
	}
	job->work = look;
	job->worked = looked;
	order_settle(job);
}

/* ---- after the start */

static int
find_unfinished(struct ledger_entry *e, void *ctx)
{
	struct all *all = ctx;

	if (e->state != LEDGER_OVER)
		all->entries[all->len++] = e;
	return 0;
}

/* From now on by a clock that does not jump.  If the other one was set back meanwhile, also over a
 * reboot, nothing lasts longer than it was ordered to. */
static void
set_end(struct ledger_entry *e)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct ds_order order;
	uint64_t now_us;

	if (e->until_us == 0 || reaction == NULL || ledger_order(e, &order) < 0)
		return;
	e->until_us = DS_MIN(e->until_us, life_until(reaction, &order));
	now_us = ds_clock_wall_us(); /* after that was counted from it, or it lasts longer */
	e->until_boot_us = ds_clock_boot_us() + (e->until_us > now_us ? e->until_us - now_us : 0);
}

static bool
takes_long(const struct ledger_entry *e)
{
	const struct reaction *r = reaction_find(e->kind);

	return r != NULL && (r->settle != NULL || r->unsettle != NULL);
}

static void
recover_one(const struct agent_config *config, struct ledger_entry *e)
{
	const struct reaction *reaction = reaction_find(e->kind);
	int r = 0;

	switch (e->state) {
	case LEDGER_INTENT:
		if (takes_long(e))
			look_at(config, e);
		else
			finish_intent(config, e);
		break;
	case LEDGER_UNDOING:
		r = life_undo(config, e, NULL, "undone; the agent was restarted meanwhile");
		break;
	case LEDGER_ACTIVE:
		if (life_is_due(e, ds_clock_wall_us(), ds_clock_boot_us()))
			r = life_undo(config, e, NULL, "its time was over");
		else if (reaction != NULL && reaction->lifetime_ms > 0 &&
			 !order_ceiling_allows(config, e->kind))
			r = life_undo(
			    config, e, NULL, "[reaction] ceiling does not have it any more");
		else if (takes_long(e))
			look_at(config, e);
		else
			restore(config, e);
		break;
	case LEDGER_OVER:
		break;
	}
	if (r < 0)
		ds_log(WARN, "an effect could not be undone, trying again", "kind=%s error=\"%s\"",
		    e->kind, strerror(-r));
}

bool
life_waits(const uint8_t id[DS_ORDER_ID_SIZE])
{
	for (size_t i = slow_at; slow != NULL && i < slow_len; i++)
		if (memcmp(slow[i], id, DS_ORDER_ID_SIZE) == 0)
			return true;
	return false;
}

static bool
is_ready(const struct agent_config *config, const struct ledger_entry *e)
{
	const struct reaction *reaction = e != NULL ? reaction_find(e->kind) : NULL;
	struct reaction_call call;
	struct ds_order order;

	if (reaction == NULL || reaction->is_ready == NULL || ds_clock_monotonic_ms() >= ready_ms ||
	    ledger_order(e, &order) < 0)
		return true;
	order_call_init(&call, config, &order, e);
	return reaction->is_ready(&call);
}

void
life_turn(const struct agent_config *config)
{
	while (slow_at < slow_len && !order_settle_is_full(LIFE_ROOM)) {
		struct ledger_entry *e = ledger_find(slow[slow_at]);

		if (!is_ready(config, e))
			return;
		slow_at++;
		/* An order may have begun to undo it meanwhile. */
		if (e != NULL && !order_settle_has(e->id))
			recover_one(config, e);
	}
	if (slow == NULL || slow_at < slow_len)
		return;
	free(slow);
	slow = NULL;
}

void
life_recover(const struct agent_config *config)
{
	struct all all = { .entries = calloc(LEDGER_MAX, sizeof(struct ledger_entry *)) };

	free(slow);
	slow = calloc(LEDGER_MAX, sizeof(*slow));
	slow_len = slow_at = 0;
	ready_ms = ds_clock_monotonic_ms() + READY_MS;
	if (all.entries == NULL || slow == NULL) {
		free(all.entries);
		ds_log(ERROR, "effects of orders are not looked after", "error=\"%s\"",
		    strerror(ENOMEM));
		return;
	}
	(void)ledger_each(find_unfinished, &all);
	for (size_t i = 0; i < all.len; i++) {
		set_end(all.entries[i]);
		if (takes_long(all.entries[i]))
			memcpy(slow[slow_len++], all.entries[i]->id, DS_ORDER_ID_SIZE);
		else
			recover_one(config, all.entries[i]);
	}
	if (all.len > 0)
		ds_log(INFO, "effects of orders found in the ledger", "count=%zu", all.len);
	free(all.entries);
	life_turn(config);
}
