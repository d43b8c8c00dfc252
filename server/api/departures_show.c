/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * departures_show - GET daemons/{id}/departures: what daemonsec-ctl gate judges by.
 *
 * Candidates are the daemons of the class on one host, on hosts with a label, or everywhere since a
 * time; peers are those of the class on other hosts, or before.  On the pool's threads.
 */
#include "lib/clock.h"
#include "lib/label.h"
#include "server/api/daemons.h"
#include "server/api/departures.h"
#include "server/api/routes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_MAX      256u /* hosts that are compared with */
#define CANDIDATES_MAX 64u
#define MARKED_MAX     4096u
#define ALERTS_MAX     1000u
#define GATE_LABEL     "gate" /* of hosts that only tried candidates out */

struct one_daemon {
	uint32_t host;
	bool ready;
	char name[DS_DAEMON_MAX + 1];
	char version[80], exe[200];
};

/* A host with the label that is asked for, or one that only tries candidates out. */
struct marked {
	uint32_t host;
	bool labelled, tries;
};

struct comparing {
	struct call *c;
	char class[CLASS_MAX], candidate[CLASS_MAX]; /* of peers, and of candidates */
	uint32_t host;                               /* 0: by label, or everywhere */
	const char *label;                           /* "": everywhere */
	uint64_t since_us;
	struct one_daemon *peers, *candidates;
	struct marked *marked;
	size_t marked_len;
	size_t peers_len, candidates_len;
	uint32_t peer_hosts; /* that are ready */
	struct departures found;
	char own[KEY_MAX]; /* the program of the daemon in hand, canonical */
	bool is_peer;      /* the rows in hand are of one */
	uint64_t alerts;
};

static bool
is_everywhere(const struct comparing *m)
{
	return m->host == 0 && m->label[0] == '\0';
}

static int
see_host(const struct host_row *row, void *ctx)
{
	struct comparing *m = ctx;
	struct marked *h = &m->marked[m->marked_len];

	*h = (struct marked){ row->number, ds_label_has(row->labels, m->label),
		ds_label_has(row->labels, GATE_LABEL) };
	m->marked_len += (h->labelled || h->tries) && m->marked_len + 1 < MARKED_MAX;
	return 0;
}

static const struct marked *
mark_of(const struct comparing *m, uint32_t host)
{
	static const struct marked none;

	for (size_t i = 0; i < m->marked_len; i++)
		if (m->marked[i].host == host)
			return &m->marked[i];
	return &none;
}

static bool
is_candidate_host(const struct comparing *m, uint32_t host)
{
	return is_everywhere(m) || (m->host != 0 ? host == m->host : mark_of(m, host)->labelled);
}

static void
keep(struct one_daemon *all, size_t *len, size_t max, const struct daemon_row *row)
{
	struct one_daemon *d;

	if (*len == max)
		return;
	d = &all[(*len)++];
	d->host = row->host;
	d->ready = strcmp(row->state, "ready") == 0;
	snprintf(d->name, sizeof(d->name), "%s", row->name);
	snprintf(d->version, sizeof(d->version), "%s%s%s", row->package ? row->package : "",
	    row->package && *row->package ? " " : "",
	    row->package_version ? row->package_version : "");
	snprintf(d->exe, sizeof(d->exe), "%s", row->exe ? row->exe : "");
}

static int
see_daemon(const struct daemon_row *row, void *ctx)
{
	struct comparing *m = ctx;
	char class[CLASS_MAX];
	bool here = is_candidate_host(m, row->host);

	key_class(row->name, row->image != NULL ? row->image : "", class, sizeof(class));
	if (here && strcmp(class, m->candidate) == 0 && row->last_seen_us >= m->since_us)
		keep(m->candidates, &m->candidates_len, CANDIDATES_MAX, row);
	if (strcmp(class, m->class) == 0 && (is_everywhere(m) || !here) &&
	    !mark_of(m, row->host)->tries)
		keep(m->peers, &m->peers_len, PEERS_MAX, row);
	return 0;
}

static bool
is_own_start(const struct comparing *m, const struct profile_row *row)
{
	size_t len = strlen(m->own);

	return key_family(row->kind) == KEY_PROCESS && row->key_size == len + 1 && len > 0 &&
	       memcmp(row->key + 1, m->own, len) == 0;
}

