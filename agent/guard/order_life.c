/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_life - effects after they were made: kept, ended, undone.
 *
 * Called by order.  The ledger is synced by the caller.
 */
#include "agent/guard/binding.h"
#include "agent/guard/order_job.h"
#include "agent/guard/reactions/never.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS  500u /* after an undo that failed; twice as long each time */
#define AGAIN_MAX 12u  /* so often: half an hour */
#define STEP      512u /* entries at a time */
#define STAYS_US  (UINT64_C(30) * 24 * 3600 * 1000000) /* an effect without an end can be undone */

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

static int
find_unfinished(struct ledger_entry *e, void *ctx)
{
	struct all *all = ctx;

	if (e->state != LEDGER_OVER)
		all->entries[all->len++] = e;
	return 0;
}

uint64_t
life_until(const struct reaction *r, const struct ds_order *order)
{
	uint64_t ms = order->lifetime_ms > 0 ? order->lifetime_ms : r->lifetime_ms;

	if (r->undo == NULL || r->lifetime_ms == 0)
		return 0;
	return ds_clock_wall_us() + DS_MIN(ms, STAYS_US / 1000) * 1000;
}

/* What came of an undo: looked at, told, and in the ledger. */
static int
undone(struct reaction_call *call, struct ledger_entry *e, const struct order_job *asked,
    const char *why, int r)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct ds_result m = { .outcome = DS_OUTCOME_UNDONE, .is_verified = 1 };

	if (r == 0) {
		call->inverse.pos = 0;
		call->is_undone = true;
		r = reaction->read_back(call);
		r = r == 1 ? -EIO : 0; /* an error says that there is nothing to look at */
	}
	memcpy(m.order, e->id, sizeof(m.order));
	memcpy(m.kind, e->kind, sizeof(m.kind));
	if (asked != NULL)
		memcpy(m.by, asked->order.id, sizeof(m.by));
	if (r < 0) {
		m.outcome = DS_OUTCOME_FAILED;
		m.error = (uint32_t)-r;
		m.is_verified = 0;
		e->failures = DS_MIN(e->failures + 1, AGAIN_MAX);
		e->again_ms = ds_clock_monotonic_ms() + (AGAIN_MS << e->failures);
	}
	(void)snprintf(m.text, sizeof(m.text), "%s%s%s", r < 0 ? "not undone: " : why,
	    call->why[0] != '\0' && r == 0 ? "; " : "", call->why);
	order_tell(e, r < 0 ? LEDGER_ACTIVE : LEDGER_OVER, &m, call->order);
	return r;
}

static int
unsettle(struct order_job *job)
{
	return job->reaction->unsettle(&job->call);
}

static bool
unsettled(struct order_job *job, int result)
{
	struct order_job *asked = job->asked;

	if (job->reaction->unsettled != NULL)
		result = job->reaction->unsettled(&job->call, result);
	/* Nothing that is being undone is forgotten. */
	result = undone(&job->call, ledger_find(job->order.id), asked, job->reason, result);
	job->asked = NULL;
	if (asked != NULL)
		order_undone(asked, result);
	order_job_free(job);
	return false;
}

struct order_job *
life_job(const struct agent_config *config, const struct ledger_entry *e)
{
	struct ds_order order;
	struct order_job *job;

	if (ledger_order(e, &order) < 0)
		return NULL;
	job = order_job_new(config, &order);
	if (job == NULL)
		return NULL;
	job->reaction = reaction_find(e->kind);
	job->call.until_us = e->until_us;
	if (ds_buf_put(&job->call.inverse, e->inverse, e->inverse_size) == 0)
		return job;
	order_job_free(job);
	return NULL;
}

/* Some of it takes long: 1. */
static int
undo_beside(const struct agent_config *config, struct ledger_entry *e, struct order_job *asked,
    const char *why)
{
	struct order_job *job;
	int r;

	if (order_settle_has(e->id) || order_settle_is_full(asked != NULL ? 1 : LIFE_ROOM))
		return -EAGAIN;
	job = life_job(config, e);
	if (job == NULL)
		return -ENOMEM;
	r = e->state == LEDGER_UNDOING ? 0 : ledger_change(e, LEDGER_UNDOING, NULL);
	if (r == 0)
		r = job->reaction->undo(&job->call);
	if (r < 0) {
		r = undone(&job->call, e, asked, why, r);
		order_job_free(job);
		return r;
	}
	job->asked = asked;
	(void)snprintf(job->reason, sizeof(job->reason), "%s", why);
	job->work = unsettle;
	job->worked = unsettled;
	order_settle(job);
	return 1;
}

