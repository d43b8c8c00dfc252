/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_where - what a list is asked for, as the WHERE of a statement.
 *
 * Used by sqlite_lists.c only.  No text from outside is ever part of the SQL: it is bound.
 */
#ifndef SERVER_STORE_SQLITE_WHERE_H
#define SERVER_STORE_SQLITE_WHERE_H

#include "lib/buf.h"
#include "server/store/lists.h"

#include <sqlite3.h>

#define WHERE_BINDS_MAX 200u /* two a term at most, and a few of the caller's */
#define WHERE_SQL_MAX   (256u << 10)
#define WHERE_HAS_WORD  "has_word" /* a function of ours in SQL */

/* How a field of the query language is kept. */
struct where_column {
	const char *field;
	const char *sql;      /* an expression; one of text is never NULL */
	const char *before;   /* "host IN (SELECT number FROM host WHERE ", or NULL */
	const char *only_has; /* characters; NULL: any */
	bool is_number;
	bool is_word;  /* always in lower case */
	bool is_keyed; /* an index begins with it */
};

struct where {
	const struct where_column *columns; /* ends with a row without a field */
	struct ds_buf sql;
	struct {
		char *text; /* owned; NULL: a number */
		uint64_t number;
	} binds[WHERE_BINDS_MAX];
	unsigned binds_len;
};

/* Once a connection, before statements are made. */
DS_MUST_CHECK bool where_prepare(sqlite3 *handle);
void where_init(struct where *w, const struct where_column *columns);
void where_done(struct where *w);
/* Appends to the statement. */
DS_MUST_CHECK int where_put(struct where *w, const char *sql);
/* Appends ?N for a value: a number, or a text, which is copied. */
DS_MUST_CHECK int where_put_number(struct where *w, uint64_t v);
DS_MUST_CHECK int where_put_text(struct where *w, const char *text);
/* Appends " AND (...)" for the filter's terms; nothing when there are none. */
DS_MUST_CHECK int where_put_filter(struct where *w, const struct list_filter *f);
/* Binds what was put; false: SQLite says no. */
bool where_bind(const struct where *w, sqlite3_stmt *st);

#endif
