/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/store/sqlite_db.h"
#include "server/store/sqlite_schema.inc"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int
error_of(int code, int system_errno)
{
	if (code == SQLITE_IOERR_SHMSIZE || (code & 0xff) == SQLITE_FULL)
		return -ENOSPC;
	switch (code & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return -EINVAL;
	case SQLITE_TOOBIG:
		return -EFBIG;
	case SQLITE_CANTOPEN:
		return system_errno > 0 ? -system_errno : -ENOENT;
	default:
		return system_errno == ENOSPC || system_errno == EDQUOT ? -ENOSPC : -EIO;
	}
}

static int
fail(struct db *db)
{
	db->last = db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;
	return db_error(db);
}

int
db_error(struct db *db)
{
	int r = error_of(db->last, db->handle ? sqlite3_system_errno(db->handle) : 0);

	return r < 0 ? r : -EIO;
}

int
db_exec(struct db *db, const char *sql)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db);
}

void
db_try(struct db *db, const char *sql)
{
	(void)sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
}

static int
read_number(struct db *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st;
	int r;

	if (sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL) != SQLITE_OK)
		return fail(db);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	r = r == SQLITE_ROW ? 0 : fail(db);
	sqlite3_finalize(st);
	return r;
}

int
db_check(struct db *db, const char *table)
{
	char sql[80];
	sqlite3_stmt *st;
	int r = -EBADMSG;

	snprintf(sql, sizeof(sql), "PRAGMA quick_check('%s')", table);
	if (sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL) != SQLITE_OK)
		return fail(db);
	if (sqlite3_step(st) == SQLITE_ROW && strcmp(db_text(st, 0), "ok") == 0)
		r = 0;
	sqlite3_finalize(st);
	return r;
}

/* Steps are applied one by one, each in its own transaction together with its number. */
static int
migrate(struct db *db, enum db_plane plane, const char *path, char *ret_why, size_t why_size)
{
	const char *const *steps = plane == DB_CONTROL ? schema_control : schema_events;
	int64_t known = plane == DB_CONTROL ? (int64_t)DS_LEN(schema_control) - 1
					    : (int64_t)DS_LEN(schema_events) - 1;
	int64_t version;
	char pragma[64];
	int r = read_number(db, "PRAGMA user_version", &version);

	if (r < 0)
		return r;
	if (version > known) {
		snprintf(ret_why, why_size,
		    "%s was written by a newer version (schema %lld, this one knows %lld)", path,
		    (long long)version, (long long)known);
		return -EPROTONOSUPPORT;
	}
	for (int64_t i = version; i < known; i++) {
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %lld", (long long)i + 1);
		r = db_exec(db, "BEGIN IMMEDIATE");
		if (r == 0)
			r = db_exec(db, steps[i]);
		if (r == 0)
			r = db_exec(db, pragma);
		if (r == 0)
			r = db_exec(db, "COMMIT");
		if (r < 0) {
			db_try(db, "ROLLBACK"); /* may have happened already */
			return r;
		}
	}
	return 0;
}

/* A file that is no schema of ours yet cannot be read. */
static int
check_version(struct db *db, enum db_plane plane)
{
	int64_t known = plane == DB_CONTROL ? (int64_t)DS_LEN(schema_control) - 1
					    : (int64_t)DS_LEN(schema_events) - 1;
	int64_t version;
	int r = read_number(db, "PRAGMA user_version", &version);

	if (r < 0)
		return r;
	return version > known ? -EPROTONOSUPPORT : version < known ? -EAGAIN : 0;
}

static const char *const settings_events = "PRAGMA page_size = 8192;"
					   "PRAGMA auto_vacuum = INCREMENTAL;"
					   "PRAGMA journal_mode = WAL;"
					   "PRAGMA synchronous = FULL;"
					   "PRAGMA wal_autocheckpoint = 2000;"
					   "PRAGMA journal_size_limit = 67108864;"
					   "PRAGMA cache_size = -16384;";
/* Deleted tokens and hosts are overwritten: secure_delete stays as it is built in. */
static const char *const settings_control = "PRAGMA journal_mode = WAL;"
					    "PRAGMA synchronous = FULL;"
					    "PRAGMA foreign_keys = ON;"
					    "PRAGMA journal_size_limit = 67108864;"
					    "PRAGMA cache_size = -16384;";
static const char *const settings_all = "PRAGMA trusted_schema = OFF;"
					"PRAGMA temp_store = MEMORY;";
static const char *const settings_writer = "PRAGMA cell_size_check = ON;";
/* What is mapped is not cached: each look at a page would check all of its cells again, which costs
 * four fifths of a scan. */
static const char *const settings_reader = "PRAGMA cell_size_check = OFF;"
					   "PRAGMA mmap_size = 268435456;"
					   "PRAGMA cache_size = -2048;";

static int
configure(struct db *db, enum db_plane plane, bool read_only)
{
	int r;

	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = db_exec(db, settings_all);
	if (r == 0 && read_only)
		return db_exec(db, settings_reader);
	if (r == 0)
		r = db_exec(db, settings_writer);
	if (r == 0 && plane == DB_EVENTS)
		r = db_exec(db, "PRAGMA secure_delete = OFF");
	if (r == 0)
		r = db_exec(db, plane == DB_EVENTS ? settings_events : settings_control);
	return r;
}

