/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status - everything at a glance: GET status, /healthz, /readyz, settings.
 *
 * On the pool's threads; owns nothing.
 */
#include "lib/clock.h"
#include "server/api/routes.h"
#include "server/api/state.h"
#include "server/config.h"
#include "server/fleet/allow.h"
#include "server/fleet/fleet.h"
#include "server/react/react.h"
#include "server/store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOSTS_SHOWN   100u
#define DISK_FREE_MIN 5u /* per cent: less is not ready */

struct health {
	struct writer_stats writer;
	struct store_totals totals;
	uint64_t disk_free, disk_total;
	const char *status; /* ok, degraded, failed */
	char why[160];
};

static int
read_health(struct call *c, struct health *h)
{
	int r;

	*h = (struct health){ .status = "ok" };
	writer_get_stats(c->cfg->writer, &h->writer);
	h->disk_free = api_disk_free(c->cfg, &h->disk_total);
	r = c->cfg->backend->totals(c->worker->reader, &h->totals);
	if (r < 0)
		return r;
	if (h->writer.last_error < 0) {
		h->status = "failed";
		snprintf(h->why, sizeof(h->why), "nothing can be stored: %s",
		    strerror(-h->writer.last_error));
	} else if (h->disk_total > 0 && h->disk_free < h->disk_total / 100 * DISK_FREE_MIN) {
		h->status = "degraded";
		snprintf(
		    h->why, sizeof(h->why), "less than %u %% of the disk is free", DISK_FREE_MIN);
	} else if (api_reload_failed(c->worker->api)) {
		h->status = "degraded";
		snprintf(h->why, sizeof(h->why),
		    "the changed configuration was refused, the old one is in use");
	}
	return 0;
}

static void
put_store(struct ds_json *j, const struct health *h)
{
	const struct writer_stats *w = &h->writer;

	ds_json_key(j, "store");
	ds_json_object(j);
	ds_json_put_string(j, "status", h->status);
	if (h->why[0])
		ds_json_put_string(j, "reason", h->why);
	ds_json_put_uint(j, "events", h->totals.events);
	ds_json_put_uint(j, "segments", h->totals.segments);
	ds_json_put_uint(j, "bytes", h->totals.bytes);
	ds_json_put_uint(j, "control_bytes", h->totals.control_bytes);
	ds_json_put_uint(j, "days", h->totals.days);
	if (h->totals.newest_us > 0) {
		ds_json_put_time(j, "oldest", h->totals.oldest_us);
		ds_json_put_time(j, "newest", h->totals.newest_us);
	}
	ds_json_put_uint(j, "disk_free_bytes", h->disk_free);
	ds_json_put_uint(j, "backlog", w->backlog);
	ds_json_put_uint(j, "commits", w->commits);
	ds_json_put_double(j, "commit_ms",
	    w->commits ? (double)w->commit_us_total / (double)w->commits / 1000 : 0);
	ds_json_put_double(j, "commit_ms_max", (double)w->commit_us_max / 1000);
	ds_json_put_uint(j, "failures", w->failures);
	ds_json_end(j);
}

static void
put_health(struct call *c, const struct health *h)
{
	struct ds_json *j = &c->json;

	ds_json_key(j, "health");
	ds_json_object(j);
	ds_json_put_string(j, "status", h->status);
	put_store(j, h);
	ds_json_key(j, "models");
	ds_json_object(j);
	ds_json_put_string(j, "status", "ok");
	ds_json_put_string(j, "kind", "profiles");
	ds_json_end(j);
	ds_json_key(j, "channels");
	ds_json_array(j);
	channels_put_health(c);
	ds_json_end(j);
	ds_json_end(j);
}

static void
put_counts(struct ds_json *j, const struct counts *n)
{
	ds_json_key(j, "counts");
	ds_json_object(j);
	ds_json_key(j, "hosts");
	ds_json_object(j);
	ds_json_put_uint(j, "total", n->fleet.hosts);
	ds_json_put_uint(j, "connected", n->hosts_connected);
	ds_json_put_uint(j, "pending", n->fleet.hosts_pending);
	ds_json_put_uint(j, "revoked", n->fleet.hosts_revoked);
	ds_json_end(j);
	ds_json_key(j, "daemons");
	ds_json_object(j);
	ds_json_put_uint(j, "total", n->fleet.daemons);
	ds_json_put_uint(j, "ready", n->fleet.daemons_ready);
	ds_json_put_uint(
	    j, "learning", n->fleet.daemons - n->fleet.daemons_gone - n->fleet.daemons_ready);
	ds_json_put_uint(j, "gone", n->fleet.daemons_gone);
	ds_json_end(j);
	ds_json_key(j, "alerts");
	ds_json_object(j);
	ds_json_put_uint(j, "total",
	    n->fleet.alerts_open + n->fleet.alerts_acknowledged + n->fleet.alerts_closed);
	ds_json_put_uint(j, "open", n->fleet.alerts_open);
	ds_json_put_uint(j, "acknowledged", n->fleet.alerts_acknowledged);
	ds_json_put_uint(j, "closed", n->fleet.alerts_closed);
	ds_json_end(j);
	ds_json_key(j, "reactions");
	ds_json_object(j);
	ds_json_put_uint(j, "total", n->reactions.total);
	ds_json_put_uint(j, "dry_run", n->reactions.dry_run);
	ds_json_put_uint(j, "waiting", n->reactions.waiting);
	ds_json_put_uint(j, "in_effect", n->reactions.in_effect);
	ds_json_put_uint(j, "failed", n->reactions.failed);
	ds_json_put_uint(j, "expired", n->reactions.expired);
	ds_json_put_uint(j, "undone", n->reactions.undone);
	ds_json_end(j);
	ds_json_end(j);
}

