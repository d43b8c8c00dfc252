/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics - the server's figures for Prometheus, text format 0.0.4; and the API's description.
 *
 * On the pool's threads; owns nothing.  No label here grows with hosts, daemons or clients.
 */
#include "server/api/routes.h"
#include "server/api/state.h"
#include "server/config.h"
#include "server/store/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char openapi_text[] =
#include "server/api/openapi.inc"
    ;

static void DS_PRINTF(2, 3) line(struct call *c, const char *format, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* The buffer's maximum is far above what is written here. */
	if (n > 0 && ds_buf_put(c->out, text, DS_MIN((size_t)n, sizeof(text) - 1)) < 0)
		c->status = 500;
}

static void
head(struct call *c, const char *name, const char *type, const char *help)
{
	line(c, "# HELP daemonsec_%s %s\n# TYPE daemonsec_%s %s\n", name, help, name, type);
}

static void
counter(struct call *c, const char *name, uint64_t v, const char *help)
{
	head(c, name, "counter", help);
	line(c, "daemonsec_%s %" PRIu64 "\n", name, v);
}

static void
gauge(struct call *c, const char *name, double v, const char *help)
{
	head(c, name, "gauge", help);
	line(c, "daemonsec_%s %.17g\n", name, v);
}

static void
labelled(struct call *c, const char *name, const char *label, const char *value, uint64_t v)
{
	line(c, "daemonsec_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, v);
}

static void
put_counts(struct call *c, const struct counts *n)
{
	head(c, "agents", "gauge", "Hosts by state of their agent.");
	labelled(c, "agents", "state", "connected", n->hosts_connected);
	labelled(c, "agents", "state", "pending", n->fleet.hosts_pending);
	labelled(c, "agents", "state", "revoked", n->fleet.hosts_revoked);
	labelled(c, "agents", "state", "known", n->fleet.hosts);
	head(c, "daemons", "gauge", "Daemons by state of their profile.");
	labelled(c, "daemons", "state", "ready", n->fleet.daemons_ready);
	labelled(c, "daemons", "state", "learning",
	    n->fleet.daemons - n->fleet.daemons_gone - n->fleet.daemons_ready);
	labelled(c, "daemons", "state", "gone", n->fleet.daemons_gone);
	head(c, "alerts", "gauge", "Alerts by status.");
	labelled(c, "alerts", "status", "open", n->fleet.alerts_open);
	labelled(c, "alerts", "status", "acknowledged", n->fleet.alerts_acknowledged);
	labelled(c, "alerts", "status", "closed", n->fleet.alerts_closed);
}

static void
put_reactions(struct call *c)
{
	struct reaction_counts n = { 0 };

	(void)c->cfg->backend->reactions->count(c->worker->reader, &n); /* zeroes tell */
	head(c, "reactions", "gauge", "Reactions that are kept, by status.");
	labelled(c, "reactions", "status", "dry_run", n.dry_run);
	labelled(c, "reactions", "status", "waiting", n.waiting);
	labelled(c, "reactions", "status", "in_effect", n.in_effect);
	labelled(c, "reactions", "status", "failed", n.failed);
	labelled(c, "reactions", "status", "expired", n.expired);
	labelled(c, "reactions", "status", "undone", n.undone);
}

/* A channel is a section of the configuration: there are few, and no client makes one. */
static void
put_messages(struct call *c)
{
	const struct ds_conf_named *all = &c->cfg->server->channels;
	static const char *const names[] = { "messages_waiting", "messages_dead" };
	static const char *const help[] = { "Messages that a channel has not taken yet.",
		"Messages that were given up." };

	for (size_t k = 0; k < DS_LEN(names) && all->len > 0; k++) {
		head(c, names[k], "gauge", help[k]);
		for (size_t i = 0; i < all->len; i++) {
			struct message_counts n = { 0 };

			(void)c->cfg->backend->messages->count(
			    c->worker->reader, all->items[i].name, &n); /* zeroes tell */
			labelled(c, names[k], "channel", all->items[i].name,
			    k == 0 ? n.waiting + n.held : n.dead);
		}
	}
}

static void
put_ingest(struct call *c)
{
	struct ingest_stats s = { 0 };
	struct rates rates;

	if (c->cfg->ingest != NULL)
		ingest_get_stats(c->cfg->ingest, &s);
	api_get_rates(c->worker->api, &rates);
	counter(c, "events_received_total", s.events, "Events taken from agents.");
	counter(c, "batches_received_total", s.batches, "Batches taken from agents.");
	counter(c, "ingest_bytes_total", s.bytes_in, "Bytes read from agents.");
	counter(c, "duplicate_batches_total", s.duplicates, "Batches that were stored before.");
	counter(c, "missing_batches_total", s.gaps, "Batches that a full spool dropped.");
	counter(c, "bad_frames_total", s.bad_frames, "Frames that were refused.");
	counter(c, "tls_handshakes_failed_total", s.handshakes_failed, "Handshakes that failed.");
	counter(c, "enrolments_total", s.enrolled, "Certificates given to agents.");
	counter(c, "copies_refused_total", s.copies,
	    "Sessions refused because another machine has the identity.");
	gauge(c, "ingest_lag_seconds", (double)rates.lag_us / 1e6,
	    "Arrival minus event time of the last batches, the largest.");
	gauge(c, "events_lost", (double)rates.lost,
	    "Events that connected agents say they lost since they connected.");
}

static void
put_store(struct call *c)
{
	struct store_totals totals = { 0 };
	struct writer_stats w = { 0 };
	const struct http_stats *h = api_http_stats(c->worker->api);
	uint64_t total, disk_free = api_disk_free(c->cfg, &total);

	writer_get_stats(c->cfg->writer, &w);
	(void)c->cfg->backend->totals(c->worker->reader, &totals); /* zeroes tell */
	gauge(c, "stored_events", (double)totals.events, "Events stored.");
	gauge(c, "stored_bytes", (double)totals.bytes, "Bytes of stored events.");
	gauge(c, "stored_segments", (double)totals.segments, "Segments stored.");
	gauge(c, "state_free_bytes", (double)disk_free, "Free bytes where state is kept.");
	counter(c, "commits_total", w.commits, "Transactions committed.");
	counter(c, "commit_failures_total", w.failures, "Transactions that failed.");
	gauge(c, "queue_depth", (double)w.backlog, "Requests that wait for the writer.");
	counter(c, "http_requests_total", h->requests, "Requests to this API.");
	counter(c, "http_requests_refused_total", h->refused, "Requests without the right to ask.");
	counter(c, "http_requests_failed_total", h->failed, "Requests answered with 5xx.");
	counter(c, "http_timeouts_total", h->timeouts, "Connections whose request never ended.");
	counter(c, "searches_cancelled_total", api_searches_cancelled(c->worker->api),
	    "Searches that ended because their client had gone.");
	gauge(c, "http_connections", (double)h->connections, "Connections to this API now.");
	gauge(c, "http_followers", api_followers(c->worker->api), "Streams of events now.");
	gauge(c, "start_time_seconds", (double)api_started_us(c->worker->api) / 1e6,
	    "When the server started.");
	gauge(c, "config_last_reload_successful", !api_reload_failed(c->worker->api),
	    "Whether the configuration in use is the one on disk.");
}

void
metrics_show(struct call *c)
{
	struct counts counts;

	if (api_get_counts(c->worker, &counts) < 0) {
		call_error(c, -EIO, "cannot read the store");
		return;
	}
	c->type = "text/plain; version=0.0.4; charset=utf-8";
	head(c, "build_info", "gauge", "The version that runs.");
	line(c, "daemonsec_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
	put_counts(c, &counts);
	put_reactions(c);
	put_messages(c);
	put_ingest(c);
	put_store(c);
}

const char *
openapi_get(size_t *ret_size)
{
	*ret_size = sizeof(openapi_text) - 1;
	return openapi_text;
}

void
openapi_show(struct call *c)
{
	ds_json_raw(&c->json, openapi_text, sizeof(openapi_text) - 1);
}
