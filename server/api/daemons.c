/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemons - the daemons of hosts, and what is normal for one.
 *
 * On the pool's threads; owns nothing.
 */
#include "server/api/daemons.h"

#include "server/api/query_list.h"
#include "server/api/routes.h"
#include "server/detect/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_PREFIX   "dmn_"
#define UNIT_SUFFIX ".service"

struct listing {
	struct call *c;
	struct query *query;
	uint64_t after, last;
	unsigned left;
	bool more;
	/* only these: of an id, or of a name (and a host, when several have it) */
	uint64_t number;
	char name[DS_DAEMON_MAX + 1];
	uint32_t host;
	uint32_t found_host;
	uint64_t found_number;
	char found_name[DS_DAEMON_MAX + 1];
	unsigned found;
};

static void
put_hash(struct ds_json *j, const char *key, const uint8_t hash[32])
{
	char text[65];

	if (hash[0] == 0 && memcmp(hash, hash + 1, 31) == 0)
		return;
	for (size_t i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	ds_json_put_string(j, key, text);
}

static void
put_text(struct ds_json *j, const char *key, const char *text)
{
	if (text != NULL && *text)
		ds_json_put_string(j, key, text);
}

/* A JSON array that the detector wrote, or an empty one. */
static void
put_blockers(struct ds_json *j, const char *text)
{
	json_t *v = text != NULL && *text ? json_loads(text, 0, NULL) : NULL;

	ds_json_key(j, "blockers");
	if (json_is_array(v))
		ds_json_raw(j, text, strlen(text));
	else
		ds_json_raw(j, "[]", 2);
	json_decref(v);
}

static void
put_members(struct call *c, const struct daemon_row *row)
{
	struct ds_json *j = &c->json;
	char id[32];

	snprintf(id, sizeof(id), ID_PREFIX "%" PRIu64, row->number);
	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "name", row->name);
	call_put_host(c, "host", row->host);
	ds_json_put_string(j, "role", row->role);
	ds_json_put_string(j, "state", row->gone ? "gone" : row->state);
	ds_json_put_double(j, "coverage", row->coverage);
	put_blockers(j, row->blockers);
	ds_json_put_uint(j, "events", row->events);
	ds_json_put_time(j, "first_seen", row->first_seen_us);
	ds_json_put_time(j, "last_seen", row->last_seen_us);
	ds_json_put_uint(j, "pid", row->pid);
	put_text(j, "unit", row->unit);
	put_text(j, "instance", row->instance);
	put_text(j, "executable", row->exe);
	put_hash(j, "sha256", row->sha256);
	put_text(j, "package", row->package);
	put_text(j, "package_version", row->package_version);
	put_text(j, "container", row->container);
	put_text(j, "container_name", row->container_name);
	put_text(j, "image", row->image);
	if (row->starter != NULL && *row->starter) {
		ds_json_put_string(j, "starter", row->starter);
		ds_json_put_double(j, "starter_confidence", row->starter_confidence);
	}
}

static void
put_daemon(struct call *c, const struct daemon_row *row)
{
	ds_json_object(&c->json);
	put_members(c, row);
	ds_json_end(&c->json);
}

static bool
get_field(void *ctx, const char *field, struct query_datum *ret)
{
	return query_datum_from(ctx, field, ret);
}

static bool
is_wanted(struct listing *l, const struct daemon_row *row)
{
	const struct query_host *host =
	    query_is_empty(l->query) ? NULL : searcher_host(l->c->worker->searcher, row->host);
	struct query_text_of texts[] = {
		{ "service.name", row->name },
		{ "service.type", row->role },
		{ "host.name", host ? host->name : NULL },
		{ "host.id", host ? host->id : NULL },
		{ "state", row->gone ? "gone" : row->state },
		{ "process.executable", row->exe },
		{ "package.name", row->package },
		{ "package.version", row->package_version },
		{ NULL, NULL },
	};

	return query_match(l->query, get_field, texts);
}