static void
put_ingest(struct call *c)
{
	struct ds_json *j = &c->json;
	struct ingest_stats s = { 0 };
	struct rates rates;

	if (c->cfg->ingest != NULL)
		ingest_get_stats(c->cfg->ingest, &s);
	api_get_rates(c->worker->api, &rates);
	ds_json_key(j, "ingest");
	ds_json_object(j);
	ds_json_put_double(j, "events_per_second", rates.events_per_second);
	ds_json_put_double(j, "lag_seconds", (double)rates.lag_us / 1e6);
	ds_json_put_uint(j, "events", s.events);
	ds_json_put_uint(j, "batches", s.batches);
	ds_json_put_uint(j, "bytes", s.bytes_in);
	ds_json_put_uint(j, "duplicates", s.duplicates);
	ds_json_put_uint(j, "gaps", s.gaps);
	ds_json_put_uint(j, "lost", rates.lost);
	ds_json_put_uint(j, "bad_frames", s.bad_frames);
	ds_json_put_uint(j, "refused", s.refused);
	ds_json_put_uint(j, "sessions", rates.sessions);
	ds_json_put_uint(j, "followers", api_followers(c->worker->api));
	ds_json_end(j);
}

struct said_modes {
	enum react_mode fleet, most;
	uint64_t others;
};

static int
see_mode(const struct mode_row *row, void *ctx)
{
	struct said_modes *said = ctx;
	bool is_fleet = row->host == 0 && !row->label[0] && !row->daemon[0];
	enum react_mode mode;

	if (react_mode_parse(row->mode, &mode) < 0)
		mode = REACT_MONITOR;
	if (is_fleet)
		said->fleet = mode;
	said->others += !is_fleet;
	said->most = DS_MAX(said->most, mode);
	return 0;
}

static void
put_pause(struct call *c, bool is_paused)
{
	char text[512] = "";
	json_t *doc;

	ds_json_put_bool(&c->json, "paused", is_paused);
	if (!is_paused || c->cfg->backend->setting_get(
			      c->worker->reader, REACT_PAUSED_SETTING, text, sizeof(text)) < 0)
		return;
	doc = json_loads(text, 0, NULL);
	ds_json_put_string(&c->json, "paused_by", json_string_value(json_object_get(doc, "by")));
	ds_json_put_time(&c->json, "paused_since",
	    (uint64_t)json_integer_value(json_object_get(doc, "since_us")));
	json_decref(doc);
}

/* The fleet's, and whether there is more of it anywhere; GET modes has the rest. */
static void
put_mode(struct call *c)
{
	struct said_modes said = { 0 };
	struct react_stats stats = { 0 };

	if (c->cfg->backend->reactions->each_mode(c->worker->reader, see_mode, &said) < 0)
		said = (struct said_modes){ 0 }; /* the rest says that the store is ill */
	if (c->cfg->react != NULL)
		react_get_stats(c->cfg->react, &stats);
	ds_json_put_string(&c->json, "mode", react_mode_name(said.fleet));
	ds_json_put_string(&c->json, "mode_most", react_mode_name(said.most));
	ds_json_put_uint(&c->json, "modes_beside", said.others);
	put_pause(c, stats.is_paused);
	ds_json_put_uint(&c->json, "breakers_resting", stats.resting);
}

/* Of families of evidence, and from how many verdicts; 0: too few, and all are equal. */
static void
put_weights(struct ds_json *j, const struct detect_state *s)
{
	ds_json_put_uint(j, "labels", s->labels);
	ds_json_key(j, "weights");
	ds_json_object(j);
	for (int i = 0; i < DETECT_FAMILIES; i++)
		ds_json_put_double(j, detect_family_name(i), s->weight[i]);
	ds_json_end(j);
}

