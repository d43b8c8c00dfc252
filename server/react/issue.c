/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/issue.h"

#include "lib/ulid.h"
#include "server/react/held.h"
#include "server/react/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REPEAT_US  (UINT64_C(30) * 86400 * 1000000) /* who comes again within */
#define RESPECT_US (UINT64_C(86400) * 1000000)
#define RECORD_US  (UINT64_C(600) * 1000000) /* dry runs of the same are recorded once in */

static bool
is_one_of(const char *status, const char *a, const char *b)
{
	return strcmp(status, a) == 0 || strcmp(status, b) == 0;
}

static void
order_name(const uint8_t id[DS_ORDER_ID_SIZE], char ret[REACTION_ID_SIZE])
{
	ds_ulid_format("ord_", id, ret, REACTION_ID_SIZE);
}

/* ---- orders */

/* Above every counter of the host so far, also of those that a restored backup does not know: it
 * follows the clock. */
static int
next_counter(const struct store_backend *b, struct store *store, uint32_t host, uint64_t now_us,
    uint64_t *ret)
{
	uint64_t last;
	int r = b->reactions->last_counter(store, host, &last);

	if (r == 0)
		*ret = DS_MAX(now_us, last + 1);
	return r;
}

static int
sign(struct ds_buf *out, const struct issuer *by, const struct ds_order *order)
{
	uint8_t key_id[DS_SIGN_ID_SIZE], signature[DS_SIGN_SIZE];
	int r;

	ds_sign_key_id(by->key, key_id);
	r = ds_order_put(out, key_id, order);
	if (r == 0)
		r = ds_sign(by->key, out->data, out->len, signature);
	return r < 0 ? r : ds_buf_put(out, signature, sizeof(signature));
}

/* Signs and keeps; the order's window begins now. */
static int
put_order(const struct store_backend *b, struct store *store, const struct issuer *by,
    struct ds_order *order, const char *reaction_id, uint32_t host, uint64_t now_us)
{
	struct order_row row = {
		.reaction_id = reaction_id,
		.host = host,
		.undo = strcmp(order->kind, DS_ORDER_UNDO) == 0,
		.counter = order->counter,
		.created_us = now_us,
	};
	char id[REACTION_ID_SIZE];
	struct ds_buf out;
	int r;

	order->not_before_us = now_us;
	order->expires_us = now_us + DS_MIN(by->order_ttl_us, DS_ORDER_VALID_MAX_US);
	row.expires_us = order->expires_us;
	order_name(order->id, id);
	row.id = id;
	ds_buf_init(&out, DS_ORDER_MAX);
	r = sign(&out, by, order);
	row.bytes = out.data;
	row.size = out.len;
	if (r == 0)
		r = b->reactions->order_put(store, &row);
	ds_buf_done(&out);
	return r;
}

static void
fill_args(struct ds_order *order, const struct react_args *args)
{
	order->pid = args->pid;
	order->start_us = args->start_us;
	order->port = args->port;
	order->protocol = args->protocol;
	order->reach = args->reach;
	order->session_pid = args->session_pid;
	snprintf(order->session_address, sizeof(order->session_address), "%s", args->session);
	snprintf(order->exe, sizeof(order->exe), "%s", args->exe);
	snprintf(order->path, sizeof(order->path), "%s", args->path);
	snprintf(order->sha256, sizeof(order->sha256), "%s", args->sha256);
	snprintf(order->address, sizeof(order->address), "%s", args->address);
	snprintf(order->unit, sizeof(order->unit), "%s", args->unit);
	snprintf(order->data, sizeof(order->data), "%s", args->data);
	if (args->list[0])
		snprintf(order->path, sizeof(order->path), "%s", args->list);
	order->answer = args->answer;
	if (args->question[0] && ds_order_id_parse(args->question, order->target) < 0)
		order->answer = 0; /* which the guard refuses */
}