int
db_open(struct db *db, const char *path, enum db_plane plane, const char *const *sql,
    bool read_only, char *ret_why, size_t why_size)
{
	int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	char ignored[1];
	int r;

	if (!ret_why) {
		ret_why = ignored;
		why_size = sizeof(ignored);
	}
	ret_why[0] = '\0';
	*db = (struct db){ .sql = sql };
	if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = fail(db);
	else
		r = configure(db, plane, read_only);
	if (r == 0)
		r = read_only ? check_version(db, plane)
			      : migrate(db, plane, path, ret_why, why_size);
	if (r < 0) {
		if (!ret_why[0])
			snprintf(ret_why, why_size, "%s: %s", path,
			    db->last ? sqlite3_errstr(db->last) : strerror(-r));
		db_close(db);
	}
	return r;
}

void
db_close(struct db *db)
{
	for (size_t i = 0; i < DS_LEN(db->statements); i++)
		sqlite3_finalize(db->statements[i]);
	for (size_t i = 0; i < DS_LEN(db->own); i++)
		sqlite3_finalize(db->own[i].st);
	sqlite3_close_v2(db->handle);
	*db = (struct db){ 0 };
}

static int
bind_one(sqlite3_stmt *st, int i, char type, va_list *args)
{
	const void *blob;
	const char *text;

	switch (type) {
	case 't':
	case 'n':
		text = va_arg(*args, const char *);
		if (!text && type == 'n')
			return sqlite3_bind_null(st, i);
		return sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_STATIC);
	case 'u':
		return sqlite3_bind_int64(st, i, (sqlite3_int64)va_arg(*args, uint64_t));
	case 'i':
		return sqlite3_bind_int(st, i, va_arg(*args, int));
	case 'd':
		return sqlite3_bind_double(st, i, va_arg(*args, double));
	case 'b':
		blob = va_arg(*args, const void *);
		return sqlite3_bind_blob64(
		    st, i, blob ? blob : "", va_arg(*args, size_t), SQLITE_STATIC);
	default:
		return SQLITE_MISUSE;
	}
}

static sqlite3_stmt *
bind_all(struct db *db, sqlite3_stmt *st, const char *types, va_list *args)
{
	int r = SQLITE_OK;

	sqlite3_reset(st);
	for (int i = 0; types[i] && r == SQLITE_OK; i++)
		r = bind_one(st, i + 1, types[i], args);
	if (r == SQLITE_OK)
		return st;
	(void)fail(db);
	return NULL;
}

static bool
prepare(struct db *db, const char *sql, sqlite3_stmt **st)
{
	if (*st != NULL)
		return true;
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) ==
	    SQLITE_OK)
		return true;
	(void)fail(db);
	return false;
}

sqlite3_stmt *
db_prepare(struct db *db, unsigned id, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list args;

	if (!prepare(db, db->sql[id], &db->statements[id]))
		return NULL;
	va_start(args, types);
	st = bind_all(db, db->statements[id], types, &args);
	va_end(args);
	return st;
}

sqlite3_stmt *
db_query(struct db *db, const char *sql, const char *types, ...)
{
	size_t at = ((uintptr_t)sql >> 3) * 0x9e3779b1u % DB_OWN_MAX;
	sqlite3_stmt *st;
	va_list args;

	/* There are far fewer texts in the program than places. */
	while (db->own[at].sql != NULL && db->own[at].sql != sql)
		at = (at + 1) % DB_OWN_MAX;
	db->own[at].sql = sql;
	if (!prepare(db, sql, &db->own[at].st))
		return NULL;
	va_start(args, types);
	st = bind_all(db, db->own[at].st, types, &args);
	va_end(args);
	return st;
}

int
db_step(struct db *db, sqlite3_stmt *st)
{
	int r;

	if (!st)
		return db_error(db);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		return 1;
	if (r != SQLITE_DONE) {
		r = fail(db);
		sqlite3_reset(st);
		return r;
	}
	sqlite3_reset(st);
	return 0;
}

bool
db_next(struct db *db, sqlite3_stmt *st, int *r)
{
	if (*r == 0) {
		int step = db_step(db, st);

		if (step > 0)
			return true;
		*r = step;
	} else if (st) {
		sqlite3_reset(st);
	}
	return false;
}

int
db_finish(struct db *db, sqlite3_stmt *st)
{
	int r;

	do
		r = db_step(db, st);
	while (r > 0);
	return r;
}

int
db_begin(struct db *db)
{
	return db_do(db, "BEGIN IMMEDIATE", "");
}

int
db_commit(struct db *db)
{
	return db_do(db, "COMMIT", "");
}

int
db_mark(struct db *db)
{
	return db_do(db, "SAVEPOINT one", "");
}

int
db_unmark(struct db *db, bool keep)
{
	int r = keep ? 0 : db_do(db, "ROLLBACK TO one", "");

	return r < 0 ? r : db_do(db, "RELEASE one", "");
}

const char *
db_text(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text ? text : "";
}

uint64_t
db_u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

void
db_bytes(sqlite3_stmt *st, int column, void *ret, size_t size)
{
	const void *blob = sqlite3_column_blob(st, column);

	for (size_t i = 0; i < size; i++)
		((uint8_t *)ret)[i] = 0;
	if (blob && (size_t)sqlite3_column_bytes(st, column) == size)
		memcpy(ret, blob, size);
}