static bool
is_named(const struct listing *l, const struct daemon_row *row)
{
	if (l->number != 0)
		return row->number == l->number;
	return l->name[0] == '\0' || strcmp(row->name, l->name) == 0;
}

static int
list_daemon(const struct daemon_row *row, void *ctx)
{
	struct listing *l = ctx;

	if (row->number <= l->after || !is_named(l, row) || !is_wanted(l, row))
		return 0;
	if (l->left == 0) {
		l->more = true;
		return 1;
	}
	l->left--;
	l->last = row->number;
	put_daemon(l->c, row);
	return 0;
}

/* ?host= by id or name; 0: all. */
static bool
read_host(struct call *c, uint32_t *ret)
{
	const char *text = c->get(c->request, "host");

	*ret = 0;
	if (text == NULL || *text == '\0')
		return true;
	*ret = searcher_find_host(c->worker->searcher, text);
	if (*ret != 0)
		return true;
	call_problem(c, 404, "not-found", "there is no host \"%s\"", text);
	return false;
}

struct naming {
	const char *given;
	bool has_unit;
};

/* 1: some daemon has the very name. */
static int
see_name(const struct daemon_row *row, void *ctx)
{
	struct naming *n = ctx;
	size_t len = strlen(n->given);

	if (strncmp(row->name, n->given, len) != 0)
		return 0;
	n->has_unit = n->has_unit || strcmp(row->name + len, UNIT_SUFFIX) == 0;
	return row->name[len] == '\0';
}

bool
daemons_name(struct call *c, uint32_t host, const char *given, char ret[DS_DAEMON_MAX + 1])
{
	struct naming n = { .given = given };
	int r = 0;

	if (*given)
		r = c->cfg->backend->each_daemon(c->worker->reader, host, see_name, &n);
	if (r < 0)
		call_error(c, r, "cannot read the daemons");
	snprintf(ret, DS_DAEMON_MAX + 1, "%s%s", given, r == 0 && n.has_unit ? UNIT_SUFFIX : "");
	return r >= 0;
}

/* An id, or a name on l->host; false and a problem. */
static bool
read_name(struct listing *l, const char *text)
{
	int end = 0;

	if (sscanf(text, ID_PREFIX "%" SCNu64 "%n", &l->number, &end) == 1 && text[end] == '\0')
		return true;
	l->number = 0;
	return daemons_name(l->c, l->host, text, l->name);
}

void
daemons_list(struct call *c)
{
	struct listing l = { .c = c };
	const char *daemon = c->get(c->request, "daemon");
	struct query_list what;
	char cursor[24];
	int r;

	if (!call_limit(c, CALL_LIMIT_MAX, &l.left) || !call_number_cursor(c, &l.after) ||
	    !read_host(c, &l.host) || (daemon != NULL && *daemon && !read_name(&l, daemon)))
		return;
	l.query = call_query(c, &query_daemons);
	if (l.query == NULL)
		return;
	call_begin_items(c);
	query_list_init(&what, l.query);
	what.filter.after = l.after;
	r = l.host != 0
		? c->cfg->backend->each_daemon(c->worker->reader, l.host, list_daemon, &l)
		: c->cfg->backend->lists->daemons(c->worker->reader, &what.filter, list_daemon, &l);
	query_free(l.query);
	if (r < 0) {
		call_error(c, r, "cannot read the daemons");
		return;
	}
	snprintf(cursor, sizeof(cursor), "%" PRIu64, l.last);
	call_end_items(c, l.more ? cursor : NULL);
}

/* ---- one */

static int
find_one(const struct daemon_row *row, void *ctx)
{
	struct listing *l = ctx;

	if (l->number != 0 && row->number > l->number)
		return 1;
	if (!is_named(l, row))
		return 0;
	l->found++;
	l->found_number = row->number;
	l->found_host = row->host;
	snprintf(l->found_name, sizeof(l->found_name), "%s", row->name);
	return l->number != 0; /* there is one of a number */
}

