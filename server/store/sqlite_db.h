/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_db - one SQLite connection with its prepared statements: opening, migrating, binding,
 * errors.
 *
 * Used by the other sqlite_*.c files only.  A connection belongs to one thread.
 */
#ifndef SERVER_STORE_SQLITE_DB_H
#define SERVER_STORE_SQLITE_DB_H

#include "lib/compiler.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_BUSY_MS        10000 /* what a statement waits for another connection */
#define DB_STATEMENTS_MAX 48
#define DB_OWN_MAX        256 /* a power of two */

enum db_plane { DB_CONTROL, DB_EVENTS };

struct db {
	sqlite3 *handle;
	const char *const *sql;                      /* by statement id; borrowed */
	sqlite3_stmt *statements[DB_STATEMENTS_MAX]; /* prepared at first use */
	/* statements that topics bring themselves, found by the address of their text */
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} own[DB_OWN_MAX];
	int last; /* SQLite's extended result code of the last failure */
};

/* Opens (and, unless read_only, creates and migrates) a file.  0 or -errno, with a sentence in
 * why (may be NULL): -EBADMSG damaged, -EPROTONOSUPPORT from a newer version. */
DS_MUST_CHECK int db_open(struct db *db, const char *path, enum db_plane plane,
    const char *const *sql, bool read_only, char *ret_why, size_t why_size);
/* Takes a closed or half-opened one. */
void db_close(struct db *db);

/* Prepares (once), resets and binds.  types: t text (NULL: ""), n text or NULL, u uint64_t,
 * i int, d double, b blob (const void *, size_t).  NULL on failure, with db->last set.  Texts and
 * blobs are borrowed until the statement is done. */
sqlite3_stmt *db_prepare(struct db *db, unsigned id, const char *types, ...);
/* The same for a statement that is no row of db->sql: `sql` is a string constant (static storage),
 * prepared once a connection.  A topic's file has its SQL beside the function that uses it. */
sqlite3_stmt *db_query(struct db *db, const char *sql, const char *types, ...);
/* 1: a row; 0: done, and the statement is reset; -errno: reset. */
DS_MUST_CHECK int db_step(struct db *db, sqlite3_stmt *st);
/* Prepare, bind, step until done. */
#define db_run(db, id, ...) db_finish(db, db_prepare(db, id, __VA_ARGS__))
#define db_do(db, ...)      db_finish(db, db_query(db, __VA_ARGS__))
DS_MUST_CHECK int db_finish(struct db *db, sqlite3_stmt *st);
/* Whether there is one more row while *r, which begins as 0, still is: who reads the rows puts the
 * answer of whoever is called with them there, and ends the loop by it.  *r is then that answer, 0
 * after the last row, or -errno; the statement is reset. */
DS_MUST_CHECK bool db_next(struct db *db, sqlite3_stmt *st, int *r);
/* Of a transaction that writes, and of a part of it that can be taken back. */
DS_MUST_CHECK int db_begin(struct db *db);
DS_MUST_CHECK int db_commit(struct db *db);
DS_MUST_CHECK int db_mark(struct db *db);
DS_MUST_CHECK int db_unmark(struct db *db, bool keep);
/* Plain SQL of ours. */
DS_MUST_CHECK int db_exec(struct db *db, const char *sql);
/* The same where failing is of no matter: a rollback of what SQLite rolled back by itself. */
void db_try(struct db *db, const char *sql);
/* The errno of the last failure. */
int db_error(struct db *db);
/* quick_check of one table: 0, or -EBADMSG. */
DS_MUST_CHECK int db_check(struct db *db, const char *table);

/* Columns; a text is never NULL. */
const char *db_text(sqlite3_stmt *st, int column);
uint64_t db_u64(sqlite3_stmt *st, int column);
/* A blob of exactly `size` bytes, else zeroes. */
void db_bytes(sqlite3_stmt *st, int column, void *ret, size_t size);

#endif