static int
order_reaction(const struct store_backend *b, struct store *store, const struct issuer *by,
    const struct reaction_row *row, const uint8_t host_id[DS_HOST_ID_SIZE], uint8_t mode,
    uint64_t lifetime_us, uint64_t now_us)
{
	struct ds_order order = { .mode = mode, .lifetime_ms = lifetime_us / 1000 };
	struct react_args args;
	int r = react_args_get(row->args, &args);

	if (r == 0)
		r = ds_ulid_parse("rct_", row->id, order.id);
	if (r == 0)
		r = next_counter(b, store, row->host, now_us, &order.counter);
	if (r < 0)
		return r;
	memcpy(order.host_id, host_id, sizeof(order.host_id));
	snprintf(order.kind, sizeof(order.kind), "%s", row->kind);
	snprintf(order.reason, sizeof(order.reason), "%s", row->reason);
	snprintf(order.daemon, sizeof(order.daemon), "%s", row->daemon);
	fill_args(&order, &args);
	return put_order(b, store, by, &order, row->id, row->host, now_us);
}

/* ---- a reaction */

static int
is_repeated(const struct store_backend *b, struct store *store, const struct issue_plan *p,
    const char *target, uint64_t now_us)
{
	uint64_t since_us = now_us - DS_MIN(now_us, DS_MAX(p->ttl_us, RECORD_US)), n;
	int r;

	if (p->order_mode == DS_ORDER_OPERATOR || (p->kind->is_repeatable && !p->is_dry_run))
		return 0;
	r = b->reactions->times(
	    store, p->host, p->kind->name, target, since_us, !p->is_dry_run, now_us, &n);
	return r < 0 ? r : n > 0;
}

struct before {
	uint64_t now_us, life_us;
	bool is_over;
};

static int
see_before(const struct reaction_row *row, void *ctx)
{
	struct before *b = ctx;
	uint64_t begun_us = row->applied_us > 0 ? row->applied_us : row->created_us;

	b->life_us = row->expires_us > begun_us ? row->expires_us - begun_us : 0;
	b->is_over = is_one_of(row->status, "expired", "undone") || row->expires_us <= b->now_us;
	return 0;
}

static int
lifetime(const struct store_backend *b, struct store *store, const struct issue_plan *p,
    const char *target, uint64_t now_us, uint64_t *ret_us)
{
	const struct policy_answer a = {
		.ttl_us = p->ttl_us, .ttl_max_us = p->ttl_max_us, .ttl_factor = p->ttl_factor
	};
	struct before before = { .now_us = now_us };
	int r = 0;

	if (p->order_mode != DS_ORDER_OPERATOR && p->ttl_us > 0)
		r = b->reactions->latest(store, p->kind->name, target,
		    p->is_dry_run ? "dry_run" : "applied", now_us - DS_MIN(now_us, REPEAT_US),
		    see_before, &before);
	*ret_us = policy_lifetime(&a, before.life_us, before.is_over);
	return r < 0 ? r : 0;
}

static int
record_plan(const struct store_backend *b, struct store *store, const struct issuer *by,
    struct issue_plan *p, const char *target, uint64_t now_us)
{
	char args[REACT_ARGS_JSON_MAX], result[RECORD_MAX];
	uint64_t life_us = 0;
	struct reaction_row row = {
		.id = p->id,
		.kind = p->kind->name,
		.host = p->host,
		.daemon = p->daemon,
		.alert_id = p->alert_id,
		.target = target,
		.args = args,
		.mode = p->is_dry_run ? "dry_run" : "applied",
		.status = p->is_dry_run ? "dry_run" : "pending",
		.rule = p->rule,
		.reason = p->reason,
		.by = p->by,
		.approved_by = "",
		.principal = p->principal,
		.created_us = now_us,
		.updated_us = now_us,
		.result = result,
	};
	int r = react_args_put(&p->args, args, sizeof(args));

