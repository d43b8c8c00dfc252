/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_do - what is done with one order: checked, in the ledger, carried out, read back, told.
 *
 * Called by order, and by order_settle for what took long.  Owns the jobs that order gives away.
 */
#include "agent/guard/binding.h"
#include "agent/guard/evidence.h"
#include "agent/guard/order_job.h"
#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVIDENCE_MAX 8000u /* bytes: it has to fit into an event */

void
order_job_free(struct order_job *job)
{
	if (job == NULL)
		return;
	order_job_free(job->asked);
	ds_buf_done(&job->call.inverse);
	ds_buf_done(&job->evidence);
	free(job);
}

struct order_job *
order_job_new(const struct agent_config *c, const struct ds_order *order)
{
	struct order_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->order = *order;
	job->arrived_us = ds_clock_boot_us();
	ds_buf_init(&job->evidence, EVIDENCE_MAX);
	ds_json_init(&job->json, &job->evidence);
	ds_json_object(&job->json);
	job->call = (struct reaction_call){
		.order = &job->order, .config = c, .evidence = &job->json, .exe_fd = -1
	};
	ds_buf_init(&job->call.inverse, REACTION_INVERSE_MAX);
	memcpy(job->result.order, order->id, sizeof(job->result.order));
	memcpy(job->result.kind, order->kind, sizeof(job->result.kind));
	return job;
}

static void
set_outcome(struct order_job *job, enum ds_outcome outcome, int error)
{
	job->result.outcome = (uint8_t)outcome;
	job->result.error = error < 0 ? (uint32_t)-error : 0;
	(void)snprintf(job->result.text, sizeof(job->result.text), "%s",
	    job->call.why[0] != '\0' ? job->call.why
	    : error < 0              ? strerror(-error)
				     : "done");
}

/* ---- before the effect */

/* The evidence, and what is told of the order should the guard end before anything else can be. */
static int
put_begun(const struct order_job *job, struct ds_buf *ret)
{
	struct ds_result m = job->result;
	struct ds_buf text;
	int r;

	m.outcome = DS_OUTCOME_FAILED;
	m.error = ECANCELED;
	(void)snprintf(m.text, sizeof(m.text), "%s", ORDER_ENDED_BEFORE);
	ds_buf_init(&text, EVIDENCE_MAX + 1);
	r = job->json.error;
	if (r == 0)
		r = ds_buf_put(&text, job->evidence.data, job->evidence.len);
	if (r == 0)
		r = ds_buf_put(&text, "}", 1); /* a big program's hash comes after the effect */
	if (r == 0 && text.len > 2) {
		m.evidence = (const char *)text.data;
		m.evidence_size = text.len;
	}
	r = ds_result_put(ret, &m);
	ds_buf_done(&text);
	return r;
}

/* On disk with the next sync. */
static int
remember(struct order_job *job, enum ledger_state state, uint64_t until_us)
{
	struct ds_buf begun;
	int r;

	if (state != LEDGER_INTENT)
		return ledger_add(&job->order, state, 0, NULL, NULL, &job->entry);
	ds_buf_init(&begun, DS_RESULT_MAX);
	r = put_begun(job, &begun);
	if (r == 0)
		r = ledger_add(
		    &job->order, state, until_us, &job->call.inverse, &begun, &job->entry);
	ds_buf_done(&begun);
	return r;
}

void
order_begin(struct order_job *job)
{
	enum ledger_state state = LEDGER_INTENT;
	uint64_t until_us = 0;
	int r = order_check(job);

	if (r < 0) {
		set_outcome(
		    job, r == -ESRCH || r == -ENOENT ? DS_OUTCOME_NOTHING : DS_OUTCOME_REFUSED, r);
		state = LEDGER_OVER;
	} else if (job->order.mode == DS_ORDER_DRY_RUN) {
		set_outcome(job, DS_OUTCOME_WOULD, 0);
		return; /* has no effect however often it comes */
	} else {
		until_us = job->call.until_us = life_until(job->reaction, &job->order);
		r = job->reaction->prepare(&job->call);
		if (r < 0) {
			set_outcome(job, r == -ESRCH ? DS_OUTCOME_NOTHING : DS_OUTCOME_FAILED, r);
			state = LEDGER_OVER;
		}
	}
	if (memcmp(job->order.host_id, binding_get()->host_id, sizeof(job->order.host_id)) != 0)
		return; /* not ours to remember */
	r = remember(job, state, until_us);
	if (r < 0 && state == LEDGER_INTENT) {
		(void)reaction_fail(&job->call, r, "the ledger has no room: %s", strerror(-r));
		set_outcome(job, DS_OUTCOME_FAILED, r);
	}
}

