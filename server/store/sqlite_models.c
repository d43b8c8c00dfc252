/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_models - models, jobs and what is forgotten, in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <stdio.h>

#define MODEL_COLUMNS                                                                       \
	"id, daemon, version, state, created_us, data_from_us, data_to_us, windows, hosts," \
	" coverage, checksum, chain, job, note, length(bytes)"
#define JOB_COLUMNS "id, kind, state, created_us, updated_us, done, total, message, result, by_whom"

static int
last(struct store *s, const char *daemon, uint64_t *ret_version, char *ret_chain, size_t size)
{
	sqlite3_stmt *st = db_query(&s->control,
	    "SELECT version, chain FROM model WHERE daemon = ? ORDER BY version DESC LIMIT 1", "t",
	    daemon);
	int r = db_step(&s->control, st);

	*ret_version = 0;
	snprintf(ret_chain, size, "%s", "");
	if (r <= 0)
		return r;
	*ret_version = db_u64(st, 0);
	snprintf(ret_chain, size, "%s", db_text(st, 1));
	sqlite3_reset(st);
	return 0;
}

static int
put(struct store *s, const struct model_row *row)
{
	return db_do(&s->control,
	    "INSERT INTO model(id, daemon, version, state, created_us, data_from_us, data_to_us,"
	    " windows, hosts, coverage, checksum, chain, job, note, bytes)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "ttutuuuuudttttb", row->id, row->daemon, row->version, row->state, row->created_us,
	    row->data_from_us, row->data_to_us, row->windows, row->hosts, row->coverage,
	    row->checksum, row->chain, row->job, row->note, row->bytes, row->size);
}

static int
activate(struct store *s, const char *id)
{
	int r = db_do(&s->control,
	    "UPDATE model SET state = 'retired' WHERE state = 'active' AND id <> ?1"
	    " AND daemon = (SELECT daemon FROM model WHERE id = ?1)",
	    "t", id);

	if (r < 0)
		return r;
	r = db_do(&s->control, "UPDATE model SET state = 'active' WHERE id = ?", "t", id);
	return r < 0 ? r : sqlite3_changes(s->control.handle) > 0 ? 0 : -ENOENT;
}

static int
prune(struct store *s, const char *daemon, unsigned keep)
{
	return db_do(&s->control,
	    "DELETE FROM model WHERE daemon = ?1 AND state <> 'active' AND version <="
	    " (SELECT max(version) FROM model WHERE daemon = ?1) - ?2",
	    "tu", daemon, (uint64_t)keep);
}

static int
drop(struct store *s, const char *daemon)
{
	return daemon ? db_do(&s->control, "DELETE FROM model WHERE daemon = ?", "t", daemon)
		      : db_do(&s->control, "DELETE FROM model", "");
}

static int
job_put(struct store *s, const struct job_row *row)
{
	return db_do(&s->control,
	    "INSERT INTO job(" JOB_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT(id) DO UPDATE SET state = excluded.state, updated_us = excluded.updated_us,"
	    " done = excluded.done, total = excluded.total, message = excluded.message,"
	    " result = excluded.result",
	    "tttuuuuttt", row->id, row->kind, row->state, row->created_us, row->updated_us,
	    row->done, row->total, row->message, row->result ? row->result : "{}", row->by);
}

static int
jobs_interrupted(struct store *s, uint64_t now_us)
{
	int r = db_do(&s->control,
	    "UPDATE job SET state = 'interrupted', updated_us = ?, message ="
	    " 'the server was stopped; nothing was changed' WHERE state = 'running'",
	    "u", now_us);

	if (r < 0)
		return r;
	return db_do(&s->control,
	    "DELETE FROM job WHERE id NOT IN (SELECT id FROM job ORDER BY id DESC LIMIT 1000)", "");
}

static int
forget(struct store *s, const struct forgotten_row *row)
{
	return db_do(&s->control,
	    "INSERT OR REPLACE INTO forgotten(host, from_us, to_us, at_us, by_whom)"
	    " VALUES (?, ?, ?, ?, ?)",
	    "uuuut", (uint64_t)row->host, row->from_us, row->to_us, row->at_us, row->by);
}

static int
forget_keys(struct store *s, uint32_t host, uint64_t from_us, uint64_t to_us)
{
	int r = db_do(&s->control,
	    "DELETE FROM profile WHERE host = ?1 AND first_us >= ?2 AND last_us < ?3", "uuu",
	    (uint64_t)host, from_us, to_us);

	if (r < 0)
		return r;
	return db_do(&s->control,
	    "DELETE FROM attack_window WHERE host = ?1 AND minute >= ?2 AND minute < ?3", "uuu",
	    (uint64_t)host, from_us / 60000000, to_us / 60000000);
}

static int
attack_put(struct store *s, const struct attack_row *row)
{
	return db_do(&s->control,
	    "INSERT OR IGNORE INTO attack_window(daemon, host, minute, alert_id, vector)"
	    " VALUES (?, ?, ?, ?, ?)",
	    "tuutb", row->daemon, (uint64_t)row->host, row->minute, row->alert_id, row->vector,
	    row->size);
}