	if (r == 0)
		r = lifetime(b, store, p, target, now_us, &life_us);
	if (r < 0)
		return r;
	row.expires_us = life_us > 0 ? now_us + life_us : 0;
	record_note(result, p->note, p->needs_approval);
	r = b->reactions->put(store, &row);
	if (r == 0 && !p->is_dry_run && !p->needs_approval && !p->kind->is_here)
		r = order_reaction(b, store, by, &row, p->host_id, p->order_mode, life_us, now_us);
	return r;
}

/* What a person took back, automation does not do again for a day. */
static int
respect_people(const struct store_backend *b, struct store *store, struct issue_plan *p,
    const char *target, uint64_t now_us)
{
	uint64_t n = 0;
	int r;

	if (p->order_mode == DS_ORDER_OPERATOR || p->is_dry_run ||
	    (p->kind->is_ours && !p->kind->is_lasting))
		return 0;
	r = b->reactions->taken_back(
	    store, p->kind->name, target, now_us - DS_MIN(now_us, RESPECT_US), &n);
	if (r == 0 && n > 0) {
		p->is_dry_run = true;
		snprintf(p->note, sizeof(p->note), "a person took this back within the last day");
	}
	return r;
}

int
issue_reaction(const struct store_backend *b, struct store *store, const struct issuer *by,
    struct issue_plan *p, uint64_t now_us)
{
	char target[REACT_TARGET_MAX];
	uint8_t id[DS_ULID_SIZE];
	int r;

	react_target(p->kind, &p->args, target);
	r = respect_people(b, store, p, target, now_us);
	if (r == 0)
		r = is_repeated(b, store, p, target, now_us);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!p->id[0]) {
		r = ds_ulid_make(now_us, id);
		if (r < 0)
			return r;
		ds_ulid_format("rct_", id, p->id, sizeof(p->id));
	}
	r = record_plan(b, store, by, p, target, now_us);
	return r < 0 ? r : 1;
}

static bool
is_here(const char *name)
{
	const struct react_kind *kind = react_kind_find(name);

	return kind != NULL && kind->is_here;
}

int
issue_approval(const struct store_backend *b, struct store *store, const struct issuer *by,
    const char *id, const struct approver *who, const uint8_t host_id[DS_HOST_ID_SIZE],
    uint64_t now_us)
{
	struct held_reaction h;
	char result[RECORD_MAX];
	uint64_t life_us;
	int r = held_reaction_get(b, store, id, &h);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	life_us = h.row.expires_us > 0 ? h.row.expires_us - h.row.created_us : 0;
	if (strcmp(h.row.status, "pending") != 0 || !record_waits_for_approval(h.row.result))
		r = -EALREADY;
	else if (!h.row.principal[0] || !who->principal[0] ||
		 strcmp(h.row.principal, who->principal) == 0)
		r = -EPERM;
	else
		r = 0;
	if (r == 0) {
		record_note(result, "", false);
		h.row.result = result;
		h.row.approved_by = who->name;
		h.row.updated_us = now_us;
		h.row.expires_us = life_us > 0 ? now_us + life_us : 0;
		r = b->reactions->put(store, &h.row);
	}
	if (r == 0 && !is_here(h.row.kind))
		r = order_reaction(
		    b, store, by, &h.row, host_id, DS_ORDER_OPERATOR, life_us, now_us);
	held_reaction_done(&h);
	return r;
}

/* ---- taking back */

static int
order_undo(const struct store_backend *b, struct store *store, const struct issuer *by,
    const struct reaction_row *row, const struct held_order *of, const char *who, uint64_t now_us)
{
	struct ds_order order = { .mode = DS_ORDER_OPERATOR, .kind = DS_ORDER_UNDO }, done;
	struct ds_envelope e;
	int r = ds_envelope_get(of->row.bytes, of->row.size, &e);

	if (r == 0)
		r = ds_order_get(&e, &done);
	if (r == 0)
		r = ds_ulid_make(now_us, order.id);
	if (r == 0)
		r = next_counter(b, store, row->host, now_us, &order.counter);
	if (r < 0)
		return r;
	memcpy(order.host_id, done.host_id, sizeof(order.host_id));
	memcpy(order.target, done.id, sizeof(order.target));
	snprintf(order.reason, sizeof(order.reason), "undone by %.200s", who);
	snprintf(order.daemon, sizeof(order.daemon), "%s", row->daemon);
	return put_order(b, store, by, &order, row->id, row->host, now_us);
}