void
order_give_up(struct order_job *job, int error)
{
	if (job->entry != NULL)
		ledger_drop(job->entry);
	job->entry = NULL;
	if (job->result.outcome != 0)
		return;
	(void)reaction_fail(&job->call, error, "nothing was done: the ledger cannot be written: %s",
	    strerror(-error));
	set_outcome(job, DS_OUTCOME_FAILED, error);
}

/* ---- the effect */

/* What came of it. */
static void
read_back(struct order_job *job, int r)
{
	if (r < 0) {
		set_outcome(job,
		    job->call.is_refused          ? DS_OUTCOME_REFUSED
		    : r == -ESRCH || r == -ENOENT ? DS_OUTCOME_NOTHING
						  : DS_OUTCOME_FAILED,
		    r);
		/* Given up, so it may be done all the same: see finish(). */
		if (r == -ETIMEDOUT)
			job->result.took_us = ds_clock_boot_us() - job->arrived_us;
		return;
	}
	job->call.inverse.pos = 0;
	r = job->reaction->read_back(&job->call);
	job->result.took_us = ds_clock_boot_us() - job->arrived_us;
	job->result.is_verified = r == 1;
	if (r != 1 && job->call.why[0] == '\0')
		(void)reaction_fail(&job->call, r, "it was done and is not there");
	set_outcome(job, r == 1 ? DS_OUTCOME_DONE : DS_OUTCOME_FAILED,
	    r < 0    ? r
	    : r == 1 ? 0
		     : -EIO);
}

static void
finish(struct order_job *job)
{
	enum ledger_state state = LEDGER_OVER;

	if (job->result.outcome == DS_OUTCOME_DONE && job->reaction->undo != NULL) {
		state = LEDGER_ACTIVE;
		job->result.until_us = job->entry->until_us;
	}
	/* What could not be read back may be there: it is taken away at the end of its life. */
	if (job->result.outcome == DS_OUTCOME_FAILED && job->result.took_us > 0 &&
	    job->reaction->undo != NULL)
		state = LEDGER_ACTIVE;
	evidence_hash(&job->call);
	ds_json_end(&job->json);
	if (ds_json_done(&job->json) == 0 && job->evidence.len > 2) {
		job->result.evidence = (const char *)job->evidence.data;
		job->result.evidence_size = job->evidence.len;
	}
	order_tell(job->entry, state, &job->result, &job->order);
}

static void
done(struct order_job *job, int result)
{
	read_back(job, result);
	finish(job);
	order_job_free(job);
}

static int
settle(struct order_job *job)
{
	return job->reaction->settle(&job->call);
}

static bool
settled(struct order_job *job, int result)
{
	if (job->reaction->settled != NULL)
		result = job->reaction->settled(&job->call, result);
	if (result == -EAGAIN && job->call.round++ == 0)
		return true;
	/* Other entries came and went meanwhile. */
	job->entry = ledger_find(job->order.id);
	done(job, result);
	return false;
}

void
order_undone(struct order_job *asked, int result)
{
	asked->entry = ledger_find(asked->order.id);
	done(asked, order_kind_say_undone(&asked->call, result));
}

void
order_carry_out(struct order_job *job)
{
	int r;

	if (job->result.outcome != 0) {
		finish(job);
		order_job_free(job);
		return;
	}
	job->call.inverse.pos = 0;
	r = job->reaction->apply(&job->call);
	if (r > 0)
		return; /* an undo that takes long: order_undone() */
	if (r < 0 || job->reaction->settle == NULL) {
		done(job, r);
		return;
	}
	job->work = settle;
	job->worked = settled;
	order_settle(job);
}
