/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * channels - ways of telling people: what waits, what was sent, what never will be; and a test.
 *
 * On the pool's threads.  A test is a message like any other: it goes through the same queue, and
 * what became of it is read from /messages.
 */
#include "lib/clock.h"
#include "server/api/routes.h"
#include "server/config.h"
#include "server/notify/channel.h"
#include "server/notify/message.h"
#include "server/notify/siem_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct last {
	uint64_t sent_us;
	char error[200];
};

static int
see_last(const struct message_row *row, void *ctx)
{
	struct last *l = ctx;

	/* A message that was sent has one where not all of its addresses were. */
	if (l->error[0] == '\0' && *row->error)
		snprintf(l->error, sizeof(l->error), "%s", row->error);
	if (l->sent_us == 0)
		l->sent_us = row->sent_us;
	return l->sent_us != 0;
}

/* A receiver of records keeps its state in a setting; what waits is what changed since. */
static int
see_receiver(struct call *c, const char *name, struct message_counts *n, struct last *last)
{
	const struct store_backend *b = c->cfg->backend;
	char key[CHANNEL_NAME_MAX + 16], text[SIEM_PLACE_MAX];
	struct siem_place place;
	uint64_t oldest, newest;
	int r;

	siem_place_key(name, key, sizeof(key));
	r = b->setting_get(c->worker->reader, key, text, sizeof(text));
	if (r < 0 || siem_place_parse(text, &place) < 0)
		return r == -ENOENT ? 0 : r;
	r = b->change_span(c->worker->reader, &oldest, &newest);
	if (r < 0)
		return r;
	n->sent = place.sent;
	n->waiting = newest > place.change ? newest - place.change : 0;
	snprintf(last->error, sizeof(last->error), "%s", place.error);
	last->sent_us = place.sent_us;
	return 0;
}

/* What a channel has sent last, and how it fares. */
static int
see_channel(struct call *c, const char *name, const struct channel_config *cfg,
    struct message_counts *n, struct last *last)
{
	const struct message_store *messages = c->cfg->backend->messages;
	struct message_filter f = { .channel = name, .before = INT64_MAX, .limit = 50 };
	int r = messages->count(c->worker->reader, name, n);

	if (r == 0 && channel_is_siem(cfg))
		return see_receiver(c, name, n, last);
	if (r == 0)
		r = messages->each(c->worker->reader, &f, see_last, last);
	return r < 0 ? r : 0;
}

static int
put_channel(struct call *c, const char *name, const struct channel_config *cfg)
{
	static const char *const severities[] = { "low", "medium", "high", "critical" };
	struct message_counts n;
	struct last last = { 0 };
	struct ds_json *j = &c->json;
	int r;

	if (!call_page_has(c, name))
		return 0;
	r = see_channel(c, name, cfg, &n, &last);
	if (r < 0)
		return r;
	ds_json_object(j);
	ds_json_put_string(j, "name", name);
	ds_json_put_string(j, "type", channel_kind(cfg)->name);
	ds_json_put_bool(j, "enabled", cfg->enabled);
	ds_json_put_string(j, "min_severity", severities[cfg->min_severity & 3]);
	ds_json_put_uint(j, "waiting", n.waiting);
	ds_json_put_uint(j, "held", n.held);
	ds_json_put_uint(j, "sent", n.sent);
	ds_json_put_uint(j, "dead", n.dead);
	if (last.sent_us != 0)
		ds_json_put_time(j, "last_sent", last.sent_us);
	ds_json_put_string(j, "error", last.error[0] ? last.error : NULL);
	ds_json_end(j);
	return 0;
}

void
channels_list(struct call *c)
{
	const struct ds_conf_named *all = &c->cfg->server->channels;
	int r = 0;

	if (!call_begin_page(c))
		return;
	for (size_t i = 0; i < all->len && r == 0; i++)
		r = put_channel(c, all->items[i].name, all->items[i].value);
	if (r < 0)
		call_error(c, r, "cannot read the messages");
	else
		call_end_page(c);
}

void
channels_put_health(struct call *c)
{
	const struct ds_conf_named *all = &c->cfg->server->channels;

	for (size_t i = 0; i < all->len; i++) {
		const char *name = all->items[i].name;
		struct message_counts n;
		struct last last = { 0 };
		int r = see_channel(c, name, all->items[i].value, &n, &last);

		ds_json_object(&c->json);
		ds_json_put_string(&c->json, "name", name);
		ds_json_put_string(&c->json, "status",
		    r < 0           ? "unknown"
		    : last.error[0] ? "failing"
				    : "ok");
		ds_json_put_string(&c->json, "error", last.error[0] ? last.error : NULL);
		ds_json_end(&c->json);
	}
}

static int
run_put(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->messages->put(store, ctx);
}

