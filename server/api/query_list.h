/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_list - a query for hosts, daemons or alerts as the store's list filter, so that rows that
 * cannot match are not read.  What the store gives is still to be matched.
 */
#ifndef SERVER_API_QUERY_LIST_H
#define SERVER_API_QUERY_LIST_H

#include "server/api/query_ast.h"
#include "server/store/lists.h"

#define QUERY_LIST_MORE 8u /* conditions beside the query's */

struct query_list {
	struct list_filter filter;
	struct list_term terms[QUERY_TERMS_MAX + QUERY_LIST_MORE];
	struct list_op ops[QUERY_OPS_MAX + 2 * QUERY_LIST_MORE];
	struct ds_str texts[QUERY_LIST_MORE][2];
	size_t texts_len;
};

/* Borrows the query, and the texts of the conditions, as long as the list is used. */
void query_list_init(struct query_list *l, const struct query *q);
/* And the field is this text, or begins with it; at most QUERY_LIST_MORE conditions. */
void query_list_is(struct query_list *l, const char *field, const char *text);
void query_list_begins(struct query_list *l, const char *field, const char *text, size_t len);
void query_list_within(struct query_list *l, const char *field, uint64_t low, uint64_t high);

#endif
