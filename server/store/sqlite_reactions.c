/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_reactions - reactions, orders and modes in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>

#define REACTION_COLUMNS                                                                       \
	"id, kind, host, daemon, alert_id, target, args, mode, status, rule, reason, by_whom," \
	" approved_by, created_us, updated_us, sent_us, applied_us, expires_us, result, principal"
#define ORDER_COLUMNS "id, reaction_id, host, undo, counter, created_us, expires_us, closed, bytes"
/* Of the same thing on a host (0: any). */
#define SAME_TARGET "target = ?1 AND kind = ?2 AND (?3 = 0 OR host = ?3)"

/* Not REPLACE: that is no update to a trigger. */
static const char reaction_put[] =
    "INSERT INTO reaction(" REACTION_COLUMNS ")"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
    " kind = excluded.kind, host = excluded.host, daemon = excluded.daemon,"
    " alert_id = excluded.alert_id, target = excluded.target, args = excluded.args,"
    " mode = excluded.mode, status = excluded.status, rule = excluded.rule,"
    " reason = excluded.reason, by_whom = excluded.by_whom, approved_by = excluded.approved_by,"
    " created_us = excluded.created_us, updated_us = excluded.updated_us,"
    " sent_us = excluded.sent_us, applied_us = excluded.applied_us,"
    " expires_us = excluded.expires_us, result = excluded.result";
static const char reaction_get[] = "SELECT " REACTION_COLUMNS " FROM reaction WHERE id = ?";
static const char reaction_times[] = "SELECT count(*) FROM reaction WHERE " SAME_TARGET
				     " AND created_us >= ?4 AND status <> 'failed'";
/* Waits, is in effect, or was done a moment ago. */
static const char reaction_open_times[] =
    "SELECT count(*) FROM reaction WHERE " SAME_TARGET
    " AND (status IN ('pending', 'sent') OR (status IN ('applied', 'verified')"
    " AND (expires_us > ?4 OR (expires_us = 0 AND updated_us > ?4 - 60000000))))";
static const char reaction_latest[] =
    "SELECT " REACTION_COLUMNS " FROM reaction WHERE target = ?1 AND kind = ?2 AND mode = ?3"
    " AND created_us >= ?4 AND status <> 'failed' AND rule <> ''"
    " AND result NOT LIKE '%\"undo_by\"%' ORDER BY created_us DESC LIMIT 1";
static const char reaction_taken_back[] =
    "SELECT count(*) FROM reaction WHERE target = ?1 AND kind = ?2 AND updated_us >= ?3"
    " AND result LIKE '%\"undo_by\"%'";
/* What still waits is never forgotten; what is in effect only long after its lifetime. */
/* Answers to questions, and who is spared, are many: a day is enough of them. */
static const char reaction_prune[] =
    "DELETE FROM reaction WHERE id IN (SELECT id FROM reaction WHERE"
    " (updated_us < ?1 OR (kind IN ('answer', 'spare') AND updated_us < ?1 + 89 * 86400000000))"
    " AND expires_us < ?1 AND status NOT IN ('pending', 'sent') ORDER BY id LIMIT ?2)";
static const char reaction_count[] =
    "SELECT ifnull(sum(n), 0), ifnull(sum(n) FILTER (WHERE state LIKE 'dry_run%'), 0),"
    " ifnull(sum(n) FILTER (WHERE state LIKE 'pending%' OR state LIKE 'sent%'), 0),"
    " ifnull(sum(n) FILTER (WHERE state IN ('applied lasting', 'verified lasting')), 0),"
    " ifnull(sum(n) FILTER (WHERE state LIKE 'failed%'), 0),"
    " ifnull(sum(n) FILTER (WHERE state LIKE 'expired%'), 0),"
    " ifnull(sum(n) FILTER (WHERE state LIKE 'undone%'), 0) FROM tally WHERE what = 'reaction'";
