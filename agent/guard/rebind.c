/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/guard/rebind.h"

#include "agent/guard/binding.h"
#include "agent/guard/emit.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define AGAIN_MS 10000u /* an answer may have been lost, or the server away */

static bool is_due;
static uint8_t wanted[16];                 /* who we are, as the uplink says */
static uint8_t question[DS_ORDER_ID_SIZE]; /* all zero: none was asked */
static uint64_t asked_ms;

static void
ask(void)
{
	struct ds_result m = { .kind = DS_ORDER_REBIND,
		.outcome = DS_OUTCOME_REFUSED,
		.time_us = ds_clock_wall_us(),
		.text = "orders are taken for another identity" };
	struct ds_buf b;

	asked_ms = ds_clock_monotonic_ms();
	memcpy(m.order, question, sizeof(m.order));
	memcpy(m.by, binding_get()->host_id, sizeof(m.by));
	ds_buf_init(&b, DS_RESULT_MAX);
	if (ds_result_put(&b, &m) < 0 || emit_control(DS_IPC_RESULT, b.data, b.len) < 0)
		ds_log(DEBUG, "a question cannot be asked now", "kind=%s", m.kind);
	ds_buf_done(&b);
}

void
rebind_ask(const uint8_t host_id[16])
{
	static struct ds_log_rate rate;
	uint8_t fresh[DS_ORDER_ID_SIZE];

	if (is_due && memcmp(wanted, host_id, sizeof(wanted)) == 0)
		return;
	if (getrandom(fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh))
		return; /* the uplink says it again when it starts anew */
	if (ds_log_pass(&rate, 1))
		ds_log(INFO,
		    "this host has another identity than its orders are for, asking the server",
		    "%s", "");
	memcpy(question, fresh, sizeof(question));
	memcpy(wanted, host_id, sizeof(wanted));
	is_due = true;
	ask();
}

void
rebind_forget(void)
{
	is_due = false;
	explicit_bzero(question, sizeof(question));
}

void
rebind_tick(void)
{
	if (is_due && ds_clock_monotonic_ms() - asked_ms >= AGAIN_MS)
		ask();
}

bool
rebind_is_due(void)
{
	return is_due;
}

bool
rebind_is_answer(const struct ds_order *o)
{
	return is_due && strcmp(o->kind, DS_ORDER_REBIND) == 0 &&
	       memcmp(o->target, question, sizeof(question)) == 0 &&
	       memcmp(o->host_id, wanted, sizeof(wanted)) == 0;
}

/* One that comes again finds it done. */
static bool
is_done(const struct ds_order *o)
{
	return memcmp(o->host_id, binding_get()->host_id, sizeof(o->host_id)) == 0;
}

int
rebind_check(struct reaction_call *call)
{
	return is_done(call->order) || rebind_is_answer(call->order)
		   ? 0
		   : reaction_fail(call, -EPERM, "nothing of that kind was asked");
}

int
rebind_apply(struct reaction_call *call)
{
	int r = is_done(call->order) ? 0 : binding_rebind(call->order->host_id);

	if (r < 0)
		return reaction_fail(call, r, "the identity cannot be kept: %s", strerror(-r));
	rebind_forget();
	(void)reaction_fail(call, 0, "orders for this identity are taken from now on");
	return 0;
}

int
rebind_read_back(struct reaction_call *call)
{
	return is_done(call->order);
}
