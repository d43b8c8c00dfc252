/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learning - expectations (what verdicts said) and deployments (what is about to change).
 *
 * On the pool's threads; owns nothing.  The fleet's thread tells the workers.
 */
#include "lib/clock.h"
#include "server/api/caller.h"
#include "server/api/meant.h"
#include "server/api/routes.h"
#include "server/api/search.h"
#include "server/detect/key.h"
#include "server/fleet/fleet.h"
#include "server/ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_US     (UINT64_C(1800) * 1000000)
#define TTL_MAX_US (UINT64_C(7) * 86400 * 1000000)
#define NOTE_MAX   2000u
#define ID_SIZE    32u

static void
tell_fleet(struct call *c)
{
	if (c->cfg->fleet != NULL)
		fleet_forget(c->cfg->fleet, 0, "");
}

/* "exp_12" -> 12; 0: no such. */
static uint64_t
number_of(const char *id, const char *prefix)
{
	size_t len = strlen(prefix);
	char *end;
	unsigned long long n;

	if (id == NULL || strncmp(id, prefix, len) != 0)
		return 0;
	n = strtoull(id + len, &end, 10);
	return *end == '\0' ? n : 0;
}

/* ---- expectations */

static const char *
state_of(const struct expectation_row *row, uint64_t now_us)
{
	if (row->undone_us != 0)
		return "undone";
	return row->expires_us != 0 && row->expires_us <= now_us ? "expired" : "holds";
}

static int
put_expectation(const struct expectation_row *row, void *ctx)
{
	struct call *c = ctx;
	struct ds_json *j = &c->json;
	char text[KEY_MAX + 40], id[32];

	snprintf(id, sizeof(id), "exp_%llu", (unsigned long long)row->number);
	if (!call_page_has(c, id))
		return 0;
	key_text(row->kind, row->key, row->key_size, text, sizeof(text));
	ds_json_object(j);
	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "scope", row->scope);
	if (row->host != 0)
		call_put_host(c, "host", row->host);
	ds_json_put_string(j, "label", row->label[0] ? row->label : NULL);
	ds_json_put_string(j, "daemon", row->class[0] ? row->class : NULL);
	ds_json_put_string(j, "action",
	    row->kind < DS_EVENT_MAX && ds_kind_table[row->kind].symbol
		? ds_kind_table[row->kind].action
		: "");
	ds_json_put_bytes(j, "behaviour", text, strlen(text));
	ds_json_put_string(j, "alert_id", row->alert_id);
	ds_json_put_string(j, "verdict", row->verdict);
	ds_json_put_string(j, "by", row->by);
	ds_json_put_string(j, "note", row->note[0] ? row->note : NULL);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_key(j, "expires");
	if (row->expires_us != 0)
		ds_json_time(j, row->expires_us);
	else
		ds_json_null(j);
	ds_json_put_string(j, "status", state_of(row, ds_clock_wall_us()));
	if (row->undone_us != 0) {
		ds_json_put_time(j, "undone", row->undone_us);
		ds_json_put_string(j, "undone_by", row->undone_by);
	}
	ds_json_end(j);
	return 0;
}

void
expectations_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->learning->each_expectation(c->worker->reader, put_expectation, c);
	if (r < 0)
		call_error(c, r, "cannot read the expectations");
	else
		call_end_page(c);
}

struct undoing {
	struct call *c;
	uint64_t number, now_us;
	const char *by;
	/* of the expectation, and of its alert */
	bool found, learnt;
	uint8_t kind;
	struct key key;
	char alert_id[64], daemon[DS_DAEMON_MAX + 1];
	uint32_t host;
};

static int
see_expectation(const struct expectation_row *row, void *ctx)
{
	struct undoing *u = ctx;

	if (row->number != u->number)
		return 0;
	u->found = true;
	u->learnt = row->expires_us == 0;
	u->kind = row->kind;
	u->key.size = row->key_size < KEY_MAX ? row->key_size : KEY_MAX;
	memcpy(u->key.data, row->key, u->key.size);
	snprintf(u->alert_id, sizeof(u->alert_id), "%s", row->alert_id);
	return 1;
}

static int
see_alert(const struct alert_row *row, void *ctx)
{
	struct undoing *u = ctx;

	u->host = row->host;
	snprintf(u->daemon, sizeof(u->daemon), "%s", row->daemon != NULL ? row->daemon : "");
	return 0;
}

/* What was made part of the profile for ever is taken out of it again. */
static int
undo(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct undoing *u = ctx;
	const struct profile_row row = { .host = u->host,
		.daemon = u->daemon,
		.kind = u->kind,
		.key = u->key.data,
		.key_size = u->key.size,
		.count = 1,
		.first_us = u->now_us,
		.last_us = u->now_us };
	int r = backend->learning->expectation_undo(store, u->number, u->by, u->now_us);

	if (r == 0)
		return -ENOENT;
	if (r > 0 && u->learnt && u->host != 0)
		r = backend->profile_put(store, &row);
	return r < 0 ? r : 0;
}