/* What is said first is what an index begins with; the rest is looked at row by row. */
#define LIST_OF(first)                                                                      \
	"SELECT " REACTION_COLUMNS " FROM reaction WHERE " first                            \
	" AND (?1 = '' OR +status = ?1) AND (?3 = 0 OR +host = ?3)"                         \
	" AND created_us >= ?4 AND (?6 = '' OR +kind = ?6) AND (?7 = '' OR +alert_id = ?7)" \
	" AND id < ?2 ORDER BY id DESC LIMIT ?5"
static const char reactions[] = LIST_OF("1");
static const char reactions_of_alert[] = LIST_OF("alert_id = ?7");
static const char reactions_of_host[] = LIST_OF("host = ?3");
static const char reactions_of_status[] = LIST_OF("status = ?1");
static const char reactions_over[] =
    "SELECT " REACTION_COLUMNS
    " FROM reaction WHERE status IN ('applied', 'verified') AND expires_us > 0"
    " AND expires_us < ? LIMIT 1000";
static const char order_put_sql[] = "INSERT OR REPLACE INTO signed_order(" ORDER_COLUMNS ")"
				    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char order_get[] = "SELECT " ORDER_COLUMNS " FROM signed_order WHERE id = ?";
static const char order_closed[] = "UPDATE signed_order SET closed = 1 WHERE id = ?";
static const char order_counter[] = "SELECT max(counter) FROM signed_order WHERE host = ?";
static const char order_prune[] =
    "DELETE FROM signed_order WHERE id IN (SELECT id FROM signed_order"
    " WHERE closed AND created_us < ?1 ORDER BY id LIMIT ?2)";
static const char orders[] =
    "SELECT " ORDER_COLUMNS " FROM signed_order WHERE NOT closed ORDER BY host, counter";
static const char orders_of_host[] =
    "SELECT " ORDER_COLUMNS " FROM signed_order WHERE NOT closed AND host = ? ORDER BY counter";
static const char mode_put_sql[] =
    "INSERT OR REPLACE INTO mode(host, label, daemon, mode, by_whom, set_us)"
    " VALUES (?, ?, ?, ?, ?, ?)";
static const char mode_delete[] = "DELETE FROM mode WHERE host = ? AND label = ? AND daemon = ?";
static const char modes[] = "SELECT host, label, daemon, mode, by_whom, set_us FROM mode"
			    " ORDER BY host, label, daemon";

static int
put(struct store *s, const struct reaction_row *row)
{
	return db_do(&s->control, reaction_put, "ttuttttttttttuuuuutt", row->id, row->kind,
	    (uint64_t)row->host, row->daemon, row->alert_id, row->target, row->args, row->mode,
	    row->status, row->rule, row->reason, row->by, row->approved_by, row->created_us,
	    row->updated_us, row->sent_us, row->applied_us, row->expires_us,
	    row->result ? row->result : "{}", row->principal ? row->principal : "");
}

static void
read_reaction(sqlite3_stmt *st, struct reaction_row *ret)
{
	*ret = (struct reaction_row){
		.id = db_text(st, 0),
		.kind = db_text(st, 1),
		.host = (uint32_t)db_u64(st, 2),
		.daemon = db_text(st, 3),
		.alert_id = db_text(st, 4),
		.target = db_text(st, 5),
		.args = db_text(st, 6),
		.mode = db_text(st, 7),
		.status = db_text(st, 8),
		.rule = db_text(st, 9),
		.reason = db_text(st, 10),
		.by = db_text(st, 11),
		.approved_by = db_text(st, 12),
		.created_us = db_u64(st, 13),
		.updated_us = db_u64(st, 14),
		.sent_us = db_u64(st, 15),
		.applied_us = db_u64(st, 16),
		.expires_us = db_u64(st, 17),
		.result = db_text(st, 18),
		.principal = db_text(st, 19),
	};
}

