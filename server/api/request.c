/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request - checks, runs and answers one request.
 *
 * The listener's thread and a pool thread use it in turns, never at once: the connection is
 * suspended while the pool has it.
 */
#include "server/api/request.h"

#include "server/api/call.h"
#include "server/api/described.h"
#include "server/api/follow.h"
#include "server/api/repeat.h"
#include "server/api/routes.h"
#include "server/api/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define BODY_DEPTH_MAX 32u
#define PARAMETERS_MAX 16u

struct request *
request_new(struct http *http, struct listener *listener, struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->http = http;
	r->listener = listener;
	r->connection = connection;
	ds_buf_init(&r->body, CALL_BODY_MAX);
	ds_buf_init(&r->out, CALL_ANSWER_MAX);
	return r;
}

void
request_free(struct request *r)
{
	if (r == NULL)
		return;
	follower_close(r->follower);
	explicit_bzero(r->cookie, sizeof(r->cookie));
	if (r->body.data != NULL)
		explicit_bzero(r->body.data, r->body.len);
	ds_buf_done(&r->body);
	ds_buf_done(&r->out);
	free(r);
}

void
request_problem(struct request *r, unsigned status, const char *type, const char *detail)
{
	struct call c = { .out = &r->out };

	call_problem(&c, status, type, "%s", detail);
	r->status = c.status;
	r->type = c.type;
}

/* ---- headers */

static enum MHD_Result
see_forwarded(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	const char **newest = ctx;

	(void)kind;
	if (strcasecmp(key, "X-Forwarded-For") == 0)
		*newest = value;
	return MHD_YES;
}

void
request_find_peer(struct request *r, const char *proxies)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info != NULL ? info->client_addr : NULL;
	const char *forwarded = NULL;
	char address[PEER_MAX] = "local";

	if (a != NULL && a->sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
		    address, sizeof(address));
	else if (a != NULL && a->sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, address,
		    sizeof(address));
	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, see_forwarded, &forwarded);
	peer_of(address, forwarded, proxies, r->peer);
}

struct framing {
	unsigned lengths, encodings, hosts, types, authorizations;
	const char *type;
	uint64_t length;
	bool bad_length, bad_name;
};

