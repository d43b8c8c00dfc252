/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_life - effects after they were made: found again after a crash, kept, ended, undone.
 *
 * Called by order.  The ledger is synced by the caller.
 */
#include "agent/guard/binding.h"
#include "agent/guard/order_job.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP     512u                                 /* entries at a time */
#define STAYS_US (UINT64_C(30) * 24 * 3600 * 1000000) /* an effect without an end can be undone */

struct found {
	struct ledger_entry *entries[STEP];
	size_t len;
	uint64_t now_us, boot_us;
	const char *kind;
};

struct all {
	struct ledger_entry **entries;
	size_t len;
};

uint64_t
life_until(const struct reaction *r, const struct ds_order *order)
{
	uint64_t ms = order->lifetime_ms > 0 ? order->lifetime_ms : r->lifetime_ms;

	if (r->undo == NULL || r->lifetime_ms == 0)
		return 0;
	return ds_clock_wall_us() + DS_MIN(ms, STAYS_US / 1000) * 1000;
}

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

int
life_undo(const struct agent_config *config, struct ledger_entry *e,
    const uint8_t by[DS_ORDER_ID_SIZE], const char *why)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct ds_result m = { .outcome = DS_OUTCOME_UNDONE, .is_verified = 1 };
	struct reaction_call call;
	struct ds_order order;
	int r = ledger_order(e, &order);

	if (r < 0 || reaction == NULL || reaction->undo == NULL)
		return r < 0 ? r : -EOPNOTSUPP;
	order_call_init(&call, config, &order, e);
	r = reaction->undo(&call);
	if (r == 0) {
		call.inverse.pos = 0;
		r = reaction->read_back(&call);
		r = r == 1 ? -EIO : 0; /* an error says that there is nothing to look at */
	}
	memcpy(m.order, e->id, sizeof(m.order));
	memcpy(m.kind, e->kind, sizeof(m.kind));
	if (by != NULL)
		memcpy(m.by, by, sizeof(m.by));
	if (r < 0) {
		m.outcome = DS_OUTCOME_FAILED;
		m.error = (uint32_t)-r;
		m.is_verified = 0;
	}
	(void)snprintf(m.text, sizeof(m.text), "%s%s%s", r < 0 ? "not undone: " : why,
	    call.why[0] != '\0' && r == 0 ? "; " : "", call.why);
	order_tell(e, r < 0 ? LEDGER_ACTIVE : LEDGER_OVER, &m, &order);
	return r;
}

/* ---- after the start */

static void
finish_intent(const struct agent_config *config, struct ledger_entry *e)
{
	const struct reaction *reaction = reaction_find(e->kind);
	enum ledger_state state = LEDGER_OVER;
	struct reaction_call call;
	struct ds_order order;
	int r = ledger_order(e, &order);

	if (r < 0 || reaction == NULL) {
		tell(e, LEDGER_OVER, NULL, DS_OUTCOME_FAILED, -ECANCELED,
		    "the agent ended before this was done");
		return;
	}
	order_call_init(&call, config, &order, e);
	if (reaction->undo != NULL)
		state = LEDGER_ACTIVE;
	r = reaction->read_back(&call);
	if (r != 1 && order.expires_us > ds_clock_wall_us()) {
		call.inverse.pos = 0;
		r = reaction->check(&call);
		if (r == 0)
			r = reaction_do(reaction, &call);
		call.inverse.pos = 0;
		if (r == 0)
			r = reaction->read_back(&call);
	}
	if (r == 1)
		tell(e, state, &order, DS_OUTCOME_DONE, 0,
		    "done; the agent was restarted meanwhile");
	else
		tell(e, LEDGER_OVER, &order,
		    r == -ESRCH || r == -ENOENT ? DS_OUTCOME_NOTHING : DS_OUTCOME_FAILED,
		    r < 0 ? r : -ECANCELED, "the agent ended before this was done");
}

static bool
is_due(const struct ledger_entry *e, uint64_t now_us, uint64_t boot_us)
{
	if (e->until_us == 0)
		return false;
	return e->until_boot_us > 0 ? e->until_boot_us <= boot_us : e->until_us <= now_us;
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
	if (r >= 0)
		r = reaction->read_back(&call);
	if (r == 1)
		return;
	tell(e, LEDGER_OVER, &order, DS_OUTCOME_UNDONE, 0,
	    "the effect ended while the agent was away");
}

static int
find_unfinished(struct ledger_entry *e, void *ctx)
{
	struct all *all = ctx;

	if (e->state != LEDGER_OVER)
		all->entries[all->len++] = e;
	return 0;
}

