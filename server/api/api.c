/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api - puts the API's parts together, and keeps what `status` and the metrics tell.
 *
 * Started and stopped on main's thread; tick() runs on the followers' thread, the rest on any.
 */
#include "server/api/api.h"

#include "lib/clock.h"
#include "server/api/auth.h"
#include "server/api/described.h"
#include "server/api/follow.h"
#include "server/api/gate.h"
#include "server/api/hooks.h"
#include "server/api/signin.h"
#include "server/api/state.h"
#include "server/api/users.h"
#include "server/config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define THREADS 4u
#define SAMPLES 11u /* one a second */

struct api {
	struct api_config cfg;
	struct auth *auth;
	struct access *access;
	struct signin signin;
	struct described *described;
	struct hooks *hooks;
	struct follow *follow;
	struct http *http;
	uint64_t started_us;
	char url[160];
	_Atomic bool reload_failed;
	_Atomic uint64_t searches_cancelled;
	/* tick's own: events taken in, of the last seconds */
	uint64_t sample_events[SAMPLES], sample_ms[SAMPLES];
	unsigned samples;
	_Atomic uint64_t events_per_10s;
};

/* ---- once a second */

static void
tick(void *ctx)
{
	struct api *api = ctx;
	struct ingest_stats stats = { 0 };
	unsigned now = api->samples % SAMPLES, old;
	uint64_t ms;

	http_tick(api->http);
	if (api->cfg.ingest != NULL)
		ingest_get_stats(api->cfg.ingest, &stats);
	api->sample_events[now] = stats.events;
	api->sample_ms[now] = ds_clock_monotonic_ms();
	old = api->samples < SAMPLES ? 0 : (api->samples + 1) % SAMPLES;
	ms = api->sample_ms[now] - api->sample_ms[old];
	api->events_per_10s =
	    ms ? (api->sample_events[now] - api->sample_events[old]) * 10000 / ms : 0;
	api->samples++;
}

static bool
may_stay(void *ctx, const struct caller *caller, const char *scope)
{
	struct api *api = ctx;
	struct gate gate = { api->auth, api->access };

	return gate_still(&gate, caller, scope);
}

/* ---- start and stop */

static void
name_url(struct api *api)
{
	const struct server_config *c = api->cfg.server;
	const char *colon = strrchr(c->api_listen, ':');

	if (c->api_listen[0] && colon != NULL)
		snprintf(api->url, sizeof(api->url), "http%s://%.*s:%u/api/v1/",
		    c->api_tls_cert[0] ? "s" : "", (int)(colon - c->api_listen), c->api_listen,
		    http_port(api->http));
	else
		snprintf(api->url, sizeof(api->url), "unix:%s", c->api_unix);
}

/* Tokens and users; the first user where there is none. */
static int
read_callers(struct api *api)
{
	const struct store_backend *backend = api->cfg.backend;
	struct reader *reader;
	int r = backend->reader_open(api->cfg.store, &reader);

	if (r < 0)
		return r;
	r = auth_read(api->auth, backend, reader);
	if (r == 0)
		r = access_read(api->access, backend, reader);
	if (r == 0 && strcmp(backend->name, "null") != 0)
		r = users_first(&api->cfg, api->access);
	if (r == 0)
		r = access_read(api->access, backend, reader);
	backend->reader_close(reader);
	return r;
}

/* Whatever the handlers read is set before the first of them can run. */
static int
start(struct api *api, char *why, size_t size)
{
	struct http_config http = { .api = api, .cfg = &api->cfg, .threads = THREADS };
	const char *openapi;
	size_t size_of_openapi;
	int r;

	api->auth = auth_new();
	api->access = access_new();
	r = api->auth != NULL && api->access != NULL ? read_callers(api) : -ENOMEM;
	if (r < 0) {
		snprintf(why, size, "cannot read who may use the API: %s", strerror(-r));
		return r;
	}
	openapi = openapi_get(&size_of_openapi);
	api->described = described_new(openapi, size_of_openapi);
	if (api->described == NULL) {
		snprintf(why, size, "no memory");
		return -ENOMEM;
	}
	api->hooks = hooks_new(&api->cfg.server->hooks, why, size);
	if (api->hooks == NULL)
		return -EINVAL;
	http.gate = (struct gate){ api->auth, api->access };
	api->http = http_new(&http, why, size);
	if (api->http == NULL)
		return -EIO;
	name_url(api);
	api->follow = follow_start(&api->cfg, tick, may_stay, api);
	if (api->follow == NULL) {
		snprintf(why, size, "cannot start the followers' thread");
		return -ENOMEM;
	}
	return http_serve(api->http, api->follow, why, size);
}

