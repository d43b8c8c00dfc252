/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call - reads parameters and bodies, writes problems and pages, and waits for the writer.
 *
 * On the pool's threads; owns nothing beyond a request.
 */
#include "server/api/call.h"

#include "lib/clock.h"
#include "lib/conf.h"
#include "server/api/caller.h"
#include "server/api/repeat.h"
#include "server/api/routes.h"
#include "server/store/audit.h"
#include "server/store/writer.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AUDIT_DETAIL_MAX 4000u /* bytes */
#define ID_LETTERS       "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct {
	unsigned status;
	const char *title;
} titles[] = {
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 507, "Insufficient Storage" },
};

static void
begin_problem(struct call *c, unsigned status, const char *type, const char *detail)
{
	const char *title = "Error";
	char url[80];

	for (size_t i = 0; i < DS_LEN(titles); i++)
		if (titles[i].status == status)
			title = titles[i].title;
	ds_buf_clear(c->out);
	ds_json_init(&c->json, c->out);
	c->status = status;
	c->type = "application/problem+json";
	snprintf(url, sizeof(url), "urn:daemonsec:problem:%s", type);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "type", url);
	ds_json_put_string(&c->json, "title", title);
	ds_json_put_uint(&c->json, "status", status);
	ds_json_put_string(&c->json, "detail", detail);
}

void
call_problem(struct call *c, unsigned status, const char *type, const char *detail, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	begin_problem(c, status, type, text);
	ds_json_end(&c->json);
}

void
call_error(struct call *c, int error, const char *what)
{
	static const struct {
		int error;
		unsigned status;
		const char *type;
	} map[] = {
		{ -ENOENT, 404, "not-found" },
		{ -EEXIST, 409, "conflict" },
		{ -ESTALE, 409, "conflict" },
		{ -EAGAIN, 503, "busy" },
		{ -ENOSPC, 507, "storage-full" },
	};

	for (size_t i = 0; i < DS_LEN(map); i++) {
		if (map[i].error != error)
			continue;
		c->retry_after_s = map[i].status == 503 ? 1 : 0;
		call_problem(c, map[i].status, map[i].type, "%s: %s", what, strerror(-error));
		return;
	}
	call_problem(c, 500, "internal", "%s: %s", what, strerror(-error));
}

/* ---- query parameters */

bool
call_limit(struct call *c, unsigned fallback, unsigned *ret)
{
	const char *text = c->get(c->request, "limit");
	char *end;
	unsigned long v;

	*ret = fallback;
	if (text == NULL)
		return true;
	v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || v < 1 || v > CALL_LIMIT_MAX) {
		call_problem(c, 400, "parameter",
		    "limit: expected a number from 1 to %u, not \"%s\"", CALL_LIMIT_MAX, text);
		return false;
	}
	*ret = (unsigned)v;
	return true;
}

bool
call_number_cursor(struct call *c, uint64_t *ret)
{
	const char *text = c->get(c->request, "cursor");
	char *end;

	*ret = 0;
	if (text == NULL || *text == '\0')
		return true;
	*ret = strtoull(text, &end, 10);
	if (*end == '\0' && *text >= '0' && *text <= '9' && *ret <= INT64_MAX)
		return true;
	call_problem(c, 400, "parameter", "cursor: use next_cursor of the page before");
	return false;
}

bool
call_id_cursor(struct call *c, const char *prefix, const char **ret)
{
	const char *text = c->get(c->request, "cursor");
	size_t len = strlen(prefix);

	*ret = text != NULL && *text != '\0' ? text : NULL;
	if (*ret == NULL || (strncmp(text, prefix, len) == 0 && text[len] != '\0' &&
				text[len + strspn(text + len, ID_LETTERS)] == '\0'))
		return true;
	call_problem(c, 400, "parameter", "cursor: use next_cursor of the page before");
	return false;
}

