/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http - HTTP/1.1 by libmicrohttpd: listeners, bounds, who may ask, and the way to the pool and
 * back.
 *
 * A listener is one thread of libmicrohttpd with epoll.  Its handler never blocks: it checks the
 * request, suspends the connection and posts the request to the pool; the pool thread answers and
 * resumes it.
 */
#ifndef SERVER_API_HTTP_H
#define SERVER_API_HTTP_H

#include "server/api/api.h"
#include "server/api/gate.h"

#include <stdint.h>

struct follow;
struct http;
struct server_config;

struct http_stats {
	_Atomic uint64_t requests, refused, failed, timeouts;
	_Atomic uint64_t connections; /* now */
};

struct http_config {
	struct api *api;
	const struct api_config *cfg;
	struct gate gate;
	unsigned threads; /* of the pool */
};

/* Binds the sockets and starts the pool; nobody is answered yet.  NULL and a sentence on failure.
 */
struct http *http_new(const struct http_config *cfg, char *ret_why, size_t why_size);
/* Starts the listeners; follow is borrowed until http_stop().  0, or -errno and a sentence. */
DS_MUST_CHECK int http_serve(struct http *h, struct follow *follow, char *ret_why, size_t why_size);
/* Takes the certificate that the files hold now; connections that are open go on.  0, or -errno and
 * a sentence: the one from before stays. */
DS_MUST_CHECK int http_reload(
    struct http *h, const struct server_config *c, char *ret_why, size_t why_size);
/* Refuses new requests and answers those under way; the pool's threads are gone afterwards. */
void http_quiesce(struct http *h);
/* Closes every connection and frees; the followers must have been stopped. */
void http_stop(struct http *h);
/* Once a second: closes connections whose request does not come to its end. */
void http_tick(struct http *h);
unsigned http_port(const struct http *h);
const struct http_stats *http_get_stats(const struct http *h);

#endif