struct api *
api_start(const struct api_config *cfg, char *why, size_t size)
{
	struct api *api = calloc(1, sizeof(*api));

	snprintf(why, size, "no memory");
	if (api == NULL)
		return NULL;
	api->cfg = *cfg;
	api->started_us = ds_clock_wall_us();
	if (start(api, why, size) < 0) {
		api_stop(api);
		return NULL;
	}
	return api;
}

void
api_stop(struct api *api)
{
	if (api == NULL)
		return;
	if (api->http != NULL)
		http_quiesce(api->http);
	follow_stop(api->follow);
	http_stop(api->http);
	follow_free(api->follow);
	auth_free(api->auth);
	access_free(api->access);
	described_free(api->described);
	hooks_free(api->hooks);
	free(api);
}

unsigned
api_port(const struct api *api)
{
	return http_port(api->http);
}

int
api_reload(struct api *api, const struct server_config *c, char *why, size_t size)
{
	return http_reload(api->http, c, why, size);
}

void
api_set_reload_failed(struct api *api, bool failed)
{
	api->reload_failed = failed;
}

/* ---- what is known */

uint64_t
api_started_us(const struct api *api)
{
	return api->started_us;
}

const char *
api_url(const struct api *api)
{
	return api->url;
}

struct auth *
api_auth(const struct api *api)
{
	return api->auth;
}

struct access *
api_access(const struct api *api)
{
	return api->access;
}

struct signin *
api_signin(struct api *api)
{
	return &api->signin;
}

const struct described *
api_described(const struct api *api)
{
	return api->described;
}

const struct hooks *
api_hooks(const struct api *api)
{
	return api->hooks;
}

const struct http_stats *
api_http_stats(const struct api *api)
{
	return http_get_stats(api->http);
}

void
api_search_cancelled(struct api *api)
{
	api->searches_cancelled++;
}

uint64_t
api_searches_cancelled(const struct api *api)
{
	return api->searches_cancelled;
}

unsigned
api_followers(const struct api *api)
{
	return follow_count(api->follow);
}

bool
api_reload_failed(const struct api *api)
{
	return api->reload_failed;
}

static int
add_session(const struct session_info *s, void *ctx)
{
	struct rates *ret = ctx;

	ret->sessions++;
	ret->lag_us = DS_MAX(ret->lag_us, s->lag_us);
	ret->lost += s->lost;
	ret->gaps += s->gaps;
	return 0;
}

void
api_get_rates(const struct api *api, struct rates *ret)
{
	*ret = (struct rates){ .events_per_second = (double)api->events_per_10s / 10 };
	if (api->cfg.ingest != NULL)
		(void)ingest_each_session(api->cfg.ingest, add_session, ret); /* 0 always */
}

bool
api_session(const struct api_config *cfg, uint32_t host, struct session_info *ret)
{
	return cfg->ingest != NULL && ingest_session(cfg->ingest, host, ret);
}

int
api_get_counts(struct call_worker *w, struct counts *ret)
{
	const struct store_backend *b = w->cfg->backend;
	struct rates rates;
	int r;

	*ret = (struct counts){ 0 };
	r = b->fleet_counts(w->reader, &ret->fleet);
	if (r == 0)
		r = b->reactions->count(w->reader, &ret->reactions);
	api_get_rates(w->api, &rates);
	ret->hosts_connected = rates.sessions;
	return r;
}

uint64_t
api_disk_free(const struct api_config *cfg, uint64_t *ret_total)
{
	struct statvfs fs;

	*ret_total = 0;
	if (statvfs(cfg->server->state_dir, &fs) < 0)
		return 0;
	*ret_total = (uint64_t)fs.f_blocks * fs.f_frsize;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}
