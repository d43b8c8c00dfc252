/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request - one HTTP request from its first header to the end of its answer.
 *
 * Made on a listener's thread, worked on by a pool thread while its connection is suspended.
 */
#ifndef SERVER_API_REQUEST_H
#define SERVER_API_REQUEST_H

#include "lib/buf.h"
#include "lib/mailbox.h"
#include "server/api/access.h"
#include "server/api/answer.h"
#include "server/api/peer.h"

#include <microhttpd.h>
#include <stdbool.h>

struct call_worker;
struct follow;
struct follower;
struct http;
struct listener;
struct route;

#define REQUEST_ID_MAX 200u /* bytes of the {id} of a path, with the NUL */

struct request {
	struct ds_mail mail; /* to the pool */
	struct http *http;
	struct listener *listener;
	struct MHD_Connection *connection;
	const struct route *route;
	char id[REQUEST_ID_MAX];
	bool dispatched; /* a pool thread has it, or had it */
	struct ds_buf body;
	char peer[PEER_MAX]; /* the client's address, for those who fail to sign in, or ask too much
			      */
	struct caller caller;
	char cookie[ACCESS_SECRET_TEXT]; /* the session's secret; "": none */
	/* answer */
	unsigned status;  /* 0: none yet */
	const char *type; /* Content-Type */
	struct ds_buf out;
	struct answer answer;
	bool repeated; /* Idempotency-Key */
	unsigned retry_after_s;
	char allow[64];            /* of a 405 */
	struct MHD_Response *page; /* of web.c, shared; NULL: what is in out */
	char set_cookie[160];
	struct follower *follower;
};

/* NULL: there is no memory. */
struct request *request_new(
    struct http *http, struct listener *listener, struct MHD_Connection *connection);
void request_free(struct request *r);
/* Fills the answer with a problem. */
void request_problem(struct request *r, unsigned status, const char *type, const char *detail);
/* Fills r->peer; `proxies` are the networks of those who may say whom they heard. */
void request_find_peer(struct request *r, const char *proxies);
/* Whether headers and method are such that everybody between us and the client reads the same
 * request.  False: a problem was written. */
bool request_check_headers(struct request *r, const char *method, const char *version);
/* On a pool thread: parses the body and calls the route's function; may begin a stream. */
void request_work(struct request *r, struct call_worker *worker, struct follow *follow);
/* Hands the answer to libmicrohttpd. */
enum MHD_Result request_answer(struct request *r, struct MHD_Connection *connection);

#endif