static void
read_order(sqlite3_stmt *st, struct order_row *ret)
{
	*ret = (struct order_row){
		.id = db_text(st, 0),
		.reaction_id = db_text(st, 1),
		.host = (uint32_t)db_u64(st, 2),
		.undo = sqlite3_column_int(st, 3) != 0,
		.counter = db_u64(st, 4),
		.created_us = db_u64(st, 5),
		.expires_us = db_u64(st, 6),
		.closed = sqlite3_column_int(st, 7) != 0,
		.bytes = sqlite3_column_blob(st, 8),
		.size = (size_t)sqlite3_column_bytes(st, 8),
	};
}

/* 1 and the first row, or 0. */
static int
one_reaction(struct db *db, sqlite3_stmt *st, reaction_call call, void *ctx)
{
	struct reaction_row row;
	int r = db_step(db, st);

	if (r <= 0)
		return r;
	read_reaction(st, &row);
	r = call(&row, ctx);
	sqlite3_reset(st);
	return r < 0 ? r : 1;
}

static int
all_reactions(struct db *db, sqlite3_stmt *st, reaction_call call, void *ctx)
{
	struct reaction_row row;
	int r = 0;

	while (db_next(db, st, &r)) {
		read_reaction(st, &row);
		r = call(&row, ctx);
	}
	return r;
}

/* The first number of the first row; 0 when there is none. */
static int
one_number(struct db *db, sqlite3_stmt *st, uint64_t *ret)
{
	int r = db_step(db, st);

	if (r < 0)
		return r;
	*ret = r > 0 ? db_u64(st, 0) : 0;
	if (r > 0)
		sqlite3_reset(st);
	return 0;
}

static int
held(struct store *s, const char *id, reaction_call call, void *ctx)
{
	return one_reaction(&s->control, db_query(&s->control, reaction_get, "t", id), call, ctx);
}

static int
times(struct store *s, uint32_t host, const char *kind, const char *target, uint64_t since_us,
    bool open, uint64_t now_us, uint64_t *ret)
{
	struct db *db = &s->control;
	sqlite3_stmt *st =
	    open ? db_query(db, reaction_open_times, "ttuu", target, kind, (uint64_t)host, now_us)
		 : db_query(db, reaction_times, "ttuu", target, kind, (uint64_t)host, since_us);

	return one_number(db, st, ret);
}

static int
latest(struct store *s, const char *kind, const char *target, const char *mode, uint64_t since_us,
    reaction_call call, void *ctx)
{
	return one_reaction(&s->control,
	    db_query(&s->control, reaction_latest, "tttu", target, kind, mode, since_us), call,
	    ctx);
}

static int
taken_back(struct store *s, const char *kind, const char *target, uint64_t since_us, uint64_t *ret)
{
	return one_number(&s->control,
	    db_query(&s->control, reaction_taken_back, "ttu", target, kind, since_us), ret);
}

static int
order_put(struct store *s, const struct order_row *row)
{
	return db_do(&s->control, order_put_sql, "ttuiuuuib", row->id, row->reaction_id,
	    (uint64_t)row->host, (int)row->undo, row->counter, row->created_us, row->expires_us,
	    (int)row->closed, row->bytes, row->size);
}

static int
order_held(struct store *s, const char *id, order_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&s->control, order_get, "t", id);
	struct order_row row;
	int r = db_step(&s->control, st);

	if (r <= 0)
		return r;
	read_order(st, &row);
	r = call(&row, ctx);
	sqlite3_reset(st);
	return r < 0 ? r : 1;
}

static int
order_close(struct store *s, const char *id)
{
	return db_do(&s->control, order_closed, "t", id);
}

static int
last_counter(struct store *s, uint32_t host, uint64_t *ret)
{
	return one_number(
	    &s->control, db_query(&s->control, order_counter, "u", (uint64_t)host), ret);
}