static int
see_profile(const struct profile_row *row, void *ctx)
{
	struct comparing *m = ctx;

	if (m->is_peer)
		return is_everywhere(m) && row->first_us >= m->since_us
			   ? 0
			   : departures_compare(&m->found, row);
	/* Everywhere a candidate is its own peer: what is older is no news.  Its own start is none
	 * either, which looks like a child's when it is told before the daemon is known. */
	if (row->last_us < m->since_us || is_own_start(m, row))
		return 0;
	if (is_everywhere(m) && row->first_us < m->since_us)
		return departures_pass(&m->found, row), 0;
	return departures_add(&m->found, row);
}

static int
read_profiles(struct comparing *m, const struct one_daemon *all, size_t len)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < len; i++) {
		key_path((struct ds_str){ all[i].exe, strlen(all[i].exe) }, m->own, sizeof(m->own));
		r = m->c->cfg->backend->each_profile(
		    m->c->worker->reader, all[i].host, all[i].name, see_profile, m);
	}
	return r;
}

static int
by_host(const void *a, const void *b)
{
	const struct one_daemon *x = a, *y = b;

	return x->host < y->host ? -1 : x->host > y->host;
}

static int
compare(struct comparing *m)
{
	const struct store_backend *b = m->c->cfg->backend;
	int r = b->each_host(m->c->worker->reader, see_host, m);

	if (r >= 0)
		r = b->each_daemon(m->c->worker->reader, 0, see_daemon, m);

	if (r >= 0)
		r = read_profiles(m, m->candidates, m->candidates_len);
	for (size_t i = 0; i < m->found.len; i++)
		m->found.all[i].last_host = 0;
	qsort(m->peers, m->peers_len, sizeof(*m->peers), by_host);
	for (size_t i = 0; i < m->peers_len; i++)
		m->peer_hosts +=
		    m->peers[i].ready && (i == 0 || m->peers[i].host != m->peers[i - 1].host);
	m->is_peer = true;
	return r < 0 ? r : read_profiles(m, m->peers, m->peers_len);
}

/* ---- the answer */

static void
put_baseline(struct ds_json *j, const struct normal *n)
{
	char text[DEPARTURES_NAMED * 124 + 40];
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text), "%u known%s", n->len, n->len > 0 ? ": " : "");
	for (unsigned i = 0; i < n->len && i < DEPARTURES_NAMED; i++)
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "%s%s", i > 0 ? ", " : "", n->named[i]);
	snprintf(text + used, sizeof(text) - used, "%s", n->len > DEPARTURES_NAMED ? ", ..." : "");
	ds_json_put_bytes(j, "baseline", text, strlen(text));
}

static void
put_departure(const struct comparing *m, const struct departure *d)
{
	struct ds_json *j = &m->c->json;
	struct departure_said said;
	char id[24], reason[KEY_MAX + 400];

	departure_say(d, m->class, &said);
	snprintf(id, sizeof(id), "dep_%016" PRIx64,
	    key_hash(key_hash(d->kind, m->class, strlen(m->class)), d->key.data, d->key.size));
	if (d->seen > 0)
		snprintf(reason, sizeof(reason),
		    "%s, which is normal on none of %u hosts with it (seen on %u, not learnt there).",
		    said.title, m->peer_hosts, d->seen);
	else
		snprintf(reason, sizeof(reason), "%s, which none of %u hosts with it ever did.",
		    said.title, m->peer_hosts);
	ds_json_object(j);
	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "kind", said.kind);
	ds_json_put_string(j, "severity", said.severity);
	ds_json_put_bytes(j, "title", said.title, strlen(said.title));
	ds_json_put_bytes(j, "reason", reason, strlen(reason));
	ds_json_put_string(j, "action", ds_kind_table[d->kind].action);
	ds_json_put_bytes(j, "what", said.what, strlen(said.what));
	call_put_host(m->c, "host", d->host);
	ds_json_put_uint(j, "hosts", d->hosts);
	ds_json_put_uint(j, "count", d->count);
	ds_json_put_time(j, "first_seen", d->first_us);
	ds_json_put_time(j, "last_seen", d->last_us);
	ds_json_key(j, "explanation");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_string(j, "feature", said.feature);
	put_baseline(j, &m->found.normal[d->kind]);
	ds_json_put_bytes(j, "observed", said.what, strlen(said.what));
	ds_json_end(j);
	ds_json_end(j);
	ds_json_key(j, "peers");
	ds_json_object(j);
	ds_json_put_uint(j, "learnt", d->learnt);
	ds_json_put_uint(j, "seen", d->seen);
	ds_json_put_uint(j, "of", m->peer_hosts);
	ds_json_end(j);
	ds_json_end(j);
}

