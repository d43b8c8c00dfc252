/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lists - hosts, daemons and alerts of a large fleet by what is asked for: a row of struct
 * store_backend.
 *
 * What is asked for is told in the fields of the API's query language; an engine may give more rows
 * than match (it leaves out what it can, the caller decides), never fewer.
 */
#ifndef SERVER_STORE_LISTS_H
#define SERVER_STORE_LISTS_H

#include "lib/event.h"
#include "server/store/rows.h"

struct reader;

enum list_test {
	LIST_MAYBE, /* the engine cannot tell */
	LIST_HAS,   /* the text is not empty */
	LIST_TEXT,  /* is the only piece, or the pieces with anything between each two */
	LIST_RANGE, /* low <= number <= high */
};

struct list_term {
	const char *field; /* "host.name"; NULL: any field that has a text */
	enum list_test test;
	uint64_t low, high;
	const struct ds_str *piece;
	unsigned pieces;
	bool fold;        /* pieces are in lower case and so is the text, for this */
	bool unit_suffix; /* also with ".service" behind it */
};

enum list_op_code { LIST_TERM, LIST_NOT, LIST_AND, LIST_OR };

struct list_op {
	enum list_op_code code;
	unsigned term;
};

struct list_filter {
	const struct list_term *terms;
	size_t terms_len;
	const struct list_op *ops; /* postfix; none: all rows */
	size_t ops_len;
	uint64_t after; /* hosts and daemons: those with a higher number, which come in order */
	const char *before_id; /* alerts: those with a smaller id, the newest first; NULL: from the
				  newest */
};

struct store_lists {
	/* Any thread, one reader each; call until it returns other than 0, which is returned. */
	int (*hosts)(struct reader *r, const struct list_filter *f,
	    int (*call)(const struct host_row *row, void *ctx), void *ctx);
	int (*daemons)(struct reader *r, const struct list_filter *f,
	    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
	int (*alerts)(struct reader *r, const struct list_filter *f,
	    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
};

#endif