bool
call_time(struct call *c, const char *name, uint64_t *ret)
{
	const char *text = c->get(c->request, name);
	uint64_t ms, now_us = ds_clock_wall_us();

	*ret = 0;
	if (text == NULL || ds_clock_parse(text, ret) == 0)
		return true;
	*ret = now_us;
	if (strcasecmp(text, "now") == 0)
		return true;
	if (strncasecmp(text, "now-", 4) == 0 && ds_conf_duration(text + 4, &ms) == 0 &&
	    ms < now_us / 1000) {
		*ret = now_us - ms * 1000;
		return true;
	}
	call_problem(c, 400, "parameter",
	    "%s: expected a time like 2026-01-31T12:00:00Z or now-1h, not \"%s\"", name, text);
	return false;
}

struct query *
call_query(struct call *c, const struct query_schema *schema)
{
	const char *text = c->get(c->request, "q");
	struct query_error error;
	struct query *q;

	if (text == NULL)
		text = "";
	q = query_parse(schema, text, strlen(text), ds_clock_wall_us(), &error);
	if (q != NULL)
		return q;
	if (error.column == 0) {
		call_error(c, -ENOMEM, "query");
		return NULL;
	}
	begin_problem(c, 400, "query-syntax", error.text);
	ds_json_put_uint(&c->json, "column", error.column);
	ds_json_put_string(&c->json, "query", text);
	ds_json_end(&c->json);
	return NULL;
}

/* ---- pages */

void
call_begin_items(struct call *c)
{
	ds_json_object(&c->json);
	ds_json_key(&c->json, "items");
	ds_json_array(&c->json);
}

void
call_end_items(struct call *c, const char *next_cursor)
{
	ds_json_end(&c->json);
	ds_json_put_string(&c->json, "next_cursor", next_cursor);
	ds_json_end(&c->json);
}

bool
call_begin_page(struct call *c)
{
	const char *cursor = c->get(c->request, "cursor");

	if (!call_limit(c, UINT_MAX, &c->page.left))
		return false;
	c->page.after = cursor != NULL && *cursor ? cursor : NULL;
	c->page.has_begun = true;
	call_begin_items(c);
	return true;
}

bool
call_page_has(struct call *c, const char *key)
{
	if (!c->page.has_begun)
		return true;
	if (c->page.after != NULL) {
		if (strcmp(c->page.after, key) == 0)
			c->page.after = NULL;
		return false;
	}
	c->page.has_more |= c->page.left == 0;
	if (c->page.left == 0)
		return false;
	c->page.left--;
	snprintf(c->page.last, sizeof(c->page.last), "%s", key);
	return true;
}

void
call_end_page(struct call *c)
{
	if (c->page.after != NULL)
		call_problem(c, 400, "parameter",
		    "cursor: use next_cursor of the page before; or what it names is gone");
	else
		call_end_items(c, c->page.has_more ? c->page.last : NULL);
}

void
call_put_host(struct call *c, const char *key, uint32_t number)
{
	const struct query_host *h = searcher_host(c->worker->searcher, number);

	ds_json_key(&c->json, key);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "id", h ? h->id : NULL);
	ds_json_put_string(&c->json, "name", h ? h->name : NULL);
	ds_json_end(&c->json);
}

/* ---- body */

static bool
wrong(struct call *c, const char *key, const char *expected)
{
	call_problem(c, 400, "body", "%s: expected %s", key, expected);
	return false;
}

bool
call_text(struct call *c, const char *key, const char *fallback, size_t max, const char **ret)
{
	json_t *v = json_object_get(c->body, key);

	*ret = fallback;
	if (v == NULL || json_is_null(v))
		return true;
	if (!json_is_string(v))
		return wrong(c, key, "a text");
	if (json_string_length(v) > max)
		return wrong(c, key, "a shorter text");
	*ret = json_string_value(v);
	for (const char *p = *ret; *p; p++)
		if ((unsigned char)*p < ' ')
			return wrong(c, key, "a text without control characters");
	return true;
}

bool
call_integer(
    struct call *c, const char *key, int64_t fallback, int64_t min, int64_t max, int64_t *ret)
{
	json_t *v = json_object_get(c->body, key);
	char expected[80];

	*ret = fallback;
	if (v == NULL || json_is_null(v))
		return true;
	*ret = json_integer_value(v);
	snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)min,
	    (long long)max);
	return (json_is_integer(v) && *ret >= min && *ret <= max) || wrong(c, key, expected);
}