/* What the detectors told of the candidates meanwhile: mixture, order, rates, rules. */
static int
put_alert(const struct alert_row *row, void *ctx)
{
	struct comparing *m = ctx;
	struct ds_json *j = &m->c->json;
	char class[CLASS_MAX];

	key_class(row->daemon != NULL ? row->daemon : "", "", class, sizeof(class));
	if (row->last_us < m->since_us || strcmp(class, m->candidate) != 0 ||
	    !is_candidate_host(m, row->host) || strcmp(row->kind, "agent_silent") == 0)
		return 0;
	ds_json_object(j);
	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "kind", row->kind);
	ds_json_put_string(j, "severity", row->severity);
	ds_json_put_string(j, "title", row->title);
	ds_json_put_string(j, "reason", row->reason);
	call_put_host(m->c, "host", row->host);
	ds_json_end(j);
	return ++m->alerts >= ALERTS_MAX;
}

static void
put_daemons(struct ds_json *j, const char *key, const struct one_daemon *all, size_t len)
{
	const char *last = "";

	ds_json_key(j, key);
	ds_json_array(j);
	for (size_t i = 0; i < len && i < 32; i++) {
		const char *text = all[i].version[0] ? all[i].version : all[i].exe;

		if (strcmp(text, last) != 0)
			ds_json_string(j, text);
		last = text;
	}
	ds_json_end(j);
}

static int
put_all(struct comparing *m)
{
	struct ds_json *j = &m->c->json;
	int r;

	ds_json_object(j);
	ds_json_put_string(j, "daemon", m->class);
	ds_json_put_time(j, "since", m->since_us);
	ds_json_put_uint(j, "candidates", m->candidates_len);
	ds_json_put_uint(j, "behaviours", m->found.len + m->found.old);
	ds_json_put_uint(j, "normal", departures_normal(&m->found));
	put_daemons(j, "versions", m->candidates, m->candidates_len);
	ds_json_put_uint(j, "peers", m->peer_hosts);
	put_daemons(j, "peer_versions", m->peers, m->peers_len);
	ds_json_put_bool(j, "complete", !m->found.is_full);
	ds_json_key(j, "departures");
	ds_json_array(j);
	for (size_t i = 0; i < m->found.len; i++)
		if (departure_is_one(&m->found.all[i]))
			put_departure(m, &m->found.all[i]);
	ds_json_end(j);
	ds_json_key(j, "alerts");
	ds_json_array(j);
	r = m->c->cfg->backend->each_alert(
	    m->c->worker->reader, NULL, NULL, ALERTS_MAX, put_alert, m);
	ds_json_end(j);
	ds_json_end(j);
	return r < 0 ? r : 0;
}

static bool
read_parameters(struct call *c, struct comparing *m)
{
	const char *host = c->get(c->request, "host"), *label = c->get(c->request, "label"),
		   *as = c->get(c->request, "as");

	char name[DS_DAEMON_MAX + 1];

	snprintf(name, sizeof(name), "%s", c->id);
	if (!call_time(c, "since", &m->since_us))
		return false;
	if (c->get(c->request, "since") == NULL)
		m->since_us = ds_clock_wall_us() - 600 * UINT64_C(1000000);
	m->label = label != NULL ? label : "";
	/* By its id: of one host. */
	if (strncmp(c->id, "dmn_", 4) == 0 && !daemons_find(c, &m->host, name))
		return false;
	key_class(name, "", m->class, sizeof(m->class));
	key_class(as != NULL && *as ? as : name, "", m->candidate, sizeof(m->candidate));
	if (host == NULL || *host == '\0')
		return true;
	m->host = searcher_find_host(c->worker->searcher, host);
	if (m->host == 0)
		call_problem(c, 404, "not-found", "there is no host \"%s\"", host);
	return m->host != 0;
}

void
daemons_departures(struct call *c)
{
	struct comparing m = { .c = c };
	int r;

	if (!read_parameters(c, &m))
		return;
	m.peers = calloc(PEERS_MAX, sizeof(*m.peers));
	m.candidates = calloc(CANDIDATES_MAX, sizeof(*m.candidates));
	m.marked = calloc(MARKED_MAX, sizeof(*m.marked));
	r = departures_init(&m.found);
	if (r == 0 && (m.peers == NULL || m.candidates == NULL || m.marked == NULL))
		r = -ENOMEM;
	if (r == 0)
		r = compare(&m);
	if (r >= 0 && m.candidates_len + m.peers_len == 0)
		call_problem(c, 404, "not-found", "there is no daemon \"%s\"", c->id);
	else if (r >= 0)
		r = put_all(&m);
	if (r < 0)
		call_error(c, r, "cannot compare the daemon");
	departures_done(&m.found);
	free(m.peers);
	free(m.candidates);
	free(m.marked);
}
