/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call - a request as the functions of routes.c see it: parameters in, JSON out.
 *
 * Lives on one pool thread from start to answer; the functions may read the store and wait for the
 * writer.
 */
#ifndef SERVER_API_CALL_H
#define SERVER_API_CALL_H

#include "lib/json.h"
#include "server/api/api.h"
#include "server/api/search.h"

#include <jansson.h>

struct board;
struct call;
struct caller;
struct route;
struct follow_request;
struct writer;

#define CALL_LIMIT_MAX  1000u       /* items of a page */
#define CALL_ANSWER_MAX (64u << 20) /* bytes of an answer */
#define CALL_BODY_MAX   (1u << 20)  /* bytes of a request's body */

/* What every handler needs; one for each pool thread. */
struct call_worker {
	struct api *api;
	const struct api_config *cfg;
	struct reader *reader;
	struct searcher *searcher;
	struct ds_mailbox *replies; /* of the writer */
	struct repeats *repeats;    /* of the thread that changes things; NULL: of the others */
	struct board *board;        /* made when it is first needed; NULL: not yet */
};

struct call {
	struct call_worker *worker;
	const struct api_config *cfg;
	const char *id;  /* the {id} of the path; NULL: none */
	json_t *body;    /* an object, or NULL when the request has none */
	const void *raw; /* its bytes as they came, for signatures */
	size_t raw_size;
	void *request;                                          /* of http.c */
	const char *(*get)(void *request, const char *name);    /* query parameter or NULL */
	const char *(*header)(void *request, const char *name); /* or NULL */
	bool (*is_gone)(void *request);                         /* the client hung up */
	const struct route *route;
	const struct caller *caller; /* of kind CALLER_NOBODY where a route is open to anybody */
	const char *cookie;          /* the secret of the caller's session, or "" */
	const char *peer;            /* the client's address, without port */
	/* for the audit log, where they are not the caller's name and the {id} */
	const char *actor, *subject;
	struct {
		const char *after; /* ?cursor=, until its item was seen; NULL: from here on */
		unsigned left;
		bool has_begun, has_more;
		char last[200];    /* key of the last item on it */
	} page;                    /* of a list that is read whole */
	struct request_row repeat; /* its Idempotency-Key; valid when has_repeat */
	bool has_repeat;
	bool has_changed; /* something was committed */
	/* answer */
	bool repeated;    /* it is that of the first request with the key */
	unsigned status;  /* HTTP */
	const char *type; /* Content-Type */
	struct ds_buf *out;
	struct ds_json json; /* writes to out */
	unsigned retry_after_s;
	char set_cookie[160];          /* "": none */
	struct follow_request *follow; /* set: goes on as a stream; owned by http.c from then on */
};

/* Answers with problem+json (RFC 9457); what was written before is dropped. */
void DS_PRINTF(4, 5)
    call_problem(struct call *c, unsigned status, const char *type, const char *detail, ...);
/* From -errno: ENOMEM, ENOENT, ENOSPC, ... */
void call_error(struct call *c, int error, const char *what);

/* A number from a query parameter, within 1..max; false and a problem when it is none. */
DS_MUST_CHECK bool call_limit(struct call *c, unsigned fallback, unsigned *ret);
/* RFC 3339, or now-1h; 0 when absent. */
DS_MUST_CHECK bool call_time(struct call *c, const char *name, uint64_t *ret);
/* ?cursor= of collections in the order of numbers; 0 when absent. */
DS_MUST_CHECK bool call_number_cursor(struct call *c, uint64_t *ret);
/* ?cursor= of collections in the order of ids, which begin with `prefix`; NULL when absent. */
DS_MUST_CHECK bool call_id_cursor(struct call *c, const char *prefix, const char **ret);
/* ?q= in the schema; NULL and a problem with the column when it is wrong. */
DS_MUST_CHECK struct query *call_query(struct call *c, const struct query_schema *schema);

/* {"items":[ ... then ],"next_cursor":...} with the cursor, or null. */
void call_begin_items(struct call *c);
void call_end_items(struct call *c, const char *next_cursor);

/* The same for a list that is read whole: ?limit= (all without it) and ?cursor= choose what is
 * answered.  False: a problem was written. */
DS_MUST_CHECK bool call_begin_page(struct call *c);
/* Whether the next item, by what tells it from the others, is on the page; yes outside of one. */
DS_MUST_CHECK bool call_page_has(struct call *c, const char *key);
void call_end_page(struct call *c);

/* Members of the body; `fallback` when absent.  A wrong type is a problem and false. */
DS_MUST_CHECK bool call_text(
    struct call *c, const char *key, const char *fallback, size_t max, const char **ret);
DS_MUST_CHECK bool call_integer(
    struct call *c, const char *key, int64_t fallback, int64_t min, int64_t max, int64_t *ret);
DS_MUST_CHECK bool call_flag(struct call *c, const char *key, bool fallback, bool *ret);
/* "1h" or a number of seconds -> us. */
DS_MUST_CHECK bool call_ttl(struct call *c, const char *key, uint64_t fallback_us, uint64_t *ret);

/* A setting that is JSON of the type of `empty` (taken), which it is where there is none; wiped
 * from memory but for what is returned.  NULL: it cannot be read. */
DS_MUST_CHECK json_t *call_setting(struct call *c, const char *name, size_t max, json_t *empty);
/* Runs `run` inside the writer's transaction and waits for the commit: what run returned, or why
 * nothing was committed.  A change that it makes is in the audit log, in the same transaction. */
DS_MUST_CHECK int call_write(struct call *c,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx);

/* {"id":...,"name":...} of a host by its number. */
void call_put_host(struct call *c, const char *key, uint32_t number);

#endif
