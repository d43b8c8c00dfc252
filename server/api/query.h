/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query - the language in which people ask for events and alerts.
 *
 *   query  = term, "and", "or", "not", "(", ")"; terms beside each other are joined by "and";
 *            "not" binds tighter than "and", "and" tighter than "or"
 *   term   = field ":" value            equal; * stands for any bytes; field:* means "has it"
 *          | field (">" ">=" "<" "<=") number or time     (also field:>=5)
 *          | field ":" low ".." high    both included
 *          | field ":" address/bits     networks, for fields of addresses
 *          | field ":(" query of values ")"
 *          | word                       in any path, argument or address of the event
 *   value  = up to white space or a parenthesis; \ makes the next character plain; "..." is plain
 *            throughout (inside, \" and \\)
 *
 * Times are RFC 3339, or now, now-1h, now-30d.  Case: values are compared byte for byte; host.name,
 * event.* and the words of alerts ignore case; a bare word ignores case unless it has a capital.
 * service.name:nginx also finds nginx.service.
 *
 * Pure: no I/O, no clock.  A query is immutable after parse: threads may share it; each has a
 * matcher of its own.
 */
#ifndef SERVER_API_QUERY_H
#define SERVER_API_QUERY_H

#include "lib/batch.h"

#define QUERY_LEN_MAX   4096u /* bytes */
#define QUERY_TERMS_MAX 64u
#define QUERY_DEPTH_MAX 16u /* parentheses within each other */

struct query;
struct query_schema;

/* What a syntax error says. */
struct query_error {
	unsigned column; /* first is 1, in characters */
	char text[320];  /* a sentence: what was expected */
};

extern const struct query_schema query_events;
extern const struct query_schema query_alerts;
extern const struct query_schema query_hosts;
extern const struct query_schema query_daemons;

/* NULL and *ret when the text is not a query, or (column 0) when there is no memory.  An empty
 * query matches everything. */
struct query *query_parse(const struct query_schema *schema, const char *text, size_t len,
    uint64_t now_us, struct query_error *ret);
void query_free(struct query *q);
bool query_is_empty(const struct query *q);

/* Names and help of the schema's fields, for documents and completion; NULL past the end. */
const char *query_field_name(
    const struct query_schema *schema, size_t index, const char **ret_help);

/* What an index can use to exclude: every match is within these, not everything within them
 * matches. */
#define QUERY_HINT_DAEMONS 16
#define QUERY_HINT_STRINGS 8
struct query_hints {
	uint64_t time_min_us, time_max_us; /* 0: open */
	uint64_t kinds;                    /* bit mask */
	uint32_t daemons[QUERY_HINT_DAEMONS];
	size_t daemons_len; /* 0: any */
	uint64_t strings[QUERY_HINT_STRINGS];
	size_t strings_len;
};
const struct query_hints *query_get_hints(const struct query *q);

struct query_host {
	const char *name, *id;
};
/* Whether the query can match any event of the host. */
bool query_may_match_host(const struct query *q, const struct query_host *host);

/* Finds the events of batches; a term is tried once on each dictionary entry, then on each event by
 * its index. */
struct query_matcher;
struct query_matcher *query_matcher_new(const struct query *q); /* borrows q */
void query_matcher_free(struct query_matcher *m);
/* After ds_batch_open(): 1 when some event may match, 0 when none can (the columns need not be
 * inflated), -ENOMEM. */
DS_MUST_CHECK int query_matcher_open(
    struct query_matcher *m, const struct ds_batch *b, const struct query_host *host);
/* After ds_batch_inflate() of the same batch, which may be left out: whether some event may still
 * match, by what its columns begin with. */
bool query_matcher_inflated(struct query_matcher *m, const struct ds_batch *b);
/* After ds_batch_load() of the same batch: how many match; (*ret)[i] is 1 where event i does, valid
 * until the next run.  -ENOMEM. */
DS_MUST_CHECK int query_matcher_run(
    struct query_matcher *m, struct ds_batch *b, const uint8_t **ret);

/* Any other record, such as an alert: `get` gives the value of a field of the schema by its name,
 * or false when the record has none. */
struct query_datum {
	bool is_number;
	uint64_t number; /* also times, us */
	struct ds_str text;
};
struct query_text_of {
	const char *field, *text;
};
/* Looks a field up in a list that ends with a NULL field; empty texts are absent. */
bool query_datum_from(const struct query_text_of *list, const char *field, struct query_datum *ret);
bool query_match(const struct query *q,
    bool (*get)(void *ctx, const char *field, struct query_datum *ret), void *ctx);

#endif