void
channels_test(struct call *c)
{
	const struct ds_conf_named *all = &c->cfg->server->channels;
	struct message_row row = { .channel = c->id,
		.event = "test",
		.alert_id = "",
		.status = "waiting",
		.severity = "low",
		.created_us = ds_clock_wall_us(),
		.error = "" };
	json_t *doc;
	char *body;
	size_t i = 0;
	int r;

	while (i < all->len && strcmp(all->items[i].name, c->id) != 0)
		i++;
	if (i == all->len) {
		call_problem(c, 404, "not-found",
		    "there is no channel \"%s\": it would be a section [notify.%s] of server.conf",
		    c->id, c->id);
		return;
	}
	doc = message_test(c->id);
	body = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	row.body = body;
	row.due_us = row.created_us;
	r = body != NULL ? call_write(c, run_put, &row) : -ENOMEM;
	free(body);
	if (r < 0) {
		call_error(c, r, "no message was made");
		return;
	}
	c->status = 202;
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "channel", c->id);
	ds_json_put_time(&c->json, "created", row.created_us);
	ds_json_end(&c->json);
}

/* ---- messages */

struct page {
	struct call *call;
	unsigned len, limit;
	uint64_t last;
};

static int
list_message(const struct message_row *row, void *ctx)
{
	struct page *p = ctx;
	struct ds_json *j = &p->call->json;

	if (p->len == p->limit)
		return 1;
	p->len++;
	p->last = row->number;
	ds_json_object(j);
	ds_json_put_uint(j, "number", row->number);
	ds_json_put_string(j, "channel", row->channel);
	ds_json_put_string(j, "event", row->event);
	ds_json_put_string(j, "alert", *row->alert_id ? row->alert_id : NULL);
	ds_json_put_string(j, "status", row->status);
	ds_json_put_string(j, "severity", row->severity);
	ds_json_put_uint(j, "count", row->count);
	ds_json_put_time(j, "created", row->created_us);
	if (row->sent_us != 0)
		ds_json_put_time(j, "sent", row->sent_us);
	else
		ds_json_put_time(j, "due", row->due_us);
	ds_json_put_uint(j, "tries", row->tries);
	ds_json_put_string(j, "error", *row->error ? row->error : NULL);
	ds_json_key(j, "body");
	ds_json_raw(j, row->body, strlen(row->body));
	ds_json_end(j);
	return 0;
}

static bool
read_status(struct call *c, const char **ret)
{
	static const char *const known[] = { "waiting", "held", "told", "sent", "dead" };

	*ret = c->get(c->request, "status");
	if (*ret == NULL)
		return true;
	for (size_t i = 0; i < DS_LEN(known); i++)
		if (strcmp(*ret, known[i]) == 0)
			return true;
	call_problem(c, 400, "parameter",
	    "status: expected waiting, held, told, sent or dead, not \"%s\"", *ret);
	return false;
}

void
messages_list(struct call *c)
{
	struct page p = { .call = c };
	struct message_filter f = { .channel = c->get(c->request, "channel"),
		.alert_id = c->get(c->request, "alert") };
	char cursor[24];
	int r;

	if (!read_status(c, &f.status) || !call_limit(c, 100, &p.limit) ||
	    !call_number_cursor(c, &f.before))
		return;
	f.before = f.before == 0 ? INT64_MAX : f.before;
	f.limit = p.limit + 1;
	call_begin_items(c);
	r = c->cfg->backend->messages->each(c->worker->reader, &f, list_message, &p);
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)p.last);
	if (r < 0)
		call_error(c, r, "cannot read the messages");
	else
		call_end_items(c, r == 1 ? cursor : NULL);
}

struct retry {
	uint64_t number;
	struct message_row row;
	bool found;
};

static int
see_dead(const struct message_row *row, void *ctx)
{
	struct retry *x = ctx;

	if (row->number != x->number)
		return 0;
	x->row = (struct message_row){ .number = row->number,
		.status = "waiting",
		.due_us = ds_clock_wall_us(),
		.error = "" };
	x->found = true;
	return 1;
}

void
messages_retry(struct call *c)
{
	struct message_filter f = { .status = "dead", .limit = 1 };
	struct retry x = { .number = strtoull(c->id, NULL, 10) };
	int r;

	f.before = x.number + 1;
	r = c->cfg->backend->messages->each(c->worker->reader, &f, see_dead, &x);
	if (r >= 0 && !x.found) {
		call_problem(c, 404, "not-found", "there is no dead letter %s", c->id);
		return;
	}
	if (r >= 0)
		r = call_write(c, run_put, &x.row);
	if (r < 0) {
		call_error(c, r, "nothing was changed");
		return;
	}
	ds_json_object(&c->json);
	ds_json_put_uint(&c->json, "number", x.number);
	ds_json_put_string(&c->json, "status", "waiting");
	ds_json_end(&c->json);
}
