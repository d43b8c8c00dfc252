/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_access - users, sessions and the audit log in control.db. */
#include "server/store/access.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <string.h>

static int
run_user_put(struct store *s, const struct user_row *row)
{
	/* Somebody may have signed in since the row was read: their code stays used. */
	static const char sql[] =
	    "INSERT INTO user(name, role, password, totp, totp_step, created_us, login_us, disabled,"
	    " must_change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET"
	    " role = excluded.role, password = excluded.password, totp = excluded.totp,"
	    " totp_step = CASE WHEN totp = excluded.totp THEN max(totp_step, excluded.totp_step)"
	    " ELSE excluded.totp_step END,"
	    " login_us = max(login_us, excluded.login_us), disabled = excluded.disabled,"
	    " must_change = excluded.must_change";

	return db_do(&s->control, sql, "tttbuuuii", row->name, row->role, row->password, row->totp,
	    row->has_totp ? (size_t)ACCESS_TOTP_SIZE : (size_t)0, row->totp_step, row->created_us,
	    row->login_us, (int)row->disabled, (int)row->must_change);
}

static int
run_user_login(struct store *s, const char *name, uint64_t login_us, uint64_t step)
{
	static const char sql[] =
	    "UPDATE user SET login_us = ?2, totp_step = max(totp_step, ?3)"
	    " WHERE name = ?1 AND disabled = 0 AND (?3 = 0 OR totp_step < ?3)";
	int r = db_do(&s->control, sql, "tuu", name, login_us, step);

	return r < 0 ? r : sqlite3_changes(s->control.handle) > 0;
}

static int
run_user_delete(struct store *s, const char *name)
{
	static const char sessions[] = "DELETE FROM session WHERE user = ?",
			  user[] = "DELETE FROM user WHERE name = ?";
	int r = db_do(&s->control, sessions, "t", name);

	return r < 0 ? r : db_do(&s->control, user, "t", name);
}

static int
run_session_put(struct store *s, const struct session_row *row)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO session(hash, user, created_us, expires_us, confirmed_us)"
	    " VALUES (?, ?, ?, ?, ?)";

	return db_do(&s->control, sql, "btuuu", row->hash, sizeof(row->hash), row->user,
	    row->created_us, row->expires_us, row->confirmed_us);
}

static int
run_session_delete(struct store *s, const uint8_t hash[ACCESS_HASH_SIZE])
{
	static const char sql[] = "DELETE FROM session WHERE hash = ?";

	return db_do(&s->control, sql, "b", hash, (size_t)ACCESS_HASH_SIZE);
}

static int
run_sessions_delete(struct store *s, const char *user, const uint8_t *but, uint64_t now_us)
{
	static const char expired[] = "DELETE FROM session WHERE expires_us <= ?",
			  others[] = "DELETE FROM session WHERE user = ? AND hash <> ?";

	if (user == NULL)
		return db_do(&s->control, expired, "u", now_us);
	return db_do(&s->control, others, "tb", user, but,
	    but != NULL ? (size_t)ACCESS_HASH_SIZE : (size_t)0);
}

static int
run_audit_add(struct store *s, struct audit_row *row, audit_chain *chain)
{
	static const char last[] = "SELECT * FROM (SELECT number, hash FROM audit ORDER BY number"
				   " DESC LIMIT 1) UNION ALL SELECT number, hash FROM audit_head"
				   " ORDER BY number DESC LIMIT 1",
			  head[] = "INSERT INTO audit_head(one, number, hash) VALUES (1, ?, ?)"
				   " ON CONFLICT(one) DO UPDATE SET number = excluded.number,"
				   " hash = excluded.hash",
			  add[] =
			      "INSERT INTO audit(number, time_us, actor, action, subject, detail,"
			      " hash) VALUES (?, ?, ?, ?, ?, ?, ?)";
	uint8_t before[ACCESS_HASH_SIZE] = { 0 };
	sqlite3_stmt *st = db_query(&s->control, last, "");
	int r = db_step(&s->control, st);

	if (r < 0)
		return r;
	row->number = 1;
	if (r > 0) {
		row->number = db_u64(st, 0) + 1;
		db_bytes(st, 1, before, sizeof(before));
		sqlite3_reset(st);
	}
	chain(before, row, row->hash);
	r = db_do(&s->control, head, "ub", row->number, row->hash, sizeof(row->hash));
	if (r < 0)
		return r;
	return db_do(&s->control, add, "uuttttb", row->number, row->time_us, row->actor,
	    row->action, row->subject, row->detail, row->hash, sizeof(row->hash));
}

