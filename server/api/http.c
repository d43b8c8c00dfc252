/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http - listeners of libmicrohttpd and the request's way through them.
 *
 * Handlers run on the listeners' threads.  Each request that was suspended is counted in
 * `in_flight` until it is resumed, because a daemon must not be stopped over suspended connections.
 */
#include "server/api/http.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/api/cert.h"
#include "server/api/listen.h"
#include "server/api/pace.h"
#include "server/api/pool.h"
#include "server/api/request.h"
#include "server/api/routes.h"
#include "server/api/slots.h"
#include "server/api/web.h"
#include "server/config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2000u /* of each listener */
#define PER_ADDRESS_MAX 1200u
#define CONNECTION_MEM  (32u << 10) /* bytes: request line and headers must fit */
#define IDLE_S          60u
#define REQUEST_MS      20000u /* from the first byte to the end of the body */

struct listener {
	struct http *http;
	struct MHD_Daemon *daemon; /* owns fd once it runs */
	int fd;
	bool is_unix;
};

struct http {
	struct http_config cfg;
	struct follow *follow;
	struct listener listeners[2];
	unsigned listeners_len;
	struct pool *pool;
	struct slots slots;
	struct pace pace;
	struct http_stats stats;
	_Atomic bool stopping;
	_Atomic unsigned in_flight;
	unsigned port;
	bool has_tls;    /* the TCP listener speaks it */
	struct web *web; /* the dashboard; NULL: none is installed */
};

/* ---- connections */

static void
on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
    enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = ctx;
	struct http *h = l->http;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		slot_release(*socket_ctx);
		h->stats.connections--;
		return;
	}
	h->stats.connections++;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL)
		*socket_ctx =
		    slots_take(&h->slots, info->connect_fd, ds_clock_monotonic_ms() + REQUEST_MS);
}

/* The deadline of the connection's request; false: none. */
static void
set_deadline(struct MHD_Connection *connection, bool on)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (info != NULL)
		slot_set_deadline(
		    info->socket_context, on ? ds_clock_monotonic_ms() + REQUEST_MS : 0);
}

static void
on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
    enum MHD_RequestTerminationCode code)
{
	struct request *r = *request_ctx;

	(void)ctx;
	(void)code;
	*request_ctx = NULL;
	request_free(r);
	/* The next request of the connection, should there be one. Idle ones are closed by the
	 * library after IDLE_S. */
	set_deadline(connection, false);
}

/* ---- requests */