static int
mode_put(struct store *s, const struct mode_row *row)
{
	if (!row->mode[0])
		return db_do(
		    &s->control, mode_delete, "utt", (uint64_t)row->host, row->label, row->daemon);
	return db_do(&s->control, mode_put_sql, "uttttu", (uint64_t)row->host, row->label,
	    row->daemon, row->mode, row->by, row->set_us);
}

static int
prune(struct store *s, uint64_t before_us, unsigned limit)
{
	int r = db_do(&s->control, reaction_prune, "uu", before_us, (uint64_t)limit), n;

	if (r < 0)
		return r;
	n = sqlite3_changes(s->control.handle);
	r = db_do(&s->control, order_prune, "uu", before_us, (uint64_t)limit);
	return r < 0 ? r : n;
}

static int
each(struct reader *r, const struct reaction_filter *f, reaction_call call, void *ctx)
{
	bool has_status = f->status != NULL && f->status[0];
	const char *sql = f->alert_id != NULL ? reactions_of_alert
			  : f->host != 0      ? reactions_of_host
			  : has_status        ? reactions_of_status
					      : reactions;
	/* Above every id. */
	const char *before = f->before_id != NULL && f->before_id[0] ? f->before_id : "~";
	sqlite3_stmt *st =
	    db_query(&r->control, sql, "ttuuutt", f->status, before, (uint64_t)f->host, f->since_us,
		(uint64_t)(f->limit ? f->limit : INT64_MAX), f->kind, f->alert_id);

	return all_reactions(&r->control, st, call, ctx);
}

static int
get(struct reader *r, const char *id, reaction_call call, void *ctx)
{
	return one_reaction(&r->control, db_query(&r->control, reaction_get, "t", id), call, ctx);
}

static int
count(struct reader *r, struct reaction_counts *ret)
{
	sqlite3_stmt *st = db_query(&r->control, reaction_count, "");
	int result = db_step(&r->control, st);

	if (result < 0)
		return result;
	*ret = (struct reaction_counts){ 0 };
	if (result == 0)
		return 0;
	*ret = (struct reaction_counts){
		.total = db_u64(st, 0),
		.dry_run = db_u64(st, 1),
		.waiting = db_u64(st, 2),
		.in_effect = db_u64(st, 3),
		.failed = db_u64(st, 4),
		.expired = db_u64(st, 5),
		.undone = db_u64(st, 6),
	};
	sqlite3_reset(st);
	return 0;
}

static int
each_open(struct reader *r, uint32_t host, order_call call, void *ctx)
{
	struct db *db = &r->control;
	sqlite3_stmt *st =
	    host ? db_query(db, orders_of_host, "u", (uint64_t)host) : db_query(db, orders, "");
	struct order_row row;
	int result = 0;

	while (db_next(db, st, &result)) {
		read_order(st, &row);
		result = call(&row, ctx);
	}
	return result;
}

static int
each_over(struct reader *r, uint64_t before_us, reaction_call call, void *ctx)
{
	return all_reactions(
	    &r->control, db_query(&r->control, reactions_over, "u", before_us), call, ctx);
}

static int
each_mode(struct reader *r, mode_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&r->control, modes, "");
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		const struct mode_row row = {
			.host = (uint32_t)db_u64(st, 0),
			.label = db_text(st, 1),
			.daemon = db_text(st, 2),
			.mode = db_text(st, 3),
			.by = db_text(st, 4),
			.set_us = db_u64(st, 5),
		};

		result = call(&row, ctx);
	}
	return result;
}

const struct store_reactions store_sqlite_reactions = {
	.put = put,
	.held = held,
	.times = times,
	.latest = latest,
	.taken_back = taken_back,
	.order_put = order_put,
	.order_held = order_held,
	.order_close = order_close,
	.last_counter = last_counter,
	.mode_put = mode_put,
	.prune = prune,
	.each = each,
	.get = get,
	.count = count,
	.each_open = each_open,
	.each_over = each_over,
	.each_mode = each_mode,
};
