/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile_versions - how a daemon's profile went from version to version, and going back.
 *
 * On the pool's threads; owns nothing.  Going back is a transaction of the request; the worker of
 * the host is told to read the profile again.
 */
#include "lib/clock.h"
#include "server/api/daemons.h"
#include "server/api/routes.h"
#include "server/ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The newest, whose texts a version that goes back takes over. */
struct newest {
	uint32_t number;
	char exe[512], package[256], package_version[256], image[512];
	uint8_t sha256[32];
};

struct going_back {
	struct call *c;
	uint32_t host, to;
	char daemon[DS_DAEMON_MAX + 1];
	bool found; /* the version to go back to */
	struct newest newest;
	uint64_t now_us;
};

static void
put_text(struct ds_json *j, const char *key, const char *text)
{
	if (*text)
		ds_json_put_string(j, key, text);
}

static int
put_version(const struct profile_version_row *row, void *ctx)
{
	struct call *c = ctx;
	struct ds_json *j = &c->json;
	char hash[65] = "", key[24];

	snprintf(key, sizeof(key), "%llu", (unsigned long long)row->number);
	if (!call_page_has(c, key))
		return 0;
	for (size_t i = 0; i < sizeof(row->sha256); i++)
		snprintf(hash + 2 * i, 3, "%02x", row->sha256[i]);
	ds_json_object(j);
	ds_json_put_uint(j, "version", row->number);
	if (row->parent != 0)
		ds_json_put_uint(j, "parent", row->parent);
	ds_json_put_string(j, "reason", row->reason);
	ds_json_put_string(j, "executable", row->exe);
	if (strspn(hash, "0") < 64)
		ds_json_put_string(j, "sha256", hash);
	put_text(j, "package", row->package);
	put_text(j, "package_version", row->package_version);
	put_text(j, "image", row->image);
	ds_json_put_time(j, "begun", row->begun_us);
	if (row->warm_until_us != 0)
		ds_json_put_time(j, "warm_until", row->warm_until_us);
	ds_json_put_uint(j, "inherited", row->inherited);
	ds_json_put_uint(j, "explained", row->explained);
	ds_json_put_uint(j, "told", row->told);
	ds_json_end(j);
	return 0;
}

void
profile_versions_list(struct call *c)
{
	char daemon[DS_DAEMON_MAX + 1];
	uint32_t host;
	int r;

	if (!daemons_find(c, &host, daemon))
		return;
	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->versions->each(c->worker->reader, host, daemon, put_version, c);
	if (r < 0)
		call_error(c, r, "cannot read the versions");
	else
		call_end_page(c);
}

/* ---- going back */

static int
see_version(const struct profile_version_row *row, void *ctx)
{
	struct going_back *g = ctx;
	struct newest *n = &g->newest;

	g->found |= row->number == g->to;
	n->number = row->number;
	snprintf(n->exe, sizeof(n->exe), "%s", row->exe);
	snprintf(n->package, sizeof(n->package), "%s", row->package);
	snprintf(n->package_version, sizeof(n->package_version), "%s", row->package_version);
	snprintf(n->image, sizeof(n->image), "%s", row->image);
	memcpy(n->sha256, row->sha256, sizeof(n->sha256));
	return 0;
}

static int
count_behaviour(const struct profile_row *row, void *ctx)
{
	uint64_t *n = ctx;

	*n += row->learnt;
	return 0;
}

static int
go_back(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct going_back *g = ctx;
	struct profile_version_row row = { .host = g->host,
		.daemon = g->daemon,
		.number = g->newest.number + 1,
		.parent = g->to,
		.reason = "rollback",
		.exe = g->newest.exe,
		.package = g->newest.package,
		.package_version = g->newest.package_version,
		.image = g->newest.image,
		.begun_us = g->now_us };
	int r = backend->versions->drop_after(store, g->host, g->daemon, g->to);

	memcpy(row.sha256, g->newest.sha256, sizeof(row.sha256));
	return r < 0 ? r : backend->versions->put(store, &row);
}

void
profile_versions_rollback(struct call *c)
{
	struct going_back g = { .c = c, .now_us = ds_clock_wall_us() };
	uint64_t left = 0;
	int64_t to;
	int r;

	if (!call_integer(c, "version", 0, 1, UINT32_MAX, &to) ||
	    !daemons_find(c, &g.host, g.daemon))
		return;
	g.to = (uint32_t)to;
	r = c->cfg->backend->versions->each(c->worker->reader, g.host, g.daemon, see_version, &g);
	if (r == 0 && !g.found) {
		call_problem(c, 404, "not-found", "there is no version %u of this profile", g.to);
		return;
	}
	if (r == 0 && g.to == g.newest.number) {
		call_problem(c, 409, "conflict", "version %u is what runs", g.to);
		return;
	}
	if (r == 0)
		r = call_write(c, go_back, &g);
	if (r == 0)
		r = c->cfg->backend->each_profile(
		    c->worker->reader, g.host, g.daemon, count_behaviour, &left);
	if (r < 0) {
		call_error(c, r, "the profile was not taken back");
		return;
	}
	if (c->cfg->ingest != NULL)
		ingest_forget(c->cfg->ingest, g.host, g.daemon);
	ds_json_object(&c->json);
	ds_json_put_uint(&c->json, "version", g.newest.number + 1);
	ds_json_put_uint(&c->json, "parent", g.to);
	ds_json_put_uint(&c->json, "behaviours", left);
	ds_json_end(&c->json);
}
