/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_check - whether an order whose signature is good may be carried out here and now.
 *
 * Called by order.  Owns the breaker's counts.
 */
#include "agent/guard/binding.h"
#include "agent/guard/order_job.h"
#include "agent/guard/rebind.h"
#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SKEW_US      (UINT64_C(300) * 1000000)
#define MINUTE_MS    60000u
#define PER_MINUTE   30u /* of a daemon, when a reaction says nothing */
#define HOST_FACTOR  4u
#define BREAKERS_MAX 128u

/* How often a reaction was done in this minute, of one daemon, or ("") of the host. */
struct breaker {
	const struct reaction *reaction; /* NULL: free */
	char daemon[256];
	uint64_t since_ms;
	unsigned count;
};

static struct breaker breakers[BREAKERS_MAX];
static char pause_file[4096];

void
order_check_init(const char *guard_dir)
{
	(void)snprintf(pause_file, sizeof(pause_file), "%s/pause", guard_dir);
}

bool
order_is_paused(void)
{
	return access(pause_file, F_OK) == 0;
}

/* The oldest makes room: who trips it with many daemons still meets the host's. */
static struct breaker *
breaker_of(const struct reaction *r, const char *daemon, uint64_t now_ms)
{
	struct breaker *oldest = &breakers[0];

	for (size_t i = 0; i < BREAKERS_MAX; i++) {
		struct breaker *b = &breakers[i];

		if (b->reaction == r && strcmp(b->daemon, daemon) == 0) {
			if (now_ms - b->since_ms >= MINUTE_MS) {
				b->since_ms = now_ms;
				b->count = 0;
			}
			return b;
		}
		if (b->reaction == NULL ||
		    (oldest->reaction != NULL && b->since_ms < oldest->since_ms &&
			b->daemon[0] != '\0'))
			oldest = b;
	}
	*oldest = (struct breaker){ .reaction = r, .since_ms = now_ms };
	(void)snprintf(oldest->daemon, sizeof(oldest->daemon), "%s", daemon);
	return oldest;
}

static unsigned
breaker_max(const struct order_job *job)
{
	if (job->call.config->breaker_max > 0)
		return (unsigned)job->call.config->breaker_max;
	return job->reaction->per_minute > 0 ? job->reaction->per_minute : PER_MINUTE;
}

static int
check_breaker(struct order_job *job)
{
	unsigned max = breaker_max(job);
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct breaker *host = breaker_of(job->reaction, "", now_ms), *daemon;

	if (job->order.mode == DS_ORDER_OPERATOR || job->order.mode == DS_ORDER_DRY_RUN)
		return 0;
	if (host->count >= max * HOST_FACTOR)
		return reaction_fail(&job->call, -EBUSY,
		    "the breaker is open: %u of kind %s on this host within a minute", host->count,
		    job->order.kind);
	if (job->order.daemon[0] != '\0') {
		daemon = breaker_of(job->reaction, job->order.daemon, now_ms);
		if (daemon->count >= max)
			return reaction_fail(&job->call, -EBUSY,
			    "the breaker is open: %u of kind %s for %.200s within a minute",
			    daemon->count, job->order.kind, job->order.daemon);
		daemon->count++;
	}
	host->count++;
	return 0;
}

static int
check_time(struct order_job *job)
{
	const struct ds_order *o = &job->order;
	/* A clock that was set back does not make old orders young. */
	uint64_t now_us = DS_MAX(ds_clock_wall_us(), binding_get()->newest_us);

	if (o->expires_us - o->not_before_us > DS_ORDER_VALID_MAX_US)
		return reaction_fail(&job->call, -EINVAL, "the order is valid for too long");
	if (o->not_before_us > now_us + SKEW_US)
		return reaction_fail(
		    &job->call, -EAGAIN, "the order is not valid yet; are the clocks right?");
	if (o->expires_us <= now_us)
		return reaction_fail(&job->call, -ETIME, "the order has expired");
	return 0;
}

bool
order_ceiling_allows(const struct agent_config *config, const char *kind)
{
	const struct reaction *r = reaction_find(kind);
	const char *word = r != NULL && r->ceiling != NULL ? r->ceiling : kind;

	for (size_t i = 0; i < config->ceiling.len; i++)
		if (strcmp(config->ceiling.items[i], word) == 0)
			return true;
	return false;
}

int
order_check_allowed(struct reaction_call *call)
{
	const struct ds_order *o = call->order;

	if (order_kind_find(o->kind) != NULL)
		return 0; /* undo, answer, key, rebind: always */
	if (o->mode != DS_ORDER_OPERATOR && o->mode != DS_ORDER_DRY_RUN && order_is_paused())
		return reaction_fail(
		    call, -EPERM, "automation is paused on this host: %.300s", pause_file);
	if (!order_ceiling_allows(call->config, o->kind))
		return reaction_fail(call, -EPERM, "[reaction] ceiling does not have %s", o->kind);
	return 0;
}

int
order_check(struct order_job *job)
{
	const struct ds_order *o = &job->order;
	int r;

	if (memcmp(o->host_id, binding_get()->host_id, sizeof(o->host_id)) != 0 &&
	    !rebind_is_answer(o))
		return reaction_fail(&job->call, -EPERM, "the order is for another host");
	r = check_time(job);
	if (r < 0)
		return r;
	if (o->counter <= binding_get()->counter_floor)
		return reaction_fail(&job->call, -ESTALE,
		    "the order's counter is too low: %llu, and more than %llu is due",
		    (unsigned long long)o->counter,
		    (unsigned long long)binding_get()->counter_floor);
	job->reaction = order_kind_find(o->kind);
	if (job->reaction == NULL)
		job->reaction = reaction_find(o->kind);
	if (job->reaction == NULL)
		return reaction_fail(
		    &job->call, -EOPNOTSUPP, "this agent knows no reaction \"%s\"", o->kind);
	r = order_check_allowed(&job->call);
	if (r == 0)
		r = job->reaction->check(&job->call);
	/* Last but for the effect: what fails its own check does not count. */
	return r < 0 || order_kind_find(o->kind) != NULL ? r : check_breaker(job);
}