/* By id, or by name where that says which; false and a problem. */
static bool
find_daemon(struct call *c, struct listing *l)
{
	int r;

	*l = (struct listing){ .c = c };
	if (!read_host(c, &l->host) || !read_name(l, c->id))
		return false;
	r = l->number != 0 && l->host == 0
		? c->cfg->backend->each_daemon_after(c->worker->reader, l->number - 1, find_one, l)
		: c->cfg->backend->each_daemon(c->worker->reader, l->host, find_one, l);
	if (r < 0)
		call_error(c, r, "cannot read the daemons");
	else if (l->found == 0)
		call_problem(c, 404, "not-found", "there is no daemon \"%s\"", c->id);
	else if (l->found > 1)
		call_problem(c, 409, "conflict",
		    "%u daemons are named \"%s\": say which by its id, or with host=", l->found,
		    c->id);
	return r >= 0 && l->found == 1;
}

bool
daemons_find(struct call *c, uint32_t *ret_host, char ret_name[DS_DAEMON_MAX + 1])
{
	struct listing l;

	if (!find_daemon(c, &l))
		return false;
	*ret_host = l.found_host;
	memcpy(ret_name, l.found_name, sizeof(l.found_name));
	return true;
}

static int
show_found(const struct daemon_row *row, void *ctx)
{
	struct listing *l = ctx;

	if (row->number != l->found_number)
		return 0;
	put_members(l->c, row);
	return 1;
}

void
daemons_show(struct call *c)
{
	struct listing l;
	int r;

	if (!find_daemon(c, &l))
		return;
	ds_json_object(&c->json);
	r = c->cfg->backend->each_daemon(c->worker->reader, l.found_host, show_found, &l);
	if (r < 0) {
		call_error(c, r, "cannot read the daemon");
		return;
	}
	ds_json_end(&c->json);
}

static int
put_behaviour(const struct profile_row *row, void *ctx)
{
	struct listing *l = ctx;
	struct ds_json *j = &l->c->json;
	const struct ds_kind_info *kind = &ds_kind_table[row->kind % DS_EVENT_MAX];
	char text[KEY_MAX + 64];

	if (l->left == 0) {
		l->more = true;
		return 1;
	}
	l->left--;
	key_text(row->kind, row->key, row->key_size, text, sizeof(text));
	ds_json_object(j);
	ds_json_put_string(j, "action", kind->action ? kind->action : "unknown");
	ds_json_put_string(j, "what", text);
	ds_json_put_uint(j, "count", row->count);
	ds_json_put_bool(j, "learnt", row->learnt);
	ds_json_put_time(j, "first_seen", row->first_us);
	ds_json_put_time(j, "last_seen", row->last_us);
	ds_json_end(j);
	return 0;
}

/* What is normal, how far it is learnt and what is missing. */
void
daemons_profile(struct call *c)
{
	struct ds_json *j = &c->json;
	struct listing l;
	unsigned limit;
	int r;

	if (!call_limit(c, CALL_LIMIT_MAX, &limit) || !find_daemon(c, &l))
		return;
	l.left = limit;
	ds_json_object(j);
	ds_json_key(j, "daemon");
	ds_json_object(j);
	r = c->cfg->backend->each_daemon(c->worker->reader, l.found_host, show_found, &l);
	ds_json_end(j);
	ds_json_key(j, "behaviours");
	ds_json_array(j);
	if (r >= 0)
		r = c->cfg->backend->each_profile(
		    c->worker->reader, l.found_host, l.found_name, put_behaviour, &l);
	if (r < 0) {
		call_error(c, r, "cannot read the profile");
		return;
	}
	ds_json_end(j);
	ds_json_put_bool(j, "complete", !l.more);
	ds_json_end(j);
}