bool
call_flag(struct call *c, const char *key, bool fallback, bool *ret)
{
	json_t *v = json_object_get(c->body, key);

	*ret = fallback;
	if (v == NULL || json_is_null(v))
		return true;
	*ret = json_is_true(v);
	return json_is_boolean(v) || wrong(c, key, "true or false");
}

bool
call_ttl(struct call *c, const char *key, uint64_t fallback_us, uint64_t *ret)
{
	json_t *v = json_object_get(c->body, key);
	uint64_t ms = 0;

	*ret = fallback_us;
	if (v == NULL || json_is_null(v))
		return true;
	if (json_is_integer(v) && json_integer_value(v) > 0 &&
	    json_integer_value(v) < (int64_t)INT32_MAX)
		ms = (uint64_t)json_integer_value(v) * 1000;
	else if (!json_is_string(v) || ds_conf_duration(json_string_value(v), &ms) < 0 || ms == 0)
		return wrong(c, key, "a duration like \"1h\" or a number of seconds");
	if (ms > UINT64_C(3650) * 24 * 3600 * 1000)
		return wrong(c, key, "at most ten years");
	*ret = ms * 1000;
	return true;
}

/* ---- settings */

json_t *
call_setting(struct call *c, const char *name, size_t max, json_t *empty)
{
	char *text = calloc(1, max);
	json_t *ret = NULL;
	int r = -ENOMEM;

	if (text != NULL)
		r = c->cfg->backend->setting_get(c->worker->reader, name, text, max);
	if (r == -ENOENT || (r >= 0 && *text == '\0'))
		ret = json_incref(empty);
	else if (r >= 0)
		ret = json_loads(text, 0, NULL);
	if (text != NULL)
		explicit_bzero(text, max);
	free(text);
	if (ret != NULL && json_typeof(ret) != json_typeof(empty)) {
		json_decref(ret);
		ret = NULL;
	}
	json_decref(empty);
	return ret;
}

/* ---- writing */

struct job {
	int (*run)(const struct store_backend *backend, struct store *store, void *ctx);
	void *ctx;
	struct audit_row audit;
	const struct request_row *request; /* NULL: it had no key */
};

static int
run_job(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct job *job = ctx;
	int result = job->run(backend, store, job->ctx);
	int r = result < 0 ? result : audit_append(backend, store, &job->audit);

	if (r >= 0 && job->request != NULL)
		r = backend->access->request_put(
		    store, job->request, job->request->created_us - REPEAT_AGE_US);
	return r < 0 ? r : result;
}

/* The body as it was sent, without its secrets; free(). */
static char *
audit_detail(const json_t *body)
{
	static const char *const secrets[] = { "password", "current", "new", "secret", "token",
		"totp", "code", "key" };
	json_t *copy = body != NULL ? json_copy((json_t *)(uintptr_t)body) : json_object();
	char *text;

	for (size_t i = 0; i < DS_LEN(secrets); i++)
		if (json_object_get(copy, secrets[i]) != NULL)
			json_object_set_new(copy, secrets[i], json_string("(not logged)"));
	text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(copy);
	/* Cut at a place that is no half of a character. */
	if (text != NULL && strlen(text) > AUDIT_DETAIL_MAX) {
		size_t len = AUDIT_DETAIL_MAX;

		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		text[len] = '\0';
	}
	return text;
}

int
call_write(struct call *c,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx)
{
	struct job job = { .run = run, .ctx = ctx };
	char *detail = audit_detail(c->body), action[160];
	int r;

	if (detail == NULL)
		return -ENOMEM;
	snprintf(action, sizeof(action), "%s %s", c->route->method, c->route->path);
	job.audit = (struct audit_row){ .time_us = ds_clock_wall_us(),
		.actor = c->actor != NULL ? c->actor : c->caller->name,
		.action = action,
		.subject = c->subject != NULL ? c->subject
			   : c->id != NULL    ? c->id
					      : "",
		.detail = detail };
	job.request = c->has_repeat ? &c->repeat : NULL;
	r = writer_run(c->cfg->writer, c->worker->replies, run_job, &job);
	c->has_changed |= r >= 0;
	free(detail);
	return r;
}
