/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_lists - lists by what is asked for, as one statement each: what SQLite can leave out is
 * not read.
 *
 * On any thread, with a reader of its own.
 */
#include "server/store/backends.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_control.h"
#include "server/store/sqlite_where.h"

#include <errno.h>

#define UUID(column)                                                                          \
	"lower(substr(hex(" column "), 1, 8) || '-' || substr(hex(" column "), 9, 4) || '-' " \
	"|| substr(hex(" column "), 13, 4) || '-' || substr(hex(" column "), 17, 4) || '-' "  \
	"|| substr(hex(" column "), 21))"
#define UUID_HAS "0123456789abcdef-"
#define OF_HOST  "host IN (SELECT number FROM host WHERE "

static const struct where_column host_columns[] = {
	{ .field = "host.name", .sql = "name" },
	{ .field = "host.id", .sql = UUID("id"), .only_has = UUID_HAS },
	{ .field = "status",
	    .sql = "CASE status WHEN 0 THEN 'pending' WHEN 1 THEN 'approved' ELSE 'revoked' END" },
	{ .field = "labels", .sql = "labels" },
	{ .field = "agent.version", .sql = "agent_version" },
	{ .field = "os", .sql = "os" },
	{ 0 },
};

static const struct where_column daemon_columns[] = {
	{ .field = "service.name", .sql = "name" },
	{ .field = "service.type", .sql = "role" },
	{ .field = "host.name", .sql = "name", .before = OF_HOST, .is_keyed = true },
	{ .field = "host.id", .sql = UUID("id"), .only_has = UUID_HAS, .before = OF_HOST },
	{ .field = "state", .sql = "CASE WHEN gone THEN 'gone' ELSE state END" },
	{ .field = "process.executable", .sql = "exe" },
	{ .field = "package.name", .sql = "package" },
	{ .field = "package.version", .sql = "package_version" },
	{ 0 },
};

static const struct where_column alert_columns[] = {
	{ .field = "id", .sql = "id", .is_keyed = true },
	{ .field = "title", .sql = "title" },
	{ .field = "reason", .sql = "reason" },
	{ .field = "kind", .sql = "kind", .is_word = true, .is_keyed = true },
	{ .field = "severity", .sql = "severity", .is_word = true, .is_keyed = true },
	{ .field = "status", .sql = "status", .is_word = true, .is_keyed = true },
	{ .field = "assignee", .sql = "assignee" },
	{ .field = "host.name", .sql = "name", .before = OF_HOST, .is_keyed = true },
	{ .field = "host.id", .sql = UUID("id"), .only_has = UUID_HAS, .before = OF_HOST },
	{ .field = "service.name", .sql = "daemon" },
	{ .field = "score", .sql = "max(score, 0)", .is_number = true },
	{ .field = "count", .sql = "count", .is_number = true },
	{ .field = "created", .sql = "created_us", .is_number = true },
	{ .field = "updated", .sql = "updated_us", .is_number = true },
	{ .field = "first_seen", .sql = "first_us", .is_number = true },
	{ .field = "last_seen", .sql = "last_us", .is_number = true },
	{ 0 },
};

/* Prepared for one use, *ret NULL when SQLite says no: then db->last says why. */
static int
prepare(struct db *db, const struct where *w, sqlite3_stmt **ret)
{
	if (sqlite3_prepare_v2(db->handle, (const char *)w->sql.data, (int)w->sql.len, ret, NULL) ==
		SQLITE_OK &&
	    where_bind(w, *ret))
		return 0;
	db->last = sqlite3_extended_errcode(db->handle);
	return db_error(db);
}

static int
prepare_numbered(struct db *db, struct where *w, const char *select, const struct list_filter *f,
    sqlite3_stmt **ret)
{
	int r = where_put(w, select);

	*ret = NULL;
	if (r == 0)
		r = where_put_number(w, f->after);
	if (r == 0)
		r = where_put_filter(w, f);
	if (r == 0)
		r = where_put(w, " ORDER BY number");
	return r < 0 ? r : prepare(db, w, ret);
}

static int
hosts(struct reader *r, const struct list_filter *f,
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	struct where w;
	sqlite3_stmt *st;
	int result;

	where_init(&w, host_columns);
	result = prepare_numbered(
	    &r->control, &w, "SELECT " HOST_COLUMNS " FROM host WHERE number > ", f, &st);
	if (result == 0)
		result = control_give_hosts(r, st, call, ctx);
	sqlite3_finalize(st);
	where_done(&w);
	return result;
}

static int
daemons(struct reader *r, const struct list_filter *f,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	struct where w;
	sqlite3_stmt *st;
	int result;

	where_init(&w, daemon_columns);
	result = prepare_numbered(
	    &r->control, &w, "SELECT " DAEMON_COLUMNS " FROM daemon WHERE number > ", f, &st);
	if (result == 0)
		result = control_give_daemons(r, st, call, ctx);
	sqlite3_finalize(st);
	where_done(&w);
	return result;
}

static int
prepare_alerts(struct db *db, struct where *w, const struct list_filter *f, sqlite3_stmt **ret)
{
	int r = where_put(w, "SELECT " ALERT_COLUMNS " FROM alert WHERE ");

	*ret = NULL;
	if (r == 0)
		r = where_put(w, f->before_id != NULL ? "id < " : "1");
	if (r == 0 && f->before_id != NULL)
		r = where_put_text(w, f->before_id);
	if (r == 0)
		r = where_put_filter(w, f);
	if (r == 0)
		r = where_put(w, " ORDER BY id DESC");
	return r < 0 ? r : prepare(db, w, ret);
}

static int
alerts(struct reader *r, const struct list_filter *f,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	struct where w;
	sqlite3_stmt *st;
	int result;

	where_init(&w, alert_columns);
	result = prepare_alerts(&r->control, &w, f, &st);
	if (result == 0)
		result = control_give_alerts(r, st, call, ctx);
	sqlite3_finalize(st);
	where_done(&w);
	return result;
}

const struct store_lists store_sqlite_lists = { hosts, daemons, alerts };