static int
run_request_put(struct store *s, const struct request_row *row, uint64_t before_us)
{
	static const char old[] = "DELETE FROM request WHERE created_us < ?",
			  add[] = "INSERT OR REPLACE INTO request(key, hash, created_us)"
				  " VALUES (?, ?, ?)";
	int r = db_do(&s->control, old, "u", before_us);

	if (r < 0)
		return r;
	return db_do(&s->control, add, "bbu", row->key, sizeof(row->key), row->hash,
	    sizeof(row->hash), row->created_us);
}

/* ---- readers */

static int
read_request(struct reader *r, struct request_row *row)
{
	static const char sql[] = "SELECT hash, created_us FROM request WHERE key = ?";
	sqlite3_stmt *st = db_query(&r->control, sql, "b", row->key, sizeof(row->key));
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result;
	db_bytes(st, 0, row->hash, sizeof(row->hash));
	row->created_us = db_u64(st, 1);
	sqlite3_reset(st);
	return 1;
}

static int
read_users(struct reader *r, int (*call)(const struct user_row *row, void *ctx), void *ctx)
{
	static const char sql[] = "SELECT name, role, password, totp, totp_step, created_us,"
				  " login_us, disabled, must_change FROM user ORDER BY name";
	sqlite3_stmt *st = db_query(&r->control, sql, "");
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		struct user_row row = {
			.name = db_text(st, 0),
			.role = db_text(st, 1),
			.password = db_text(st, 2),
			.has_totp = sqlite3_column_bytes(st, 3) == ACCESS_TOTP_SIZE,
			.totp_step = db_u64(st, 4),
			.created_us = db_u64(st, 5),
			.login_us = db_u64(st, 6),
			.disabled = sqlite3_column_int(st, 7) != 0,
			.must_change = sqlite3_column_int(st, 8) != 0,
		};

		db_bytes(st, 3, row.totp, sizeof(row.totp));
		result = call(&row, ctx);
	}
	return result;
}

static int
read_sessions(struct reader *r, int (*call)(const struct session_row *row, void *ctx), void *ctx)
{
	static const char sql[] =
	    "SELECT hash, user, created_us, expires_us, confirmed_us FROM session"
	    " ORDER BY created_us DESC";
	sqlite3_stmt *st = db_query(&r->control, sql, "");
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		struct session_row row = {
			.user = db_text(st, 1),
			.created_us = db_u64(st, 2),
			.expires_us = db_u64(st, 3),
			.confirmed_us = db_u64(st, 4),
		};

		db_bytes(st, 0, row.hash, sizeof(row.hash));
		result = call(&row, ctx);
	}
	return result;
}

#define AUDIT_COLUMNS "number, time_us, actor, action, subject, detail, hash"

static int
read_audit(struct reader *r, bool newest_first, uint64_t from, unsigned limit,
    int (*call)(const struct audit_row *row, void *ctx), void *ctx)
{
	static const char down[] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE number < ?"
				   " ORDER BY number DESC LIMIT ?",
			  up[] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE number > ?"
				 " ORDER BY number LIMIT ?";
	uint64_t bound = newest_first && from == 0 ? INT64_MAX : from;
	sqlite3_stmt *st =
	    db_query(&r->control, newest_first ? down : up, "uu", bound, (uint64_t)limit);
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		struct audit_row row = {
			.number = db_u64(st, 0),
			.time_us = db_u64(st, 1),
			.actor = db_text(st, 2),
			.action = db_text(st, 3),
			.subject = db_text(st, 4),
			.detail = db_text(st, 5),
		};

		db_bytes(st, 6, row.hash, sizeof(row.hash));
		result = call(&row, ctx);
	}
	return result;
}

static int
read_audit_head(struct reader *r, struct audit_row *ret)
{
	static const char sql[] = "SELECT number, hash FROM audit_head";
	sqlite3_stmt *st = db_query(&r->control, sql, "");
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result;
	ret->number = db_u64(st, 0);
	db_bytes(st, 1, ret->hash, sizeof(ret->hash));
	sqlite3_reset(st);
	return 1;
}

const struct access_store access_sqlite = {
	.user_put = run_user_put,
	.user_login = run_user_login,
	.user_delete = run_user_delete,
	.session_put = run_session_put,
	.session_delete = run_session_delete,
	.sessions_delete = run_sessions_delete,
	.audit_add = run_audit_add,
	.request_put = run_request_put,
	.request_get = read_request,
	.each_user = read_users,
	.each_session = read_sessions,
	.each_audit = read_audit,
	.audit_head = read_audit_head,
};