/* What a person accepts, what was needed so far, and what that allows to say. */
static void
put_detection(struct call *c)
{
	struct ds_json *j = &c->json;
	struct detect_state s = { 0 };
	size_t expected = 0, deployed = 0;

	if (c->cfg->ingest != NULL)
		ingest_get_detection(c->cfg->ingest, &s);
	ds_json_key(j, "detection");
	ds_json_object(j);
	ds_json_put_string(j, "alert_budget", c->cfg->server->alert_budget);
	ds_json_put_double(j, "budget_per_host_week", s.budget_per_host_week);
	ds_json_put_double(j, "achieved_per_host_week",
	    s.host_weeks > 0 && s.alarms > s.right ? (double)(s.alarms - s.right) / s.host_weeks
						   : 0);
	ds_json_put_double(j, "achieved_upper_95", detect_state_upper(&s));
	ds_json_put_double(j, "achieved_lower_95", detect_state_lower(&s));
	ds_json_put_uint(j, "alarms", s.alarms);
	ds_json_put_uint(j, "alarms_true", s.right);
	ds_json_put_uint(j, "alarms_false", s.wrong);
	ds_json_put_uint(j, "decisive", s.decisive);
	ds_json_put_double(j, "host_weeks", s.host_weeks);
	ds_json_put_uint(j, "tests", s.tests);
	ds_json_put_double(j, "threshold_p", s.threshold);
	ds_json_put_double(j, "threshold_factor", s.factor);
	ds_json_put_uint(j, "calibrated", s.calibrated);
	put_weights(j, &s);
	if (c->cfg->fleet != NULL)
		allow_len(fleet_allowances(c->cfg->fleet), &expected, &deployed);
	ds_json_put_uint(j, "expected", expected);
	ds_json_put_uint(j, "deployments", deployed);
	ds_json_end(j);
}

struct shown {
	struct call *c;
	unsigned n;
};

static int
put_sensors(const struct host_row *row, void *ctx)
{
	struct shown *s = ctx;
	struct ds_json *j = &s->c->json;
	struct session_info info = { 0 };
	bool connected;

	if (row->status == HOST_REVOKED)
		return 0;
	connected = api_session(s->c->cfg, row->number, &info);
	if (s->n++ == HOSTS_SHOWN)
		return 1;
	ds_json_object(j);
	ds_json_put_string(j, "name", row->name);
	ds_json_put_bool(j, "connected", connected);
	ds_json_put_string(j, "agent_version", row->agent_version);
	ds_json_put_string(j, "sensors", row->sensors);
	ds_json_put_time(j, "last_seen", connected ? info.last_frame_us : row->last_seen_us);
	if (connected) {
		ds_json_put_double(j, "lag_seconds", (double)info.lag_us / 1e6);
		ds_json_put_double(j, "clock_skew_seconds", (double)info.clock_skew_us / 1e6);
		ds_json_put_uint(j, "gaps", info.gaps);
		ds_json_put_uint(j, "lost", info.lost);
	}
	ds_json_end(j);
	return 0;
}

void
status_show(struct call *c)
{
	struct ds_json *j = &c->json;
	struct shown shown = { c, 0 };
	struct counts counts;
	struct health health;
	int r = read_health(c, &health);

	if (r == 0)
		r = api_get_counts(c->worker, &counts);
	if (r < 0) {
		call_error(c, r, "cannot read the store");
		return;
	}
	ds_json_object(j);
	ds_json_put_string(j, "api_url", api_url(c->worker->api));
	ds_json_put_string(j, "version", PACKAGE_VERSION);
	put_mode(c);
	ds_json_put_time(j, "now", ds_clock_wall_us());
	ds_json_put_time(j, "started", api_started_us(c->worker->api));
	put_counts(j, &counts);
	put_health(c, &health);
	put_ingest(c);
	put_detection(c);
	ds_json_key(j, "hosts");
	ds_json_array(j);
	r = c->cfg->backend->each_host(c->worker->reader, put_sensors, &shown);
	if (r < 0) {
		call_error(c, r, "cannot read the hosts");
		return;
	}
	ds_json_end(j);
	ds_json_end(j);
}

void
health_show(struct call *c)
{
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "status", "ok");
	ds_json_end(&c->json);
}

void
ready_show(struct call *c)
{
	struct health health;

	if (read_health(c, &health) < 0) {
		health.status = "failed";
		snprintf(health.why, sizeof(health.why), "the store cannot be read");
	}
	if (strcmp(health.status, "failed") == 0 || health.disk_free == 0)
		c->status = 503;
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "status", health.status);
	if (health.why[0])
		ds_json_put_string(&c->json, "reason", health.why);
	ds_json_end(&c->json);
}

void
settings_show(struct call *c)
{
	struct ds_json *j = &c->json;
	const char *section = "";
	char value[512];

	ds_json_object(j);
	for (const struct ds_conf_option *o = server_options; o->section != NULL; o++) {
		if (strchr(o->section, '.') != NULL)
			continue; /* named sections: GET reactions/policy */
		if (strcmp(o->section, section) != 0) {
			if (section[0])
				ds_json_end(j);
			section = o->section;
			ds_json_key(j, section);
			ds_json_object(j);
		}
		ds_conf_format(o, c->cfg->server, value, sizeof(value));
		ds_json_key(j, o->key);
		ds_json_object(j);
		ds_json_put_string(j, "value", value);
		ds_json_put_string(j, "default", o->fallback);
		ds_json_put_string(j, "help", o->help);
		ds_json_end(j);
	}
	ds_json_end(j);
	ds_json_end(j);
}
