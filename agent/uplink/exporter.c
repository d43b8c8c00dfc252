/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exporter - see exporter.h; called by main.c. */
#include "agent/uplink/exporter.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG     16
#define TIMEOUT_S   10
#define HEADERS_MAX 8192 /* bytes */

struct exporter {
	struct evhttp *http;
	void (*write)(struct evbuffer *out, void *ctx);
	void *ctx;
};

int
exporter_listen(const char *address, unsigned port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *a = NULL;
	char text[8];
	int fd, on = 1, r = 0;

	snprintf(text, sizeof(text), "%u", port);
	if (getaddrinfo(address, text, &hints, &a) != 0)
		return -EINVAL;
	fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		r = -errno;
	freeaddrinfo(a);
	if (r == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return r;
}

static void
answer(struct evhttp_request *request, void *ctx)
{
	struct exporter *e = ctx;
	struct evbuffer *out = evbuffer_new();

	if (out == NULL) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
		return;
	}
	e->write(out, e->ctx);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
	    "text/plain; version=0.0.4; charset=utf-8"); /* without it Prometheus reads it as well
							  */
	evhttp_send_reply(request, HTTP_OK, NULL, out);
	evbuffer_free(out);
}

struct exporter *
exporter_new(
    struct event_base *base, int fd, void (*write)(struct evbuffer *out, void *ctx), void *ctx)
{
	struct exporter *e = calloc(1, sizeof(*e));

	if (e != NULL)
		e->http = evhttp_new(base);
	if (e == NULL || e->http == NULL) {
		(void)close(fd);
		free(e);
		return NULL;
	}
	e->write = write;
	e->ctx = ctx;
	evhttp_set_timeout(e->http, TIMEOUT_S);
	evhttp_set_max_headers_size(e->http, HEADERS_MAX);
	evhttp_set_max_body_size(e->http, 0);
	evhttp_set_allowed_methods(e->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	if (evhttp_set_cb(e->http, "/metrics", answer, e) == 0 &&
	    evhttp_accept_socket(e->http, fd) == 0)
		return e;
	(void)close(fd);
	exporter_free(e);
	return NULL;
}

void
exporter_free(struct exporter *e)
{
	if (e == NULL)
		return;
	evhttp_free(e->http);
	free(e);
}
