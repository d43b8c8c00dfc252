/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_learning - expectations, deployments and rules in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#define EXPECTATION_COLUMNS                                                                           \
	"number, scope, host, label, class, kind, key, alert_id, verdict, by_whom, note, created_us," \
	" expires_us, undone_us, undone_by"
#define DEPLOYMENT_COLUMNS \
	"number, daemon, host, label, by_whom, note, begun_us, until_us, ended_us"
#define RULE_COLUMNS "id, title, source, json, by_whom, created_us"

static const char expectation_add[] =
    "INSERT INTO expectation(scope, host, label, class, kind, key, alert_id, verdict, by_whom, note,"
    " created_us, expires_us, undone_us, undone_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')";
static const char expectation_end[] =
    "UPDATE expectation SET undone_us = ?, undone_by = ? WHERE number = ? AND undone_us = 0";
static const char expectations[] =
    "SELECT " EXPECTATION_COLUMNS " FROM expectation ORDER BY number DESC";
static const char deployment_add[] =
    "INSERT INTO deployment(daemon, host, label, by_whom, note, begun_us, until_us, ended_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 0)";
static const char deployment_over[] =
    "UPDATE deployment SET ended_us = ?1 WHERE number = ?2 AND ended_us = 0 AND until_us > ?1";
static const char deployments[] =
    "SELECT " DEPLOYMENT_COLUMNS " FROM deployment ORDER BY number DESC";
static const char rule_put_sql[] =
    "INSERT OR REPLACE INTO rule(" RULE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)";
static const char rule_delete_sql[] = "DELETE FROM rule WHERE id = ?";
static const char rules[] = "SELECT " RULE_COLUMNS " FROM rule ORDER BY id";

/* 1 when a row was changed, 0, -errno. */
static int
changed(struct store *s, int r)
{
	return r < 0 ? r : sqlite3_changes(s->control.handle) > 0;
}

static int
expectation_put(struct store *s, struct expectation_row *row)
{
	int r = db_do(&s->control, expectation_add, "tuttibttttuu", row->scope, (uint64_t)row->host,
	    row->label, row->class, (int)row->kind, row->key, row->key_size, row->alert_id,
	    row->verdict, row->by, row->note, row->created_us, row->expires_us);

	if (r >= 0)
		row->number = (uint64_t)sqlite3_last_insert_rowid(s->control.handle);
	return r;
}

static int
expectation_undo(struct store *s, uint64_t number, const char *by, uint64_t now_us)
{
	return changed(s, db_do(&s->control, expectation_end, "utu", now_us, by, number));
}

static int
deployment_put(struct store *s, struct deployment_row *row)
{
	int r = db_do(&s->control, deployment_add, "tutttuu", row->daemon, (uint64_t)row->host,
	    row->label, row->by, row->note, row->begun_us, row->until_us);

	if (r >= 0)
		row->number = (uint64_t)sqlite3_last_insert_rowid(s->control.handle);
	return r;
}

static int
deployment_end(struct store *s, uint64_t number, uint64_t now_us)
{
	return changed(s, db_do(&s->control, deployment_over, "uu", now_us, number));
}

static int
rule_put(struct store *s, const struct rule_row *row)
{
	return db_do(&s->control, rule_put_sql, "tttttu", row->id, row->title, row->source,
	    row->json, row->by, row->created_us);
}

static int
rule_delete(struct store *s, const char *id)
{
	return changed(s, db_do(&s->control, rule_delete_sql, "t", id));
}

static int
each_expectation(struct reader *reader, expectation_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&reader->control, expectations, "");
	int r = 0;

	while (db_next(&reader->control, st, &r)) {
		const struct expectation_row row = {
			.number = db_u64(st, 0),
			.scope = db_text(st, 1),
			.host = (uint32_t)db_u64(st, 2),
			.label = db_text(st, 3),
			.class = db_text(st, 4),
			.kind = (uint8_t)sqlite3_column_int(st, 5),
			.key = sqlite3_column_blob(st, 6),
			.key_size = (size_t)sqlite3_column_bytes(st, 6),
			.alert_id = db_text(st, 7),
			.verdict = db_text(st, 8),
			.by = db_text(st, 9),
			.note = db_text(st, 10),
			.created_us = db_u64(st, 11),
			.expires_us = db_u64(st, 12),
			.undone_us = db_u64(st, 13),
			.undone_by = db_text(st, 14),
		};

		r = call(&row, ctx);
	}
	return r;
}

static int
each_deployment(struct reader *reader, deployment_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&reader->control, deployments, "");
	int r = 0;

	while (db_next(&reader->control, st, &r)) {
		const struct deployment_row row = {
			.number = db_u64(st, 0),
			.daemon = db_text(st, 1),
			.host = (uint32_t)db_u64(st, 2),
			.label = db_text(st, 3),
			.by = db_text(st, 4),
			.note = db_text(st, 5),
			.begun_us = db_u64(st, 6),
			.until_us = db_u64(st, 7),
			.ended_us = db_u64(st, 8),
		};

		r = call(&row, ctx);
	}
	return r;
}

static int
each_rule(struct reader *reader, rule_call call, void *ctx)
{
	sqlite3_stmt *st = db_query(&reader->control, rules, "");
	int r = 0;

	while (db_next(&reader->control, st, &r)) {
		const struct rule_row row = {
			.id = db_text(st, 0),
			.title = db_text(st, 1),
			.source = db_text(st, 2),
			.json = db_text(st, 3),
			.by = db_text(st, 4),
			.created_us = db_u64(st, 5),
		};

		r = call(&row, ctx);
	}
	return r;
}

const struct store_learning store_sqlite_learning = {
	.expectation_put = expectation_put,
	.expectation_undo = expectation_undo,
	.deployment_put = deployment_put,
	.deployment_end = deployment_end,
	.rule_put = rule_put,
	.rule_delete = rule_delete,
	.each_expectation = each_expectation,
	.each_deployment = each_deployment,
	.each_rule = each_rule,
};
