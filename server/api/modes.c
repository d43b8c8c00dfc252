/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modes - how much automation may do, and what speaks against more of it.
 *
 * On the pool's threads; owns nothing.
 */
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/label.h"
#include "lib/nearest.h"
#include "server/api/caller.h"
#include "server/api/reactions.h"
#include "server/config.h"
#include "server/notify/channel.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_US (UINT64_C(30) * 86400 * 1000000)
#define NAMED_MAX 5u /* of a sort are named, the rest is counted */

static int
put_mode(const struct mode_row *row, void *ctx)
{
	struct call *c = ctx;
	struct ds_json *j = &c->json;
	char key[sizeof(c->page.last)];

	snprintf(key, sizeof(key), "%u|%s|%s", row->host, row->label, row->daemon);
	if (!call_page_has(c, key))
		return 0;
	ds_json_object(j);
	ds_json_put_string(j, "mode", row->mode);
	if (row->host > 0)
		call_put_host(c, "host", row->host);
	ds_json_put_string(j, "label", row->label[0] ? row->label : NULL);
	ds_json_put_string(j, "daemon", row->daemon[0] ? row->daemon : NULL);
	ds_json_put_string(j, "by", row->by);
	ds_json_put_time(j, "set", row->set_us);
	ds_json_end(j);
	return 0;
}

void
modes_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->reactions->each_mode(c->worker->reader, put_mode, c);
	if (r < 0)
		call_error(c, r, "cannot read the modes");
	else
		call_end_page(c);
}

/* ---- what speaks against it */

struct promotion {
	struct call *c;
	struct mode_row row;
	char daemon[DS_DAEMON_MAX + 1]; /* of row */
	json_t *blockers;
	unsigned daemons, learning, wrong;
	char nearest[DS_DAEMON_MAX + 1]; /* what else it may have meant */
	unsigned distance;
	uint8_t *hosts; /* that it is for, a bit for each number; who is revoked holds up nothing */
	size_t hosts_size;
};

static void DS_PRINTF(2, 3) block(struct promotion *p, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(p->blockers, json_string(text));
}

/* Daemons and reactions come in the order of neither hosts nor labels: the hosts are read once, as
 * bits. */
static int
see_host(const struct host_row *row, void *ctx)
{
	struct promotion *p = ctx;
	size_t byte = row->number / 8;
	uint8_t *grown;

	if (row->status == HOST_REVOKED || (p->row.host > 0 && p->row.host != row->number) ||
	    (p->row.label[0] && !ds_label_has(row->labels, p->row.label)))
		return 0;
	if (byte >= p->hosts_size) {
		grown = realloc(p->hosts, byte + 1);
		if (grown == NULL)
			return -ENOMEM;
		p->hosts = grown;
		while (p->hosts_size <= byte)
			p->hosts[p->hosts_size++] = 0;
	}
	p->hosts[byte] |= (uint8_t)(1u << row->number % 8);
	return 0;
}

static bool
is_within(const struct promotion *p, uint32_t host, const char *daemon)
{
	return host / 8 < p->hosts_size && (p->hosts[host / 8] >> host % 8 & 1) != 0 &&
	       (!p->row.daemon[0] || ds_daemon_fits(p->row.daemon, daemon));
}

/* For who mistypes: the known name that is two letters away at most. */
static void
see_name(struct promotion *p, const char *name)
{
	size_t len = ds_daemon_plain_len(name), said = strlen(p->row.daemon);
	unsigned d = ds_nearest_distance(p->row.daemon, said, name, len);

	if (d > DS_MIN(2u, said / 3) || (p->nearest[0] && d >= p->distance))
		return;
	p->distance = d;
	snprintf(p->nearest, sizeof(p->nearest), "%.*s", (int)len, name);
}

