/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - takes signed orders and has them carried out (order_do.c), a batch with one sync.
 *
 * Called by guard and supervise.  Owns the orders that were taken and not carried out yet.
 */
#include "agent/guard/order.h"
#include "agent/guard/binding.h"
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

#define BATCH_MAX  64u
#define FORGED_MAX 32u /* a minute: more, and the uplink is ended */

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

static void
sync_later(void)
{
	int r = ledger_sync();

	if (r < 0)
		ds_log(WARN, "results are not on disk, going on", "error=\"%s\"", strerror(-r));
}

/* Whether the i-th waits for one before it, or one still being done: its undo; or for room. */
static bool
is_early(size_t i)
{
	const uint8_t *target = jobs[i]->order.target;
	bool waits = order_settle_has(target);

	for (size_t k = 0; k < i; k++)
		waits |= memcmp(jobs[k]->order.id, target, DS_ORDER_ID_SIZE) == 0;
	return (waits && strcmp(jobs[i]->order.kind, DS_ORDER_UNDO) == 0) ||
	       order_settle_is_full(BATCH_MAX);
}

/* These come first and stay; how many. */
static size_t
put_off(void)
{
	struct order_job *job;
	size_t late = 0;

	for (size_t i = 0; i < jobs_len; i++)
		if (is_early(i)) {
			job = jobs[i];
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
	size_t late = put_off();
	int r;

	if (jobs_len == late)
		return;
	for (size_t i = late; i < jobs_len; i++)
		order_begin(jobs[i]);
	r = ledger_sync();
	for (size_t i = late; i < jobs_len; i++) {
		if (r < 0)
			order_give_up(jobs[i], r);
		if (jobs[i]->result.error != EAGAIN && jobs[i]->result.error != EPERM)
			newest_us = DS_MAX(newest_us, jobs[i]->order.not_before_us);
		order_carry_out(jobs[i]);
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