/* It never left, or was never to. */
static int
withdraw(const struct store_backend *b, struct store *store, struct reaction_row *row,
    const struct held_order *of, const char *who, uint64_t now_us)
{
	char result[RECORD_MAX];
	int r = of->row.id ? b->reactions->order_close(store, of->row.id) : 0;

	record_undo(result, row->result, who, "withdrawn before it was sent");
	row->result = result;
	row->status = "undone";
	row->updated_us = now_us;
	return r < 0 ? r : b->reactions->put(store, row);
}

static int
take_back(const struct store_backend *b, struct store *store, const struct issuer *by,
    struct reaction_row *row, const struct held_order *of, const char *who, uint64_t now_us)
{
	const struct react_kind *kind = react_kind_find(row->kind);
	char result[RECORD_MAX];
	int r;

	if (strcmp(row->status, "pending") == 0 && row->sent_us == 0)
		return withdraw(b, store, row, of, who, now_us);
	if (kind != NULL && kind->is_here) {
		record_undo(result, row->result, who, "");
		row->result = result;
		row->updated_us = now_us;
		r = b->reactions->put(store, row);
		return r < 0 ? r : 1;
	}
	if (of->row.id == NULL)
		return withdraw(b, store, row, of, who, now_us);
	if (kind == NULL || !kind->is_lasting)
		return -EOPNOTSUPP;
	/* It will not be done any more, should it not have come through yet. */
	r = b->reactions->order_close(store, of->row.id);
	if (r == 0)
		r = order_undo(b, store, by, row, of, who, now_us);
	if (r < 0)
		return r;
	record_undo(result, row->result, who, "");
	row->result = result;
	row->updated_us = now_us;
	r = b->reactions->put(store, row);
	return r < 0 ? r : 1;
}

int
issue_undo(const struct store_backend *b, struct store *store, const struct issuer *by,
    const char *id, const char *who, uint64_t now_us, uint32_t *ret_host)
{
	struct held_reaction h;
	struct held_order of = { 0 };
	char order_id[REACTION_ID_SIZE];
	uint8_t bytes[DS_ULID_SIZE];
	int r = held_reaction_get(b, store, id, &h);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_host = h.row.host;
	r = ds_ulid_parse("rct_", id, bytes);
	if (r == 0 && !is_one_of(h.row.status, "pending", "sent") &&
	    !is_one_of(h.row.status, "applied", "verified"))
		r = -EALREADY;
	if (r == 0) {
		order_name(bytes, order_id);
		r = held_order_get(b, store, order_id, &of);
	}
	if (r >= 0)
		r = take_back(b, store, by, &h.row, &of, who, now_us);
	held_order_done(&of);
	held_reaction_done(&h);
	return r;
}

int
issue_again(const struct store_backend *b, struct store *store, const struct issuer *by,
    const struct held_order *of, uint64_t floor, uint64_t now_us)
{
	struct ds_order order;
	struct ds_envelope e;
	int r = ds_envelope_get(of->row.bytes, of->row.size, &e);

	if (r == 0)
		r = ds_order_get(&e, &order);
	if (r == 0)
		r = next_counter(b, store, of->row.host, now_us, &order.counter);
	if (r < 0)
		return r;
	order.counter = DS_MAX(order.counter, floor + 1);
	r = put_order(b, store, by, &order, of->row.reaction_id, of->row.host, now_us);
	return r < 0 ? r : 1;
}