static int
look_at_daemon(const struct daemon_row *row, void *ctx)
{
	struct promotion *p = ctx;
	const struct query_host *h;
	json_t *why;
	const char *first;

	if (!row->gone && p->row.daemon[0])
		see_name(p, row->name);
	if (row->gone || !is_within(p, row->host, row->name))
		return 0;
	/* What package managers run, and what people do in their sessions, is new each day: it is
	 * never learnt to the end, and nothing is done about what is still being learnt. */
	if (p->row.daemon[0] == '\0' &&
	    (strcmp(row->role, "package") == 0 || strcmp(row->role, "session") == 0))
		return 0;
	p->daemons++;
	if (strcmp(row->state, "ready") == 0)
		return 0;
	if (p->learning++ >= NAMED_MAX)
		return 0;
	h = searcher_host(p->c->worker->searcher, row->host);
	why = json_loads(row->blockers, 0, NULL);
	first = json_string_value(json_array_get(why, 0));
	block(p, "%s on %s is still being learnt%s%s", row->name, h ? h->name : "a host",
	    first ? ": " : "", first ? first : "");
	json_decref(why);
	return 0;
}

static int
see_verdict(const struct alert_row *row, void *ctx)
{
	if (row->verdict != NULL && (strstr(row->verdict, "\"false_positive\"") != NULL ||
					strstr(row->verdict, "\"benign_expected\"") != NULL))
		*(bool *)ctx = true;
	return 0;
}

/* A dry run whose alert people found to be wrong. */
static int
look_at_reaction(const struct reaction_row *row, void *ctx)
{
	struct promotion *p = ctx;
	const struct api_config *cfg = p->c->cfg;
	bool wrong = false;

	if (!row->rule[0] || !is_within(p, row->host, row->daemon))
		return 0;
	if (!row->alert_id[0] ||
	    cfg->backend->alert_get(p->c->worker->reader, row->alert_id, see_verdict, &wrong) < 0 ||
	    !wrong || p->wrong++ >= NAMED_MAX)
		return 0;
	block(p, "%s (%s of %s) would have been wrong, as the verdict on %s says", row->id,
	    row->kind, row->target, row->alert_id);
	return 0;
}

static bool
is_anybody_told(const struct ds_conf_named *channels)
{
	for (size_t i = 0; i < channels->len; i++)
		if (((const struct channel_config *)channels->items[i].value)->enabled)
			return true;
	return false;
}

static int
find_blockers(struct promotion *p)
{
	const struct reaction_filter ledger = { .status = "dry_run",
		.since_us = ds_clock_wall_us() - LEDGER_US };
	const struct store_backend *b = p->c->cfg->backend;
	int r = b->each_host(p->c->worker->reader, see_host, p);

	if (r == 0)
		r = b->each_daemon(p->c->worker->reader, 0, look_at_daemon, p);
	if (r == 0)
		r = b->reactions->each(p->c->worker->reader, &ledger, look_at_reaction, p);
	if (r < 0)
		return r;
	if (!is_anybody_told(&p->c->cfg->server->channels))
		block(p, "nobody would be told: there is no channel [notify.NAME] that is enabled");
	if (p->daemons == 0 && p->row.daemon[0])
		block(p, "no daemon that is called %.150s is known there yet%s%.150s%s",
		    p->row.daemon, p->nearest[0] ? " (but " : "", p->nearest,
		    p->nearest[0] ? " is)" : "");
	else if (p->daemons == 0)
		block(p, "no daemon is known that this would concern");
	if (p->learning > NAMED_MAX)
		block(p, "%u more daemons are still being learnt", p->learning - NAMED_MAX);
	if (p->wrong > NAMED_MAX)
		block(p, "%u more recorded reactions would have been wrong", p->wrong - NAMED_MAX);
	return 0;
}

/* ---- saying it */

static int
run_mode(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->reactions->mode_put(store, ctx);
}

