/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - takes signed orders, checks them, has them carried out, and answers.
 *
 * Called by guard and supervise.  Owns the orders that were taken and not carried out yet.
 */
#include "agent/guard/order.h"
#include "agent/guard/binding.h"
#include "agent/guard/evidence.h"
#include "agent/guard/hold.h"
#include "agent/guard/order_job.h"
#include "agent/guard/reactions/nft.h"
#include "agent/guard/reactions/spared.h"
#include "agent/guard/rebind.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX    64u
#define EVIDENCE_MAX 8000u /* bytes: it has to fit into an event */
#define FORGED_MAX   32u   /* a minute: more, and the uplink is ended */

static const struct agent_config *config;
static struct order_job *jobs[BATCH_MAX];
static size_t jobs_len;
static int broken; /* -errno of order_init() */
static char status[256];
static unsigned forged;
static uint64_t forged_since_ms;

int
order_dir(const struct agent_config *c, char *ret, size_t size)
{
	const char *slash = strrchr(c->state_dir, '/');
	int n;

	if (c->guard_dir[0] != '\0')
		n = snprintf(ret, size, "%s", c->guard_dir);
	else
		n = snprintf(ret, size, "%.*s/guard",
		    slash != NULL ? (int)(slash - c->state_dir) : 1,
		    slash != NULL ? c->state_dir : ".");
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

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

/* Checks, and writes what is to be done into the ledger, which is not synced yet. */
static void
begin(struct order_job *job)
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

/* The disk does not take it: then nothing is done. */
static void
give_up(struct order_job *job, int error)
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

/* Does it, or has it done beside the loop: then it is not ours any more. */
static void
carry_out(struct order_job *job)
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

static void
sync_later(void)
{
	int r = ledger_sync();

	if (r < 0)
		ds_log(WARN, "results are not on disk, going on", "error=\"%s\"", strerror(-r));
}

/* Whether an order has to wait for one that is still being done: its undo; or there is no room. */
static bool
is_early(const struct order_job *job)
{
	return (strcmp(job->order.kind, DS_ORDER_UNDO) == 0 &&
		   order_settle_has(job->order.target)) ||
	       order_settle_is_full(BATCH_MAX);
}

/* These come first and stay; how many. */
static size_t
put_off(void)
{
	size_t late = 0;

	for (size_t i = 0; i < jobs_len; i++)
		if (is_early(jobs[i])) {
			struct order_job *job = jobs[i];

			memmove(jobs + late + 1, jobs + late, (i - late) * sizeof(jobs[0]));
			jobs[late++] = job;
		}
	return late;
}

void
order_turn(void)
{
	if (broken < 0)
		return;
	life_turn(config);
	if (order_settle_turn() > 0)
		sync_later();
	order_run();
}

void
order_run(void)
{
	uint64_t newest_us = 0;
	size_t late;
	int r;

	late = put_off();
	if (jobs_len == late)
		return;
	for (size_t i = late; i < jobs_len; i++)
		begin(jobs[i]);
	r = ledger_sync();
	for (size_t i = late; i < jobs_len; i++) {
		if (r < 0)
			give_up(jobs[i], r);
		if (jobs[i]->result.error != EAGAIN && jobs[i]->result.error != EPERM)
			newest_us = DS_MAX(newest_us, jobs[i]->order.not_before_us);
		carry_out(jobs[i]);
	}
	jobs_len = late;
	(void)order_settle_turn();
	sync_later();
	/* Now and then is enough: it keeps clocks from going back for hours, not seconds. */
	if (newest_us > binding_get()->newest_us + 60 * DS_US_PER_S &&
	    binding_advance(0, newest_us) < 0)
		ds_log(WARN, "cannot keep the time of orders", "error=\"%s\"", strerror(EIO));
}

/* ---- taking */

/* Somebody between the server and us makes up orders, or the server has another key. */
static int
count_forged(const char *why)
{
	uint64_t now_ms = ds_clock_monotonic_ms();

	if (now_ms - forged_since_ms >= 60000) {
		forged_since_ms = now_ms;
		forged = 0;
	}
	if (forged++ == 0) {
		ds_log(WARN, "an order is refused", "reason=\"%s\"", why);
		order_tell_text("", why);
	}
	return forged > FORGED_MAX ? -EBADMSG : 0;
}

/* Orders after it are checked by what it says. */
static bool
changes_checks(const struct ds_order *order)
{
	static const char *const kinds[] = { DS_ORDER_SPARE, DS_ORDER_KEY, DS_ORDER_REBIND };

	for (size_t i = 0; i < DS_LEN(kinds); i++)
		if (strcmp(order->kind, kinds[i]) == 0)
			return true;
	return false;
}

int
order_take(const void *data, size_t size)
{
	static struct ds_order order;
	const struct binding *b = binding_get();
	const struct ledger_entry *known;
	struct ds_envelope e;

	if (broken < 0 || !binding_is_bound())
		return count_forged(
		    "no key of orders was pinned on this host: no orders are taken");
	if (ds_envelope_get(data, size, &e) < 0)
		return count_forged("what came as an order is none");
	if (memcmp(e.key_id, b->key_id, sizeof(b->key_id)) != 0)
		return count_forged("an order is signed with a key that this host does not take");
	if (!ds_verify(b->key, e.signed_data, e.signed_size, e.signature))
		return count_forged("the signature of an order is wrong");
	if (ds_order_get(&e, &order) < 0)
		return count_forged("an order is signed and cannot be read: is the agent too old?");
	known = ledger_find(order.id);
	if (known != NULL) {
		if (memcmp(order.host_id, b->host_id, sizeof(order.host_id)) == 0)
			order_tell_again(known);
		return 0;
	}
	for (size_t i = 0; i < jobs_len; i++)
		if (memcmp(jobs[i]->order.id, order.id, sizeof(order.id)) == 0)
			return 0; /* twice in one turn */
	if (jobs_len == BATCH_MAX)
		order_run();
	if (jobs_len == BATCH_MAX)
		return 0; /* it will come again */
	jobs[jobs_len] = order_job_new(config, &order);
	if (jobs[jobs_len] == NULL)
		return 0; /* no memory: it will come again */
	jobs_len++;
	if (changes_checks(&order))
		order_run();
	return 0;
}

int
order_host(const void *data, size_t size)
{
	static struct ds_log_rate rate;
	int r;

	if (size != 16)
		return -EBADMSG;
	r = broken < 0 ? 0 : binding_set_host(data);
	if (r == -EPERM)
		rebind_ask(data);
	else if (r == 0)
		rebind_forget();
	else if (r < 0 && ds_log_pass(&rate, 1))
		ds_log(WARN, "cannot keep who this host is", "error=\"%s\"", strerror(-r));
	return 0;
}

/* ---- life */

void
order_look(void)
{
	if (broken == 0 && binding_look(config->token_file))
		ds_log(INFO, "the key of orders is pinned", "file=\"%s\"", config->token_file);
}

void
order_tick(void)
{
	order_look();
	if (broken < 0)
		return;
	rebind_tick();
	life_tick(config);
	sync_later();
	ledger_tidy();
}

void
order_reload(void)
{
	if (broken < 0)
		return;
	life_reload(config);
	sync_later();
}

/* Whether the kernel takes blocks, where this host allows any; "": it does. */
static const char *
block_status(void)
{
	static const char *const kinds[] = { "block_ip", "block_port", "isolate" };
	static char text[128];
	int r = 0;

	for (size_t i = 0; i < DS_LEN(kinds) && r == 0; i++)
		if (order_ceiling_allows(config, kinds[i]))
			r = nft_look();
	text[0] = '\0';
	if (r < 0)
		(void)snprintf(text, sizeof(text),
		    "; blocks: none (this kernel has no nftables for us: %s)", strerror(-r));
	return text;
}

const char *
order_status(void)
{
	if (broken < 0)
		(void)snprintf(
		    status, sizeof(status), "orders: none (guard_dir: %s)", strerror(-broken));
	else if (!binding_is_bound())
		(void)snprintf(
		    status, sizeof(status), "orders: none (enrolled without a key of orders)");
	else if (rebind_is_due())
		(void)snprintf(
		    status, sizeof(status), "orders: none (those for another identity are taken)");
	else if (order_is_paused())
		(void)snprintf(status, sizeof(status), "orders: of operators only (paused here)%s",
		    block_status());
	else
		(void)snprintf(status, sizeof(status), "orders: taken%s", block_status());
	return status;
}

static int
open_all(const struct agent_config *c, char *dir, size_t size, unsigned *ret_damaged)
{
	int r = order_dir(c, dir, size);

	config = c;
	if (r == 0)
		r = binding_open(dir);
	if (r == 0)
		r = spared_open(dir);
	return r == 0 ? ledger_open(dir, ret_damaged) : r;
}

int
order_release(const struct agent_config *c, size_t *ret_left)
{
	char dir[4096];
	unsigned damaged = 0;
	size_t ended;
	int r = open_all(c, dir, sizeof(dir), &damaged);

	if (r < 0)
		return r;
	order_check_init(dir);
	hold_init(config, dir); /* lets go on what a guard that was killed had held */
	ended = life_release(c, ret_left);
	r = ledger_sync();
	if (r < 0)
		ds_log(WARN, "what was ended is not in the ledger", "error=\"%s\"", strerror(-r));
	hold_done();
	spared_close();
	ledger_close();
	return (int)ended;
}

int
order_init(const struct agent_config *c)
{
	char dir[4096] = "";
	unsigned damaged = 0;

	broken = open_all(c, dir, sizeof(dir), &damaged);
	if (broken < 0) {
		ds_log(ERROR, "no orders are taken", "guard_dir=\"%s\" error=\"%s\"", dir,
		    strerror(-broken));
		return broken;
	}
	if (damaged > 0)
		ds_log(ERROR,
		    "the ledger was damaged; effects of orders may stay that nobody knows of",
		    "kept=\"%s/ledger.damaged\"", dir);
	order_check_init(dir);
	order_look();
	hold_init(config, dir);
	life_recover(config);
	sync_later();
	return 0;
}

void
order_done(void)
{
	for (size_t i = 0; i < jobs_len; i++)
		order_job_free(jobs[i]);
	jobs_len = 0;
	order_settle_end();
	hold_done();
	spared_close();
	if (broken == 0)
		sync_later();
	ledger_close();
}