/* "Content-Length : 10" is another header to us, and a length to whoever passes over the space. */
static bool
is_name(const char *key)
{
	size_t len = strlen(key);

	return len > 0 && strspn(key, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static enum MHD_Result
see_header(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct framing *f = ctx;
	char *end;

	(void)kind;
	if (value == NULL)
		value = "";
	f->bad_name |= !is_name(key);
	if (strcasecmp(key, "Content-Length") == 0) {
		f->lengths++;
		f->length = strtoull(value, &end, 10);
		f->bad_length = value[0] < '0' || value[0] > '9' || *end != '\0';
	} else if (strcasecmp(key, "Transfer-Encoding") == 0) {
		f->encodings++;
	} else if (strcasecmp(key, "Host") == 0) {
		f->hosts++;
	} else if (strcasecmp(key, "Authorization") == 0) {
		f->authorizations++;
	} else if (strcasecmp(key, "Content-Type") == 0) {
		f->types++;
		f->type = value;
	}
	return MHD_YES;
}

static bool
refuse(struct request *r, unsigned status, const char *type, const char *detail)
{
	request_problem(r, status, type, detail);
	return false;
}

static bool
is_json(const char *type)
{
	size_t len = sizeof("application/json") - 1;

	return strncasecmp(type, "application/json", len) == 0 &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

bool
request_check_headers(struct request *r, const char *method, const char *version)
{
	struct framing f = { 0 };
	bool has_body;

	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, see_header, &f);
	has_body = f.length > 0;
	if (f.bad_name)
		return refuse(r, 400, "framing", "the name of a header is none");
	if (f.lengths > 1 || (f.lengths > 0 && f.encodings > 0))
		return refuse(r, 400, "framing", "one Content-Length is expected");
	if (f.authorizations > 1)
		return refuse(r, 400, "framing", "one Authorization is expected");
	if (f.bad_length)
		return refuse(r, 400, "framing", "Content-Length is not a number");
	/* Where a chunk ends is read in as many ways as there are servers; where a length ends is
	 * not. */
	if (f.encodings > 0)
		return refuse(
		    r, 411, "framing", "a Content-Length is expected, no Transfer-Encoding");
	if (strcmp(version, "HTTP/1.1") == 0 && f.hosts != 1)
		return refuse(r, 400, "framing", "one Host is expected");
	if (f.length > CALL_BODY_MAX)
		return refuse(r, 413, "too-large", "at most 1 MiB of body");
	if (has_body && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
		return refuse(r, 400, "framing", "no body is expected with this method");
	if (has_body && (f.types != 1 || !is_json(f.type)))
		return refuse(r, 415, "media-type", "Content-Type must be application/json");
	return true;
}

/* ---- on the pool */

static const char *
get_parameter(void *request, const char *name)
{
	struct request *r = request;

	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

static const char *
get_header(void *request, const char *name)
{
	struct request *r = request;

	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static int
connection_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info != NULL ? info->connect_fd : -1;
}

/* libmicrohttpd does not look at a suspended connection; its descriptor stays open meanwhile.  What
 * the client sent before it went, such as the last word of TLS, may still be unread. */
static bool
is_gone(void *request)
{
	struct request *r = request;
	struct pollfd p = { .fd = connection_fd(r->connection), .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* Nesting of a JSON text is bounded before a parser that recurses sees it. */
static bool
is_shallow(const char *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char ch = text[i];

		if (quoted && ch == '\\')
			i++;
		else if (ch == '"')
			quoted = !quoted;
		else if (!quoted && (ch == '{' || ch == '['))
			depth++;
		else if (!quoted && (ch == '}' || ch == ']') && depth > 0)
			depth--;
		if (depth > BODY_DEPTH_MAX)
			return false;
	}
	return true;
}

/* ---- parameters of the query */

struct parameters {
	struct call *call;
	const char *names[PARAMETERS_MAX];
	unsigned len;
};

static enum MHD_Result
refuse_parameter(struct call *c, const char *why)
{
	call_problem(c, 400, "parameter", "%s", why);
	return MHD_NO;
}

/* Each that is taken once, and has no NUL behind which something hides. */
static enum MHD_Result
see_parameter(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_size,
    const char *value, size_t value_size)
{
	struct parameters *p = ctx;
	const struct described *d = api_described(p->call->worker->api);
	char why[DESCRIBED_WHY_MAX];

	(void)kind;
	if (strlen(name) != name_size || (value != NULL && strlen(value) != value_size))
		return refuse_parameter(p->call, "a parameter has a NUL");
	for (unsigned i = 0; i < p->len; i++)
		if (strcmp(p->names[i], name) == 0 || p->len == PARAMETERS_MAX)
			return refuse_parameter(
			    p->call, "a parameter is there twice, or too many are");
	p->names[p->len++] = name;
	if (!described_takes(d, p->call->route, name, value != NULL ? value : "", why))
		return refuse_parameter(p->call, why);
	return MHD_YES;
}

static bool
check_parameters(struct request *r, struct call *c)
{
	struct parameters p = { .call = c };

	/* Probes and scrapers at the root may have parameters of their own. */
	if (*c->route->path == '/')
		return true;
	MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, see_parameter, &p);
	return c->status < 400;
}

/* 40 bytes of a name are enough to recognise it. */
static bool
has_no_stranger(struct call *c)
{
	const char *name = described_stranger(api_described(c->worker->api), c->route, c->body);

	if (name != NULL)
		call_problem(c, 400, "body", "unknown member \"%.40s\"", name);
	return name == NULL;
}

static bool
read_body(struct request *r, struct call *c)
{
	json_error_t error;
	const char *text = (const char *)r->body.data;

	if (r->body.len == 0)
		return true;
	if (!is_shallow(text, r->body.len)) {
		call_problem(c, 400, "body", "the JSON is nested too deeply");
		return false;
	}
	c->body = json_loadb(text, r->body.len, JSON_REJECT_DUPLICATES, &error);
	if (c->body == NULL)
		call_problem(
		    c, 400, "body", "line %d, column %d: %s", error.line, error.column, error.text);
	else if (!json_is_object(c->body))
		call_problem(c, 400, "body", "expected a JSON object");
	else
		return has_no_stranger(c);
	return false;
}

static void
resume(void *ctx)
{
	MHD_resume_connection(((struct request *)ctx)->connection);
}

static void
run(struct call *c, const struct ds_buf *body)
{
	struct repeats *repeats = c->worker->repeats;

	if (repeats != NULL && !repeat_begin(repeats, c, body->data, body->len))
		return;
	if (answer_precondition(c))
		c->route->answer(c);
}

void
request_work(struct request *r, struct call_worker *worker, struct follow *follow)
{
	struct call c = { .worker = worker, .cfg = worker->cfg, .request = r, .out = &r->out };

	c.id = r->id[0] ? r->id : NULL;
	c.get = get_parameter;
	c.header = get_header;
	c.is_gone = is_gone;
	c.route = r->route;
	c.caller = &r->caller;
	c.cookie = r->cookie;
	c.raw = r->body.data;
	c.raw_size = r->body.len;
	c.peer = r->peer;
	c.status = 200;
	c.type = "application/json";
	ds_json_init(&c.json, c.out);
	if (check_parameters(r, &c) && read_body(r, &c))
		run(&c, &r->body);
	if (c.type[12] == 'j' && c.follow == NULL && ds_json_done(&c.json) < 0)
		call_error(&c, c.json.error ? c.json.error : -EINVAL, "the answer");
	json_decref(c.body);
	if (worker->repeats != NULL)
		repeat_end(worker->repeats, &c);
	answer_finish(&c, &r->answer);
	r->repeated = c.repeated;
	r->status = c.status;
	r->type = c.type;
	r->retry_after_s = c.retry_after_s;
	memcpy(r->set_cookie, c.set_cookie, sizeof(r->set_cookie));
	if (c.follow == NULL)
		return;
	c.follow->caller = r->caller;
	c.follow->scope = r->route->scope;
	r->follower = follow_add(follow, c.follow, resume, r);
	if (r->follower == NULL)
		request_problem(r, 503, "busy", "too many followers already");
}

/* ---- answer */

static void
add_headers(struct request *r, struct MHD_Response *response)
{
	char seconds[16], tag[ANSWER_TAG_MAX + 2];
	int n = 0;

	/* They fail for lack of memory only; then the answer has fewer headers. */
	n += MHD_add_response_header(response, "Content-Type", r->type);
	n += MHD_add_response_header(response, "Cache-Control", "no-store");
	n += MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	n += MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	if (r->answer.tag[0]) {
		/* Packed it is not the same bytes. */
		snprintf(tag, sizeof(tag), "%s%s", r->answer.packed ? "W/" : "", r->answer.tag);
		n += MHD_add_response_header(response, "ETag", tag);
	}
	if (r->answer.packed)
		n += MHD_add_response_header(response, "Content-Encoding", "gzip");
	n += MHD_add_response_header(response, "Vary", "Accept-Encoding, Cookie, Authorization");
	if (r->repeated)
		n += MHD_add_response_header(response, "Idempotency-Replayed", "true");
	if (r->status == 401)
		n += MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	/* What is behind a request that was refused may be anything. */
	if (r->status >= 400)
		n += MHD_add_response_header(response, "Connection", "close");
	if (r->set_cookie[0])
		n += MHD_add_response_header(response, "Set-Cookie", r->set_cookie);
	if (r->allow[0])
		n += MHD_add_response_header(response, "Allow", r->allow);
	if (r->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%u", r->retry_after_s);
		n += MHD_add_response_header(response, "Retry-After", seconds);
	}
	(void)n;
}

static void
suspend(void *ctx)
{
	MHD_suspend_connection(((struct request *)ctx)->connection);
}

static ssize_t
read_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct request *r = ctx;
	ssize_t n = follower_read(r->follower, buf, max, suspend, r);

	(void)pos;
	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

enum MHD_Result
request_answer(struct request *r, struct MHD_Connection *connection)
{
	struct MHD_Response *response;
	enum MHD_Result ok;

	if (r->page != NULL)
		return MHD_queue_response(connection, r->status, r->page);
	if (r->follower != NULL)
		response = MHD_create_response_from_callback(
		    MHD_SIZE_UNKNOWN, 32u << 10, read_stream, r, NULL);
	else
		/* The buffer lives as long as the request. */
		response = MHD_create_response_from_buffer(
		    r->out.len, r->out.data, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	add_headers(r, response);
	ok = MHD_queue_response(connection, r->status, response);
	MHD_destroy_response(response);
	return ok;
}