static void
recover_one(const struct agent_config *config, struct ledger_entry *e)
{
	int r = 0;

	switch (e->state) {
	case LEDGER_INTENT:
		finish_intent(config, e);
		break;
	case LEDGER_UNDOING:
		r = life_undo(config, e, NULL, "undone; the agent was restarted meanwhile");
		break;
	case LEDGER_ACTIVE:
		if (is_due(e, ds_clock_wall_us(), ds_clock_boot_us()))
			r = life_undo(config, e, NULL, "its time was over");
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

void
life_recover(const struct agent_config *config)
{
	struct all all = { .entries = calloc(LEDGER_MAX, sizeof(struct ledger_entry *)) };

	if (all.entries == NULL) {
		ds_log(ERROR, "effects of orders are not looked after", "error=\"%s\"",
		    strerror(ENOMEM));
		return;
	}
	(void)ledger_each(find_unfinished, &all);
	for (size_t i = 0; i < all.len; i++)
		recover_one(config, all.entries[i]);
	if (all.len > 0)
		ds_log(INFO, "effects of orders found in the ledger", "count=%zu", all.len);
	free(all.entries);
}

/* ---- later */

static int
find_due(struct ledger_entry *e, void *ctx)
{
	struct found *f = ctx;

	if (e->state == LEDGER_ACTIVE && is_due(e, f->now_us, f->boot_us))
		f->entries[f->len++] = e;
	return f->len == STEP;
}

static void
end_due(const struct agent_config *config)
{
	struct found f = { .now_us = ds_clock_wall_us(), .boot_us = ds_clock_boot_us() };

	(void)ledger_each(find_due, &f);
	for (size_t i = 0; i < f.len; i++)
		if (life_undo(config, f.entries[i], NULL, "its time was over") < 0)
			continue; /* told, and tried again with the next tick */
}

static int
find_kind(struct ledger_entry *e, void *ctx)
{
	struct found *f = ctx;

	if (e->state == LEDGER_ACTIVE && strcmp(e->kind, f->kind) == 0)
		f->entries[f->len++] = e;
	return f->len == STEP;
}

static void
undo_kind(const struct agent_config *config, const char *kind, const char *why)
{
	struct found f = { .kind = kind };

	(void)ledger_each(find_kind, &f);
	for (size_t i = 0; i < f.len; i++)
		if (life_undo(config, f.entries[i], NULL, why) < 0)
			ds_log(WARN, "an effect stays that should not", "kind=%s", kind);
}

/* Whether it would be refused now. */
static bool
is_forbidden(
    const struct agent_config *config, const struct ledger_entry *e, char *ret_why, size_t size)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct reaction_call call;
	struct ds_order order;

	if (reaction == NULL || ledger_order(e, &order) < 0)
		return false;
	if (!order_ceiling_allows(config, e->kind)) {
		(void)snprintf(
		    ret_why, size, "[reaction] ceiling does not have %s any more", e->kind);
		return true;
	}
	order_call_init(&call, config, &order, e);
	if (reaction->check(&call) != -EPERM)
		return false;
	(void)snprintf(ret_why, size, "%s", call.why);
	return true;
}

void
life_reload(const struct agent_config *config)
{
	struct all all = { .entries = calloc(LEDGER_MAX, sizeof(struct ledger_entry *)) };
	char why[512];

	if (all.entries == NULL)
		return;
	(void)ledger_each(find_unfinished, &all);
	for (size_t i = 0; i < all.len; i++)
		if (all.entries[i]->state == LEDGER_ACTIVE &&
		    is_forbidden(config, all.entries[i], why, sizeof(why)) &&
		    life_undo(config, all.entries[i], NULL, why) < 0)
			ds_log(WARN, "an effect stays that should not", "kind=%s",
			    all.entries[i]->kind);
	free(all.entries);
}

size_t
life_release(const struct agent_config *config, size_t *ret_left)
{
	struct all all = { .entries = calloc(LEDGER_MAX, sizeof(struct ledger_entry *)) };
	size_t ended = 0;

	*ret_left = 0;
	if (all.entries == NULL) {
		*ret_left = ledger_active();
		return 0;
	}
	(void)ledger_each(find_unfinished, &all);
	for (size_t i = 0; i < all.len; i++) {
		const struct reaction *reaction = reaction_find(all.entries[i]->kind);

		/* A file that was put back has no lifetime: it stays what it should be. */
		if (reaction == NULL || reaction->undo == NULL || reaction->lifetime_ms == 0)
			continue;
		if (life_undo(config, all.entries[i], NULL, "the agent is removed") == 0)
			ended++;
		else
			(*ret_left)++;
	}
	free(all.entries);
	return ended;
}

static int
count_kind(struct ledger_entry *e, void *ctx)
{
	struct found *f = ctx;

	return e->state == LEDGER_ACTIVE && strcmp(e->kind, f->kind) == 0;
}

static void
keep_all(const struct agent_config *config)
{
	for (size_t i = 0; reactions[i] != NULL; i++) {
		struct reaction_call call = { .config = config, .exe_fd = -1 };
		struct found f = { .kind = reactions[i]->name };
		int r;

		if (reactions[i]->keep == NULL || ledger_each(count_kind, &f) == 0)
			continue;
		r = reactions[i]->keep(&call);
		if (r == -ECANCELED)
			undo_kind(config, reactions[i]->name, call.why);
		else if (r != 0)
			order_tell_text(reactions[i]->name, call.why);
	}
}

void
life_tick(const struct agent_config *config)
{
	uint64_t floor = binding_get()->counter_floor;

	end_due(config);
	keep_all(config);
	if (ledger_forget(ds_clock_wall_us(), &floor) > 0 && binding_advance(floor, 0) < 0)
		ds_log(WARN, "cannot keep which orders are old", "floor=%llu",
		    (unsigned long long)floor);
}
