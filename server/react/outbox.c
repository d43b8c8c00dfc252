/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox - sends what the store has for hosts, and has written down what became of it.
 *
 * The store is the outbox: an order that is open there waits, whoever made it and whichever server
 * was running then.  Of a host so many at a time are under way; a result makes room for the next.
 * What got no answer is sent again, which is of no harm: agents know the orders they had.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/ulid.h"
#include "server/react/react_impl.h"
#include "server/react/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW    64u    /* orders of a host under way */
#define RESEND_MS 10000u /* without an answer */
#define SWEEP_MS  5000u
#define SWEEP_MAX 2000u                            /* writes of one sweep */
#define KEEP_US   (UINT64_C(90) * 86400 * 1000000) /* what is over, for people to look at */
#define PRUNE_MS  60000u
#define PRUNE_MAX 5000u
#define GRACE_US  15000000u /* a host may tell of the end itself */

static struct ds_log_rate rate;

void
outbox_kick(struct react *r, uint32_t host)
{
	if (ds_map_put(r->kicked, &host, sizeof(host), r, NULL) < 0)
		r->rescan = true;
}

/* ---- sending */

struct sending {
	struct react *react;
	uint32_t host;
	bool again;
	uint64_t now_ms, now_us;
	unsigned under_way;
};

static void
remember(struct react *r, const char *id, uint64_t now_ms)
{
	void *when = (void *)(uintptr_t)(now_ms + 1);

	if (ds_map_put(r->sent, id, strlen(id), when, NULL) == 0)
		return;
	/* Full of orders without answers: forget, and send some twice. */
	ds_map_free(r->sent, NULL);
	r->sent = ds_map_new(65536);
	if (r->sent == NULL || ds_map_put(r->sent, id, strlen(id), when, NULL) < 0)
		ds_log(WARN, "no memory for orders under way, sending some again", "%s", "");
}

static bool
is_under_way(const struct react *r, const char *id, uint64_t now_ms)
{
	uintptr_t when = r->sent ? (uintptr_t)ds_map_get(r->sent, id, strlen(id)) : 0;

	return when > 0 && now_ms + 1 - when < RESEND_MS;
}

static int
send_one(const struct order_row *row, void *ctx)
{
	struct sending *s = ctx;
	int q;

	if (row->expires_us <= s->now_us)
		return 0; /* the sweep closes it */
	if (s->under_way++ >= WINDOW)
		return 1;
	if (!s->again && is_under_way(s->react, row->id, s->now_ms))
		return 0;
	q = s->react->sessions.send(s->react->sessions.arg, row->host, row->bytes, row->size);
	if (q == 0)
		remember(s->react, row->id, s->now_ms);
	else if (ds_log_pass(&rate, 5))
		ds_log(WARN, "an order could not be sent, it is tried again", "host=%u why=\"%s\"",
		    row->host, strerror(-q));
	return 0;
}

void
outbox_send(struct react *r, uint32_t host, bool again)
{
	struct sending s = { r, host, again, ds_clock_monotonic_ms(), ds_clock_wall_us(), 0 };
	int q = r->cfg.backend->reactions->each_open(r->reader, host, send_one, &s);

	if (q < 0 && ds_log_pass(&rate, 5))
		ds_log(ERROR, "orders cannot be read, they are sent later", "host=%u why=\"%s\"",
		    host, strerror(-q));
}

static int
send_kicked(const void *key, size_t len, void *value, void *ctx)
{
	uint32_t host;

	(void)value;
	memcpy(&host, key, len);
	if (host > 0)
		outbox_send(ctx, host, false);
	return 0;
}

void
outbox_turn(struct react *r)
{
	struct ds_map *kicked = r->kicked;

	if (ds_map_len(kicked) == 0)
		return;
	(void)ds_map_each(kicked, send_kicked, r); /* 0 always */
	r->kicked = ds_map_new(65536);
	if (r->kicked == NULL)
		r->kicked = kicked; /* sent once more then, which is of no harm */
	else
		ds_map_free(kicked, NULL);
}

/* ---- what became of it */

static int
run_sent(struct react_write *w, const struct store_backend *b, struct store *store)
{
	return issue_sent(b, store, w->order, ds_clock_wall_us());
}

void
outbox_sent(struct react *r, const struct react_mail *m)
{
	struct react_write *w = react_write_new(r, run_sent, 0);

	r->sent_n++;
	if (w == NULL)
		return;
	memcpy(w->order, m->order, sizeof(w->order));
	react_write_post(w);
}

static int
run_result(struct react_write *w, const struct store_backend *b, struct store *store)
{
	struct ds_result result;
	int q = ds_result_get(w->body->data, w->size, &result);

	return q < 0 ? q : issue_result(b, store, &w->issuer, w->host, &result, ds_clock_wall_us());
}

