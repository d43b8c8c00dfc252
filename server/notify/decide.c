/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decide - from changed alerts to messages: on the notify thread.
 *
 * A round reads some changes, then each alert once, and puts its messages and the place in one
 * transaction.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/notify/impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHANGES_MAX 500u /* of a round */

/* ---- a round */

struct draft {
	struct message_row row;
	char *body;
	struct draft *next;
};

struct round {
	struct notify *notify;
	char (*ids)[64]; /* of alerts, each once */
	size_t ids_len;
	struct ds_map *seen;
	uint64_t cursor;
	unsigned changes;
	bool hosts_changed;
	struct draft *drafts, **tail;
};

static int
see_change(const struct change_row *row, void *ctx)
{
	struct round *round = ctx;
	size_t len = strlen(row->id);

	round->changes++;
	round->cursor = row->seq;
	round->hosts_changed |= strcmp(row->topic, "host") == 0;
	if (strcmp(row->topic, "alert") != 0 || len >= sizeof(round->ids[0]) ||
	    ds_map_get(round->seen, row->id, len) != NULL)
		return 0;
	snprintf(round->ids[round->ids_len++], sizeof(round->ids[0]), "%s", row->id);
	return ds_map_put(round->seen, row->id, len, round, NULL);
}

static int
see_told(const struct message_row *row, void *ctx)
{
	struct route_told *told = ctx;

	snprintf(told->event, sizeof(told->event), "%s", row->event);
	snprintf(told->severity, sizeof(told->severity), "%s", row->severity);
	told->count = row->count;
	return 1;
}

/* One message; owner: the only address that it goes to, or "". */
static int
draft(struct round *round, struct channel *c, const char *event, const struct alert_row *row,
    const struct host_name *host, const char *owner, bool held)
{
	uint64_t now_us = ds_clock_wall_us();
	json_t *doc = message_of_alert(event, row, host->name);
	struct draft *d = calloc(1, sizeof(*d));

	if (doc != NULL && *owner)
		json_object_set_new(doc, "alert_email", json_string(owner));
	if (d != NULL && doc != NULL)
		d->body = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	if (d == NULL || d->body == NULL) {
		free(d);
		return -ENOMEM;
	}
	d->row = (struct message_row){ .channel = c->name,
		.event = event,
		.alert_id = strdup(row->id),
		.status = held ? "held" : "waiting",
		.severity = strdup(row->severity),
		.count = row->count,
		.body = d->body,
		.created_us = now_us,
		.due_us = now_us,
		.error = "" };
	*round->tail = d;
	round->tail = &d->next;
	c->has_held |= held;
	return d->row.alert_id != NULL && d->row.severity != NULL ? 0 : -ENOMEM;
}

/* To who reads the channel, and by mail to whom the host named. */
static int
draft_all(struct round *round, struct channel *c, const char *event, const struct alert_row *row,
    const struct host_name *host)
{
	uint64_t now_us = ds_clock_wall_us();
	bool held = (route_is_quiet(c->cfg, now_us) && strcmp(row->severity, "critical") != 0) ||
		    !route_rate_take(&c->rate, c->cfg->per_hour, now_us);
	bool has_owner = channel_kind(c->cfg) == &channel_email && channel_is_address(host->email);
	int r = draft(round, c, event, row, host, "", held);

	for (size_t i = 0; i < c->cfg->to.len; i++)
		has_owner = has_owner && strcasecmp(c->cfg->to.items[i], host->email) != 0;
	if (r == 0 && has_owner)
		r = draft(round, c, event, row, host, host->email, held);
	return r;
}