int
life_undo(const struct agent_config *config, struct ledger_entry *e, struct order_job *asked,
    const char *why)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct reaction_call call;
	struct ds_order order;
	int r = ledger_order(e, &order);

	if (r < 0 || reaction == NULL || reaction->undo == NULL)
		return r < 0 ? r : -EOPNOTSUPP;
	if (reaction->unsettle != NULL)
		return undo_beside(config, e, asked, why);
	order_call_init(&call, config, &order, e);
	return undone(&call, e, asked, why, reaction->undo(&call));
}

/* Its end has a reason of its own; what there is no room for now ends with a later tick. */
static void
undo_soon(const struct agent_config *config, struct ledger_entry *e, const char *why)
{
	int r = life_undo(config, e, NULL, why);

	if (r == -EAGAIN) {
		e->until_us = ds_clock_wall_us();
		e->until_boot_us = ds_clock_boot_us();
	} else if (r < 0) {
		ds_log(WARN, "an effect stays that should not", "kind=%s", e->kind);
	}
}

bool
life_is_due(const struct ledger_entry *e, uint64_t now_us, uint64_t boot_us)
{
	if (e->again_ms > ds_clock_monotonic_ms())
		return false;
	/* An undo that was begun and is on its way nowhere: there was no memory, or no room. */
	if (e->state == LEDGER_UNDOING)
		return !order_settle_has(e->id) && !life_waits(e->id);
	if (e->state != LEDGER_ACTIVE || e->until_us == 0)
		return false;
	return e->until_boot_us > 0 ? e->until_boot_us <= boot_us : e->until_us <= now_us;
}

/* ---- later */

static int
find_due(struct ledger_entry *e, void *ctx)
{
	struct found *f = ctx;

	if (life_is_due(e, f->now_us, f->boot_us))
		f->entries[f->len++] = e;
	return f->len == STEP;
}

static void
end_due(const struct agent_config *config)
{
	struct found f = { .now_us = ds_clock_wall_us(), .boot_us = ds_clock_boot_us() };

	(void)ledger_each(find_due, &f);
	for (size_t i = 0; i < f.len; i++) {
		struct ledger_entry *e = f.entries[i];

		if (life_undo(config, e, NULL,
			e->state == LEDGER_UNDOING ? "undone" : "its time was over") < 0)
			continue; /* told, and tried again later */
	}
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
		undo_soon(config, f.entries[i], why);
}

/* Whether it would be refused now.  A file that was put back stays what it should be. */
static bool
is_forbidden(
    const struct agent_config *config, const struct ledger_entry *e, char *ret_why, size_t size)
{
	const struct reaction *reaction = reaction_find(e->kind);
	struct reaction_call call;
	struct ds_order order;

	if (reaction == NULL || reaction->lifetime_ms == 0 || ledger_order(e, &order) < 0)
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

/* Undoes what would be refused now; kind NULL: of every kind. */
static void
undo_forbidden(const struct agent_config *config, const char *kind)
{
	struct all all = { .entries = calloc(LEDGER_MAX, sizeof(struct ledger_entry *)) };
	char why[512];

	if (all.entries == NULL)
		return;
	(void)ledger_each(find_unfinished, &all);
	for (size_t i = 0; i < all.len; i++)
		if (all.entries[i]->state == LEDGER_ACTIVE &&
		    (kind == NULL || strcmp(all.entries[i]->kind, kind) == 0) &&
		    is_forbidden(config, all.entries[i], why, sizeof(why)))
			undo_soon(config, all.entries[i], why);
	free(all.entries);
}

void
life_reload(const struct agent_config *config)
{
	never_forget();
	undo_forbidden(config, NULL);
}

void
life_spare(const struct agent_config *config)
{
	never_forget();
	undo_forbidden(config, "block_ip");
}

/* Without a loop: all of it is waited for. */
static int
undo_now(const struct agent_config *config, struct ledger_entry *e, const char *why)
{
	struct order_job *job = life_job(config, e);
	int r;

	if (job == NULL)
		return -ENOMEM;
	r = undone(&job->call, e, NULL, why, reaction_undo(job->reaction, &job->call));
	order_job_free(job);
	return r;
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
		if (undo_now(config, all.entries[i], "the agent is removed") == 0)
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
		if (r == 2)
			undo_forbidden(config, NULL);
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