void
outbox_result(struct react *r, struct react_mail *m)
{
	struct ds_result result;
	struct react_write *w;

	if (ds_result_get(m->data, m->size, &result) < 0) {
		if (ds_log_pass(&rate, 5))
			ds_log(WARN, "a host's result cannot be read, ignoring it", "host=%u",
			    m->host);
		return;
	}
	r->results++;
	if (rebind_is_asked(&result)) {
		rebind_answer(r, m->host, &result);
		return;
	}
	if (strcmp(result.kind, DS_ORDER_SPARE) == 0)
		spare_result(r, m->host);
	w = react_write_new(r, run_result, m->size);
	if (w == NULL)
		return;
	memcpy(w->body->data, m->data, m->size);
	memcpy(w->order, result.order, sizeof(w->order));
	w->host = m->host;
	react_write_post(w);
}

/* Only now, when the store no longer has it among the open ones: before, another order of the host
 * would send it along once more. */
void
outbox_written(struct react *r, const struct react_write *w)
{
	char id[REACTION_ID_SIZE];

	if (w->run != run_result || r->sent == NULL)
		return;
	ds_ulid_format("ord_", w->order, id, sizeof(id));
	(void)ds_map_remove(r->sent, id, strlen(id)); /* a number, nothing to free */
}

/* ---- the sweep */

struct sweep {
	struct react *react;
	uint64_t now_ms, now_us;
	unsigned writes;
};

static int
run_overdue(struct react_write *w, const struct store_backend *b, struct store *store)
{
	return issue_overdue(b, store, &w->issuer, w->id, ds_clock_wall_us());
}

static int
run_over(struct react_write *w, const struct store_backend *b, struct store *store)
{
	return issue_over(b, store, &w->issuer, w->id, ds_clock_wall_us());
}

static void
write_about(struct sweep *s, const char *id, uint32_t host,
    int (*run)(struct react_write *w, const struct store_backend *b, struct store *store))
{
	struct react_write *w = react_write_new(s->react, run, 0);

	s->writes++;
	if (w == NULL)
		return;
	w->host = host;
	memcpy(w->id, id, strnlen(id, sizeof(w->id) - 1));
	react_write_post(w);
}

static int
look_at_order(const struct order_row *row, void *ctx)
{
	struct sweep *s = ctx;

	if (row->expires_us <= s->now_us)
		write_about(s, row->id, row->host, run_overdue);
	else if (!is_under_way(s->react, row->id, s->now_ms))
		outbox_kick(s->react, row->host);
	return s->writes >= SWEEP_MAX;
}

static int
look_at_reaction(const struct reaction_row *row, void *ctx)
{
	const struct react_kind *kind = react_kind_find(row->kind);

	if (kind == NULL || !kind->is_here)
		write_about(ctx, row->id, row->host, run_over);
	return 0;
}

static int
look_at_waiting(const struct reaction_row *row, void *ctx)
{
	struct sweep *s = ctx;

	if (row->created_us + s->react->approval_ttl_us <= s->now_us &&
	    record_waits_for_approval(row->result))
		write_about(s, row->id, row->host, run_over);
	return s->writes >= SWEEP_MAX;
}

static int
run_prune(struct react_write *w, const struct store_backend *b, struct store *store)
{
	uint64_t now_us = ds_clock_wall_us();
	int r = b->reactions->prune(store, now_us - DS_MIN(now_us, KEEP_US), PRUNE_MAX);

	(void)w;
	return r < 0 ? r : 0;
}

static void
forget_old(struct react *r, uint64_t now_ms)
{
	if (r->prune_ms != 0 && now_ms - r->prune_ms < PRUNE_MS)
		return;
	r->prune_ms = now_ms;
	react_write_post(react_write_new(r, run_prune, 0));
}

void
outbox_sweep(struct react *r, uint64_t now_ms)
{
	static const struct reaction_filter waiting = { .status = "pending" };
	struct sweep s = { r, now_ms, ds_clock_wall_us(), 0 };
	const struct store_reactions *b = r->cfg.backend->reactions;
	int q;

	if (now_ms - r->sweep_ms < SWEEP_MS && !atomic_exchange(&r->rescan, false))
		return;
	r->sweep_ms = now_ms;
	q = b->each_open(r->reader, 0, look_at_order, &s);
	if (q >= 0)
		q = b->each_over(r->reader, s.now_us - GRACE_US, look_at_reaction, &s);
	if (q >= 0)
		q = b->each(r->reader, &waiting, look_at_waiting, &s);
	if (q < 0 && ds_log_pass(&rate, 5))
		ds_log(ERROR, "orders that wait cannot be read", "why=\"%s\"", strerror(-q));
	forget_old(r, now_ms);
	prevent_sweep(r, now_ms);
	r->here_due = true;
	outbox_turn(r);
}