void
expectations_undo(struct call *c)
{
	struct undoing u = { .c = c,
		.number = number_of(c->id, "exp_"),
		.now_us = ds_clock_wall_us(),
		.by = c->caller->name };
	int r = u.number != 0 ? c->cfg->backend->learning->each_expectation(
				    c->worker->reader, see_expectation, &u)
			      : 0;

	if (r >= 0 && u.found)
		r = c->cfg->backend->alert_get(c->worker->reader, u.alert_id, see_alert, &u);
	if (r >= 0)
		r = u.found ? call_write(c, undo, &u) : -ENOENT;
	if (r == -ENOENT) {
		call_problem(
		    c, 404, "not-found", "there is no expectation \"%s\" that holds", c->id);
		return;
	}
	if (r < 0) {
		call_error(c, r, "the expectation was not undone");
		return;
	}
	if (u.learnt && u.host != 0 && c->cfg->ingest != NULL)
		ingest_forget(c->cfg->ingest, u.host, u.daemon);
	tell_fleet(c);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "id", c->id);
	ds_json_put_string(&c->json, "status", "undone");
	ds_json_end(&c->json);
}

/* ---- deployments */

static void
format_id(const struct deployment_row *row, char ret[ID_SIZE])
{
	snprintf(ret, ID_SIZE, "dpl_%llu", (unsigned long long)row->number);
}

static void
put_members(struct call *c, const struct deployment_row *row, const char *id)
{
	struct ds_json *j = &c->json;
	uint64_t now_us = ds_clock_wall_us();

	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "daemon", row->daemon[0] ? row->daemon : NULL);
	if (row->host != 0)
		call_put_host(c, "host", row->host);
	ds_json_put_string(j, "label", row->label[0] ? row->label : NULL);
	ds_json_put_string(j, "by", row->by);
	ds_json_put_string(j, "note", row->note[0] ? row->note : NULL);
	ds_json_put_time(j, "begun", row->begun_us);
	ds_json_put_time(j, "until", row->until_us);
	if (row->ended_us != 0)
		ds_json_put_time(j, "ended", row->ended_us);
	ds_json_put_string(j, "status",
	    row->ended_us != 0        ? "ended"
	    : row->until_us <= now_us ? "over"
				      : "open");
}

static int
put_deployment(const struct deployment_row *row, void *ctx)
{
	struct call *c = ctx;
	char id[ID_SIZE];

	format_id(row, id);
	if (!call_page_has(c, id))
		return 0;
	ds_json_object(&c->json);
	put_members(c, row, id);
	ds_json_end(&c->json);
	return 0;
}

/* What is deployed may be there for the first time afterwards: then it is only said. */
static void
put_begun(struct call *c, const struct deployment_row *row, const struct meant *m)
{
	char id[ID_SIZE];

	format_id(row, id);
	ds_json_object(&c->json);
	put_members(c, row, id);
	ds_json_put_bool(&c->json, "known", m->found);
	if (!m->found && m->name[0] != '\0')
		ds_json_put_string(&c->json, "nearest", m->name);
	ds_json_end(&c->json);
}

void
deployments_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->learning->each_deployment(c->worker->reader, put_deployment, c);
	if (r < 0)
		call_error(c, r, "cannot read the deployments");
	else
		call_end_page(c);
}

static int
begin(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->learning->deployment_put(store, ctx);
}

void
deployments_begin(struct call *c)
{
	struct deployment_row row = { .by = c->caller->name, .begun_us = ds_clock_wall_us() };
	const char *daemon, *host;
	struct meant meant;
	char class[CLASS_MAX];
	uint64_t ttl_us;
	int r;

	if (!call_text(c, "daemon", "", CLASS_MAX - 1, &daemon) ||
	    !call_text(c, "host", "", 256, &host) || !call_text(c, "label", "", 120, &row.label) ||
	    !call_text(c, "note", "", NOTE_MAX, &row.note) || !call_ttl(c, "ttl", TTL_US, &ttl_us))
		return;
	if (ttl_us == 0 || ttl_us > TTL_MAX_US) {
		call_problem(c, 400, "body", "ttl: expected at most 7d");
		return;
	}
	if (daemon[0] == '\0') {
		call_problem(c, 400, "body", "daemon: which one is deployed?");
		return;
	}
	if (host[0] != '\0')
		row.host = searcher_find_host(c->worker->searcher, host);
	if (host[0] != '\0' && row.host == 0) {
		meant_refuse_host(c, host);
		return;
	}
	key_class(daemon, "", class, sizeof(class));
	row.daemon = class;
	row.until_us = row.begun_us + ttl_us;
	r = meant_daemon(c, daemon, &meant);
	if (r == 0)
		r = call_write(c, begin, &row);
	if (r < 0) {
		call_error(c, r, "the deployment was not begun");
		return;
	}
	tell_fleet(c);
	c->status = 201;
	put_begun(c, &row, &meant);
}

struct ending {
	uint64_t number, now_us;
};

static int
end(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct ending *e = ctx;
	int r = backend->learning->deployment_end(store, e->number, e->now_us);

	return r == 0 ? -ENOENT : r < 0 ? r : 0;
}

void
deployments_end(struct call *c)
{
	struct ending e = { number_of(c->id, "dpl_"), ds_clock_wall_us() };
	int r = e.number != 0 ? call_write(c, end, &e) : -ENOENT;

	if (r == -ENOENT) {
		call_problem(c, 404, "not-found", "there is no open deployment \"%s\"", c->id);
		return;
	}
	if (r < 0) {
		call_error(c, r, "the deployment was not ended");
		return;
	}
	tell_fleet(c);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "id", c->id);
	ds_json_put_string(&c->json, "status", "ended");
	ds_json_end(&c->json);
}
