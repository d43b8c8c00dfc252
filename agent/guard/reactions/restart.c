/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restart - a daemon is started anew, and has to be well afterwards.
 *
 * Through systemd where it runs the daemon; else the main process is asked to end, and what started
 * it is run again: program, arguments, environment, directory, user.  There is no way back, and
 * nothing to take back.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/engine_restart.h"
#include "agent/guard/evidence.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/service.h"
#include "agent/guard/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t
number_of(const struct ds_order *order)
{
	const struct daemon *d = NULL;
	char name[300];

	if (order->unit[0] != '\0') {
		d = daemon_find(order->unit);
		(void)snprintf(name, sizeof(name), "%s.service", order->unit);
		if (d == NULL)
			d = daemon_find(name);
	} else if (order->pid != 0) {
		d = daemon_of_process((pid_t)order->pid);
	}
	return d != NULL ? d->number : 0;
}

static int
find(struct reaction_call *call, struct service *ret)
{
	const struct ds_order *order = call->order;

	if (order->unit[0] == '\0' && order->pid == 0)
		return reaction_fail(call, -EINVAL, "restart needs a unit, or a pid and its start");
	if (service_of(number_of(order), ret) == 0)
		return target_may(call, ret->pid);
	/* An order killed it, which was wrong. */
	return service_kept(number_of(order), ret) == 0
		   ? 0
		   : reaction_fail(call, -ESRCH, "no such daemon runs here");
}

static int
check(struct reaction_call *call)
{
	struct service *s = calloc(1, sizeof(*s));
	int r = s == NULL ? -ENOMEM : 0;

	if (r == 0 && call->order->pid != 0)
		r = target_check(call);
	if (r == 0)
		r = find(call, s);
	if (r == 0 && s->container[0] != '\0')
		r = engine_can_restart(s, call->why, sizeof(call->why));
	free(s);
	return r;
}

static bool
is_there(const struct service *s)
{
	return target_is_there(
	    &(struct target_process){ .pid = s->pid, .start_ticks = s->start_ticks });
}

/* The main process from before, and its program: enough to know the next one. */
static int
prepare(struct reaction_call *call)
{
	struct service *s = calloc(1, sizeof(*s));
	int r = s == NULL ? -ENOMEM : find(call, s);

	if (r == 0) {
		if (is_there(s))
			evidence_process(call, s->pid);
		ds_json_put_string(call->evidence, "unit", s->unit);
		ds_json_put_uint(call->evidence, "listeners", s->listeners_len);
		r = ds_buf_put_u64(&call->inverse, s->start_ticks);
	}
	if (r == 0)
		r = ds_buf_put_str(&call->inverse, s->exe);
	free(s);
	return r;
}

/* All of it takes long. */
static int
apply(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
settle(struct reaction_call *call)
{
	struct service *s = calloc(1, sizeof(*s));
	uint64_t before;
	int r = s == NULL ? -ENOMEM : ds_buf_get_u64(&call->inverse, &before);

	if (r == 0)
		r = find(call, s);
	if (r == 0 && s->start_ticks == before) { /* else it has been done, before a crash */
		r = service_restart(s, call->why, sizeof(call->why));
		if (r == 0 &&
		    service_probe(s, before + 1, false, call->why, sizeof(call->why)) == 0)
			r = -EIO;
	}
	if (r == 0)
		(void)reaction_fail(call, 0, "%.200s was started anew and is well", s->name);
	free(s);
	return r;
}

static int
read_back(struct reaction_call *call)
{
	struct service *s = calloc(1, sizeof(*s));
	const struct daemon *d;
	const uint8_t *exe;
	uint64_t before;
	size_t len;
	int r = s == NULL ? -ENOMEM : ds_buf_get_u64(&call->inverse, &before);

	if (r == 0)
		r = ds_buf_get_bytes(&call->inverse, sizeof(s->exe) - 1, &exe, &len);
	if (r == 0) {
		d = daemon_get(number_of(call->order));
		if (d != NULL)
			memcpy(s->container, d->container, sizeof(s->container));
		memcpy(s->exe, exe, len);
		r = service_find(s, before + 1) != 0;
	}
	free(s);
	return r;
}

const struct reaction reaction_restart = {
	.name = "restart",
	.help = "start a daemon anew and see that it is well; cannot be undone",
	.per_minute = 3,
	.check = check,
	.prepare = prepare,
	.apply = apply,
	.settle = settle,
	.read_back = read_back,
};