static int
decide(struct round *round, const struct alert_row *row)
{
	struct notify *n = round->notify;
	const struct host_name *host = host_names_get(n->hosts, row->host);
	struct route_alert a = { row->kind, row->severity, row->daemon, row->status, host->labels,
		row->count };

	for (size_t i = 0; i < n->channels_len; i++) {
		struct channel *c = &n->channels[i];
		struct message_filter f = {
			.channel = c->name, .alert_id = row->id, .before = INT64_MAX, .limit = 1
		};
		struct route_told told;
		const char *event;
		int r;

		if (!route_matches(c->cfg, &a))
			continue;
		r = n->cfg.backend->messages->each(n->reader, &f, see_told, &told);
		if (r < 0)
			return r;
		event = route_event(c->cfg, &a, r == 1 ? &told : NULL);
		r = event != NULL ? draft_all(round, c, event, row, host) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int
see_alert(const struct alert_row *row, void *ctx)
{
	return decide(ctx, row);
}

static int
write_round(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct round *round = ctx;
	char text[24];
	struct setting_row place = { NOTIFY_CURSOR, text };

	for (const struct draft *d = round->drafts; d != NULL; d = d->next) {
		int r = backend->messages->put(store, &d->row);

		if (r < 0)
			return r;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)round->cursor);
	return backend->setting_put(store, &place);
}

static int
run_round(struct round *round)
{
	struct notify *n = round->notify;
	const struct store_backend *b = n->cfg.backend;
	int r = b->each_change(n->reader, n->cursor, CHANGES_MAX, see_change, round);

	if (r == 0 && round->hosts_changed)
		r = host_names_read(n->hosts);
	for (size_t i = 0; i < round->ids_len && r >= 0; i++)
		r = b->alert_get(n->reader, round->ids[i], see_alert, round);
	if (r < 0 || round->changes == 0)
		return r < 0 ? r : 0;
	r = writer_run(n->cfg.writer, n->replies, write_round, round);
	if (r < 0)
		return r;
	n->cursor = round->cursor;
	return round->changes == CHANGES_MAX;
}

int
decide_changes(struct notify *n)
{
	struct round round = { .notify = n, .cursor = n->cursor };
	int r = -ENOMEM;

	round.tail = &round.drafts;
	round.ids = calloc(CHANGES_MAX, sizeof(round.ids[0]));
	round.seen = ds_map_new(CHANGES_MAX);
	if (round.ids != NULL && round.seen != NULL)
		r = run_round(&round);
	while (round.drafts != NULL) {
		struct draft *d = round.drafts;

		round.drafts = d->next;
		free((void *)(uintptr_t)d->row.alert_id);
		free((void *)(uintptr_t)d->row.severity);
		free(d->body);
		free(d);
	}
	ds_map_free(round.seen, NULL);
	free(round.ids);
	return r;
}

struct seeding {
	struct route_rate *rate;
	unsigned len, share;
};

static int
seed(const struct message_row *row, void *ctx)
{
	struct seeding *x = ctx;

	/* Newest first, so backwards from where the next one goes. */
	if ((strcmp(row->status, "sent") == 0 || strcmp(row->status, "waiting") == 0) &&
	    strcmp(row->event, "digest") != 0)
		x->rate->sent_us[ROUTE_RATE_MAX - ++x->len] = row->created_us;
	return x->len == x->share;
}

/* A restart is no reason to tell more an hour than people asked for. */
static int
seed_rates(struct notify *n)
{
	int r = 0;

	for (size_t i = 0; i < n->channels_len && r >= 0; i++) {
		struct channel *c = &n->channels[i];
		struct seeding x = { .rate = &c->rate,
			.share = (unsigned)DS_MIN(c->cfg->per_hour, ROUTE_RATE_MAX) };
		struct message_filter f = {
			.channel = c->name, .before = INT64_MAX, .limit = 10 * ROUTE_RATE_MAX
		};

		r = n->cfg.backend->messages->each(n->reader, &f, seed, &x);
	}
	return r;
}

/* Where we were; at the very first start, here and now: nobody wants to be told of the past. */
int
decide_begin(struct notify *n)
{
	const struct store_backend *b = n->cfg.backend;
	uint64_t oldest, newest;
	char text[24] = "";
	int r = b->setting_get(n->reader, NOTIFY_CURSOR, text, sizeof(text));

	if (r < 0 && r != -ENOENT)
		return r;
	n->cursor = strtoull(text, NULL, 10);
	r = b->change_span(n->reader, &oldest, &newest);
	if (r < 0)
		return r;
	if (*text == '\0' || n->cursor > newest)
		n->cursor = newest;
	if (oldest > 0 && n->cursor + 1 < oldest) {
		ds_log(WARN, "more changed than is kept while nobody could be told; going on",
		    "changes=%llu", (unsigned long long)(oldest - n->cursor - 1));
		n->cursor = oldest - 1;
	}
	r = seed_rates(n);
	if (r < 0)
		return r;
	return host_names_read(n->hosts);
}