/* The dashboard's files are for everybody: what they show is asked for with a token. */
static bool
find_page(struct request *r, const char *url, const char *method)
{
	struct MHD_Connection *c = r->connection;
	const struct web_file *f;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return false;
	f = web_find(r->http->web, url, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept"));
	if (f == NULL)
		return false;
	r->page =
	    web_response(f, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept-Encoding"),
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match"), &r->status);
	return true;
}

/* One caller who asks for too much is told to wait, before the others have to. */
static void
keep_pace(struct request *r)
{
	struct http *h = r->http;
	const char *who = r->caller.kind == CALLER_NOBODY ? r->peer : r->caller.name;
	uint64_t wait_us;

	if (r->caller.kind == CALLER_PEER)
		return;
	wait_us = pace_take(&h->pace, who, (unsigned)h->cfg.cfg->server->api_requests_per_second,
	    ds_clock_monotonic_ms() * 1000);
	if (wait_us == 0)
		return;
	r->retry_after_s = (unsigned)(wait_us / 1000000) + 1;
	request_problem(r, 429, "too-many", "too many requests: wait as long as Retry-After says");
	h->stats.refused++;
}

static void
begin(struct request *r, const char *url, const char *method, const char *version)
{
	bool known;

	r->http->stats.requests++;
	if (!request_check_headers(r, method, version))
		return;
	r->route = route_find(method, url, r->id, sizeof(r->id), &known, r->allow);
	if (r->route == NULL && !known && find_page(r, url, method))
		return;
	if (r->route == NULL && known)
		request_problem(r, 405, "method", "this resource has other methods");
	else if (r->route == NULL)
		request_problem(r, 404, "not-found",
		    "there is no such resource; see "
		    "/api/v1/openapi.json");
	else
		r->allow[0] = '\0';
	/* It wrote the answer if not. */
	if (r->route == NULL)
		return;
	if (!gate_check(&r->http->cfg.gate, r, r->route, r->listener->is_unix))
		r->http->stats.refused++;
	else
		keep_pace(r);
}

static void
let_loose(struct request *r)
{
	struct http *h = r->http;

	/* The request may be gone once its connection is resumed. */
	MHD_resume_connection(r->connection);
	h->in_flight--;
}

static void
work(struct call_worker *worker, struct ds_mail *mail)
{
	struct request *r = DS_CONTAINER(mail, struct request, mail);

	request_work(r, worker, r->http->follow);
	if (r->status >= 500)
		r->http->stats.failed++;
	let_loose(r);
}

static enum MHD_Result
dispatch(struct request *r)
{
	struct http *h = r->http;

	r->dispatched = true;
	set_deadline(r->connection, false);
	h->in_flight++;
	if (h->stopping) {
		h->in_flight--;
		request_problem(r, 503, "stopping", "the server stops");
		return request_answer(r, r->connection);
	}
	MHD_suspend_connection(r->connection);
	if (pool_post(h->pool, &r->mail, route_is_ordered(r->route)) < 0) {
		r->retry_after_s = 1;
		request_problem(r, 503, "busy", "too many requests wait already");
		let_loose(r);
	}
	return MHD_YES;
}

static enum MHD_Result
handle(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **request_ctx)
{
	struct listener *l = ctx;
	struct request *r = *request_ctx;

	if (r == NULL) {
		r = request_new(l->http, l, connection);
		if (r == NULL)
			return MHD_NO;
		*request_ctx = r;
		set_deadline(connection, true);
		request_find_peer(r, l->http->cfg.cfg->server->api_trusted_proxies);
		begin(r, url, method, version);
		return r->status != 0 ? request_answer(r, connection) : MHD_YES;
	}
	if (*data_size > 0) {
		/* Of a request that was refused, nothing more is read. */
		if (r->status != 0 || ds_buf_put(&r->body, data, *data_size) < 0)
			return MHD_NO;
		*data_size = 0;
		return MHD_YES;
	}
	if (r->dispatched)
		return request_answer(r, connection);
	return dispatch(r);
}

DS_PRINTF(2, 0)
static void
log_error(void *ctx, const char *format, va_list ap)
{
	static struct ds_log_rate rate;
	char text[256];

	(void)ctx;
	if (!ds_log_pass(&rate, 5))
		return;
	vsnprintf(text, sizeof(text), format, ap);
	text[strcspn(text, "\r\n")] = '\0';
	ds_log(DEBUG, "http", "what=\"%s\"", text);
}

/* ---- start and stop */

static void
add_listener(struct http *h, int fd, bool is_unix)
{
	h->listeners[h->listeners_len++] =
	    (struct listener){ .http = h, .fd = fd, .is_unix = is_unix };
}

static int
bind_all(struct http *h, char *why, size_t size)
{
	const struct server_config *c = h->cfg.cfg->server;
	int fd;

	if (c->api_unix[0]) {
		fd = listen_unix(c->api_unix, why, size);
		if (fd < 0)
			return fd;
		add_listener(h, fd, true);
	}
	if (c->api_listen[0]) {
		fd = listen_tcp(c->api_listen, h->has_tls, &h->port, why, size);
		if (fd < 0)
			return fd;
		add_listener(h, fd, false);
	}
	return 0;
}

static int
serve(struct http *h, struct listener *l)
{
	unsigned flags =
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(intptr_t)cert_retrieve },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CERT_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (!l->is_unix && h->has_tls)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, l, MHD_OPTION_EXTERNAL_LOGGER,
	    log_error, h, MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_CONNECTION_LIMIT,
	    CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, l->is_unix ? 0 : PER_ADDRESS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEM,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, l, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	return l->daemon != NULL ? 0 : -EIO;
}

int
http_serve(struct http *h, struct follow *follow, char *why, size_t size)
{
	const struct server_config *c = h->cfg.cfg->server;

	h->follow = follow;
	for (unsigned i = 0; i < h->listeners_len; i++) {
		int r = serve(h, &h->listeners[i]);

		if (r == 0)
			continue;
		snprintf(why, size, "cannot serve %s%s",
		    h->listeners[i].is_unix ? c->api_unix : c->api_listen,
		    h->has_tls ? " with [api] tls_cert and tls_key" : "");
		return r;
	}
	return 0;
}

/* A server without the dashboard serves the API and says so. */
static int
load_web(struct http *h, char *why, size_t size)
{
	const char *root = h->cfg.cfg->server->api_web_root;
	size_t bytes, files;
	int r;

	if (root[0] == '\0')
		return 0;
	r = web_load(root, &h->web, why, size);
	if (r == -ENOENT) {
		ds_log(
		    INFO, "there is no dashboard, serving the API only", "web_root=\"%s\"", root);
		return 0;
	}
	if (r < 0)
		return r;
	files = web_count(h->web, &bytes);
	ds_log(DEBUG, "the dashboard is loaded", "files=%zu bytes=%zu", files, bytes);
	return 0;
}

struct http *
http_new(const struct http_config *cfg, char *why, size_t size)
{
	struct http *h = calloc(1, sizeof(*h));
	const struct server_config *c = cfg->cfg->server;
	int r = 0;

	snprintf(why, size, "no memory");
	if (h == NULL)
		return NULL;
	h->cfg = *cfg;
	h->has_tls = c->api_listen[0] && c->api_tls_cert[0];
	if (h->has_tls)
		r = cert_load(c->api_tls_cert, c->api_tls_key, why, size);
	if (r == 0)
		r = load_web(h, why, size);
	if (r == 0)
		r = bind_all(h, why, size);
	if (r == 0)
		h->pool = pool_start(cfg->api, cfg->cfg, cfg->threads, work);
	if (h->pool == NULL) {
		http_stop(h);
		return NULL;
	}
	return h;
}

int
http_reload(struct http *h, const struct server_config *c, char *why, size_t size)
{
	bool wants_tls = c->api_listen[0] && c->api_tls_cert[0];

	if (wants_tls != h->has_tls) {
		snprintf(why, size,
		    "[api] tls_cert: the API begins or ends to speak TLS after a "
		    "restart");
		return -EBUSY;
	}
	return wants_tls ? cert_load(c->api_tls_cert, c->api_tls_key, why, size) : 0;
}

static bool
is_idle(void *ctx)
{
	return ((struct http *)ctx)->in_flight == 0;
}

void
http_quiesce(struct http *h)
{
	h->stopping = true;
	pool_stop(h->pool, is_idle, h);
	h->pool = NULL;
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->listeners_len; i++) {
		if (h->listeners[i].daemon != NULL)
			MHD_stop_daemon(h->listeners[i].daemon);
		else
			close(h->listeners[i].fd);
	}
	if (h->listeners_len > 0 && h->listeners[0].is_unix)
		listen_remove(h->cfg.cfg->server->api_unix);
	web_free(h->web);
	cert_forget();
	free(h);
}

void
http_tick(struct http *h)
{
	h->stats.timeouts += slots_sweep(&h->slots, ds_clock_monotonic_ms());
}

unsigned
http_port(const struct http *h)
{
	return h->port;
}

const struct http_stats *
http_get_stats(const struct http *h)
{
	return &h->stats;
}