/* ---- reading */

static void
read_model(sqlite3_stmt *st, struct model_row *ret)
{
	*ret = (struct model_row){
		.id = db_text(st, 0),
		.daemon = db_text(st, 1),
		.version = db_u64(st, 2),
		.state = db_text(st, 3),
		.created_us = db_u64(st, 4),
		.data_from_us = db_u64(st, 5),
		.data_to_us = db_u64(st, 6),
		.windows = db_u64(st, 7),
		.hosts = db_u64(st, 8),
		.coverage = sqlite3_column_double(st, 9),
		.checksum = db_text(st, 10),
		.chain = db_text(st, 11),
		.job = db_text(st, 12),
		.note = db_text(st, 13),
		.size = (size_t)db_u64(st, 14),
	};
	if (sqlite3_column_count(st) > 15)
		ret->bytes = sqlite3_column_blob(st, 15);
}

static int
all_models(struct db *db, sqlite3_stmt *st, model_call call, void *ctx)
{
	struct model_row row;
	int r = 0;

	while (db_next(db, st, &r)) {
		read_model(st, &row);
		r = call(&row, ctx);
	}
	return r;
}

static int
each(struct reader *r, const char *daemon, model_call call, void *ctx)
{
	struct db *db = &r->control;

	return all_models(db,
	    db_query(db,
		"SELECT " MODEL_COLUMNS " FROM model WHERE ?1 = '' OR daemon = ?1"
		" ORDER BY created_us DESC, daemon, version DESC",
		"t", daemon),
	    call, ctx);
}

static int
each_active(struct reader *r, model_call call, void *ctx)
{
	struct db *db = &r->control;

	return all_models(db,
	    db_query(db, "SELECT " MODEL_COLUMNS ", bytes FROM model WHERE state = 'active'", ""),
	    call, ctx);
}

static int
get(struct reader *r, const char *id, model_call call, void *ctx)
{
	struct db *db = &r->control;
	sqlite3_stmt *st =
	    db_query(db, "SELECT " MODEL_COLUMNS ", bytes FROM model WHERE id = ?", "t", id);
	struct model_row row;
	int result = db_step(db, st);

	if (result <= 0)
		return result;
	read_model(st, &row);
	result = call(&row, ctx);
	sqlite3_reset(st);
	return result < 0 ? result : 1;
}

static void
read_job(sqlite3_stmt *st, struct job_row *ret)
{
	*ret = (struct job_row){
		.id = db_text(st, 0),
		.kind = db_text(st, 1),
		.state = db_text(st, 2),
		.created_us = db_u64(st, 3),
		.updated_us = db_u64(st, 4),
		.done = db_u64(st, 5),
		.total = db_u64(st, 6),
		.message = db_text(st, 7),
		.result = db_text(st, 8),
		.by = db_text(st, 9),
	};
}

static int
each_job(struct reader *r, job_call call, void *ctx)
{
	sqlite3_stmt *st =
	    db_query(&r->control, "SELECT " JOB_COLUMNS " FROM job ORDER BY id DESC LIMIT 100", "");
	struct job_row row;
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		read_job(st, &row);
		result = call(&row, ctx);
	}
	return result;
}

static int
job_get(struct reader *r, const char *id, job_call call, void *ctx)
{
	sqlite3_stmt *st =
	    db_query(&r->control, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?", "t", id);
	struct job_row row;
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result;
	read_job(st, &row);
	result = call(&row, ctx);
	sqlite3_reset(st);
	return result < 0 ? result : 1;
}

static int
each_forgotten(struct reader *r, forgotten_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&r->control,
	    "SELECT host, from_us, to_us, at_us, by_whom FROM forgotten ORDER BY host, from_us",
	    "");
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		const struct forgotten_row row = { (uint32_t)db_u64(st, 0), db_u64(st, 1),
			db_u64(st, 2), db_u64(st, 3), db_text(st, 4) };

		result = call(&row, ctx);
	}
	return result;
}

static int
each_attack(struct reader *r, const char *daemon, attack_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&r->control,
	    "SELECT host, minute, alert_id, vector FROM attack_window WHERE daemon = ?"
	    " ORDER BY host, minute",
	    "t", daemon);
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		const struct attack_row row = { .daemon = daemon,
			.host = (uint32_t)db_u64(st, 0),
			.minute = db_u64(st, 1),
			.alert_id = db_text(st, 2),
			.vector = sqlite3_column_blob(st, 3),
			.size = (size_t)sqlite3_column_bytes(st, 3) };

		result = call(&row, ctx);
	}
	return result;
}

const struct store_models store_sqlite_models = {
	.last = last,
	.put = put,
	.activate = activate,
	.prune = prune,
	.drop = drop,
	.job_put = job_put,
	.jobs_interrupted = jobs_interrupted,
	.forget = forget,
	.forget_keys = forget_keys,
	.attack_put = attack_put,
	.each = each,
	.each_active = each_active,
	.get = get,
	.each_job = each_job,
	.job_get = job_get,
	.each_forgotten = each_forgotten,
	.each_attack = each_attack,
};