static bool
read_mode(struct call *c, struct promotion *p, bool *ret_force)
{
	const char *host;
	enum react_mode mode;

	p->row = (struct mode_row){ .by = c->caller->name, .set_us = ds_clock_wall_us() };
	if (!call_text(c, "mode", "", 20, &p->row.mode) ||
	    !call_text(c, "label", "", 120, &p->row.label) ||
	    !call_text(c, "daemon", "", 250, &p->row.daemon) ||
	    !call_text(c, "host", "", 256, &host) || !call_flag(c, "force", false, ret_force))
		return false;
	if (strcmp(p->row.mode, "inherit") != 0 && react_mode_parse(p->row.mode, &mode) < 0) {
		call_problem(c, 400, "body",
		    "mode: expected monitor, active, prevent or inherit, not \"%s\"", p->row.mode);
		return false;
	}
	if (*host && p->row.label[0]) {
		call_problem(c, 400, "body", "expected host or label, not both");
		return false;
	}
	if (*host) {
		p->row.host = searcher_find_host(c->worker->searcher, host);
		if (p->row.host == 0)
			call_problem(c, 404, "not-found", "there is no host \"%s\"", host);
	}
	/* One name for it, whether it runs as a unit or not, and whether it has come already. */
	if (strpbrk(p->row.daemon, "*?[") == NULL) {
		snprintf(p->daemon, sizeof(p->daemon), "%.*s",
		    (int)ds_daemon_plain_len(p->row.daemon), p->row.daemon);
		p->row.daemon = p->daemon;
	}
	return !*host || p->row.host != 0;
}

static void
put_blockers(struct call *c, const char *key, const json_t *blockers)
{
	char *text = json_dumps(blockers, JSON_COMPACT);

	ds_json_key(&c->json, key);
	ds_json_raw(&c->json, text ? text : "[]", text ? strlen(text) : 2);
	free(text);
}

static void
refuse(struct call *c, const struct promotion *p)
{
	ds_json_object(&c->json);
	c->status = 409;
	c->type = "application/problem+json";
	ds_json_put_string(&c->json, "type", "urn:daemonsec:problem:not-ready");
	ds_json_put_string(&c->json, "title", "Conflict");
	ds_json_put_uint(&c->json, "status", 409);
	ds_json_put_string(
	    &c->json, "detail", "automation is not ready for this; force overrides what is listed");
	put_blockers(c, "blockers", p->blockers);
	ds_json_end(&c->json);
}

static void
set_mode(struct call *c, struct promotion *p)
{
	int r;

	if (strcmp(p->row.mode, "inherit") == 0)
		p->row.mode = "";
	c->subject = p->row.daemon[0] ? p->row.daemon : p->row.label[0] ? p->row.label : "fleet";
	r = call_write(c, run_mode, &p->row);
	if (r < 0) {
		call_error(c, r, "the mode was not changed");
		return;
	}
	react_changed(c->cfg->react);
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "mode", p->row.mode[0] ? p->row.mode : "inherit");
	if (p->row.host > 0)
		call_put_host(c, "host", p->row.host);
	ds_json_put_string(&c->json, "label", p->row.label[0] ? p->row.label : NULL);
	ds_json_put_string(&c->json, "daemon", p->row.daemon[0] ? p->row.daemon : NULL);
	put_blockers(c, "overridden", p->blockers);
	ds_json_end(&c->json);
}

void
modes_set(struct call *c)
{
	struct promotion p = { .c = c, .blockers = json_array() };
	bool force, more;
	int r = p.blockers != NULL ? 0 : -ENOMEM;

	if (!reactions_possible(c) || (r == 0 && !read_mode(c, &p, &force)))
		goto done;
	more = r == 0 && (strcmp(p.row.mode, "active") == 0 || strcmp(p.row.mode, "prevent") == 0);
	if (more)
		r = find_blockers(&p);
	if (r < 0)
		call_error(c, r, "cannot read what speaks against it");
	else if (json_array_size(p.blockers) > 0 && !force)
		refuse(c, &p);
	else
		set_mode(c, &p);
done:
	json_decref(p.blockers);
	free(p.hosts);
}
