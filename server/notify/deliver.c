/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver - messages that are due go out; how they ended is written down: on the notify thread.
 *
 * A receiver that fails is tried again, later each time (with chance, so that channels do not walk
 * in step), for about a day; then the message is a dead letter that people see.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "server/notify/impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLYING_MAX 2u /* of one channel */
#define TRIES_MAX  30u
#define FIRST_US   (5 * UINT64_C(1000000))
#define LONGEST_US (3600 * UINT64_C(1000000))
#define DUE_MAX    64u
#define HELD_MAX   10000u /* told in one digest */

/* A message under way. */
struct parcel {
	struct message_row row; /* its number and tries; texts are not there any more */
	struct channel *channel;
};

static struct channel *
channel_named(struct notify *n, const char *name)
{
	for (size_t i = 0; i < n->channels_len; i++)
		if (strcmp(n->channels[i].name, name) == 0)
			return &n->channels[i];
	return NULL;
}

static int
write_row(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->messages->put(store, ctx);
}

static void
note(struct notify *n, const struct message_row *row)
{
	int r = writer_run(n->cfg.writer, n->replies, write_row, (void *)(uintptr_t)row);

	/* It stays as it was, and is sent again: rather twice than never. */
	if (r < 0)
		ds_log(WARN, "cannot write down what became of a message", "number=%llu why=\"%s\"",
		    (unsigned long long)row->number, strerror(-r));
}

static void
bury(struct notify *n, const struct message_row *row, const char *why)
{
	struct message_row dead = *row;

	dead.status = "dead";
	dead.error = why;
	note(n, &dead);
	ds_log(WARN, "a message could not be delivered", "channel=\"%s\" number=%llu why=\"%s\"",
	    row->channel, (unsigned long long)row->number, why);
}

static int
send(struct notify *n, struct channel *c, const struct message_row *row)
{
	struct channel_request request = { .is_mail = false };
	json_t *doc = json_loads(row->body, 0, NULL);
	char thread[96];
	struct channel_message m = { .channel = c->name,
		.number = row->number,
		.created_us = row->created_us,
		.event = row->event,
		.body = doc,
		.secret = c->secret,
		.link = n->cfg.link,
		.thread = thread };
	struct parcel *p = calloc(1, sizeof(*p));
	int r = doc != NULL && p != NULL ? 0 : -ENOMEM;

	if (*row->alert_id)
		snprintf(thread, sizeof(thread), "%s", row->alert_id);
	else
		snprintf(
		    thread, sizeof(thread), "%s-%llu", row->event, (unsigned long long)row->number);
	ds_buf_init(&request.body, CHANNEL_TEXT_MAX);
	if (r == 0)
		r = channel_kind(c->cfg)->build(c->cfg, &m, &request);
	if (r == 0) {
		p->row = (struct message_row){ .number = row->number, .tries = row->tries };
		p->channel = c;
		r = sender_start(n->sender, c->cfg, c->secret, &request, p);
	}
	json_decref(doc);
	ds_buf_done(&request.body);
	if (r == 0)
		c->flying++;
	else
		free(p);
	return r;
}

struct due {
	struct notify *notify;
	uint64_t now_us;
};

static bool
is_siem(const struct notify *n, const char *name)
{
	const struct ds_conf_named *all = n->cfg.channels;

	for (size_t i = 0; i < all->len; i++)
		if (strcmp(all->items[i].name, name) == 0)
			return channel_is_siem(all->items[i].value);
	return false;
}

static int
take(const struct message_row *row, void *ctx)
{
	struct due *due = ctx;
	struct notify *n = due->notify;
	struct channel *c = channel_named(n, row->channel);
	struct message_row flying = *row;
	int r;

	if (sender_busy(n->sender) == SENDER_MAX)
		return 1;
	if (c == NULL && is_siem(n, row->channel))
		return 0; /* its own thread sees to it */
	if (c == NULL) {
		bury(n, row, "there is no such channel any more");
		return 0;
	}
	if (c->flying >= FLYING_MAX || due->now_us < c->wait_until_us)
		return 0;
	/* Not due again while it flies: should we die now, it is in a minute. */
	flying.due_us = due->now_us + 60 * UINT64_C(1000000);
	note(n, &flying);
	r = send(n, c, row);
	if (r > 0)
		bury(n, row, "this channel has nobody to tell it to");
	else if (r < 0 && r != -EAGAIN)
		bury(n, row, "the message could not be written in this channel's form");
	return 0;
}

int
deliver_due(struct notify *n, uint64_t now_us)
{
	struct message_filter f = { .status = "waiting", .due_us = now_us, .limit = DUE_MAX };
	struct due due = { n, now_us };
	int r;

	if (sender_busy(n->sender) == SENDER_MAX)
		return 0;
	r = n->cfg.backend->messages->each(n->reader, &f, take, &due);
	return r < 0 ? r : 0;
}

/* Twice as long each time, between half and whole of it. */
static uint64_t
pause_us(unsigned tries)
{
	uint64_t most = DS_MIN(FIRST_US << DS_MIN(tries, 20u), LONGEST_US), chance = 0;

	if (ds_random(&chance, sizeof(chance)) < 0)
		chance = 0;
	return most / 2 + chance % (most / 2 + 1);
}

void
deliver_answers(struct notify *n)
{
	struct sender_result result;

	while (sender_next(n->sender, &result)) {
		struct parcel *p = result.ctx;
		struct channel *c = p->channel;
		uint64_t now_us = ds_clock_wall_us();
		struct message_row *row = &p->row;

		c->flying--;
		row->tries++;
		row->error = result.error;
		row->status = result.end == SENDER_SENT ? "sent" : "waiting";
		row->sent_us = result.end == SENDER_SENT ? now_us : 0;
		row->due_us = now_us + pause_us(row->tries - 1);
		if (result.wait_s > 0)
			row->due_us = c->wait_until_us = now_us + result.wait_s * UINT64_C(1000000);
		row->channel = c->name;
		if (result.end == SENDER_DEAD ||
		    (result.end == SENDER_RETRY && row->tries >= TRIES_MAX))
			bury(n, row, result.error);
		else
			note(n, row);
		free(p);
	}
}

/* ---- digests */

struct gathering {
	json_t *digest;
	uint64_t last;
	unsigned len;
};

static int
gather(const struct message_row *row, void *ctx)
{
	struct gathering *g = ctx;
	json_t *doc = json_loads(row->body, 0, NULL);

	if (doc != NULL)
		message_digest_add(g->digest, doc);
	json_decref(doc);
	g->last = row->number;
	g->len++;
	return 0;
}

struct digest {
	struct message_row row;
	uint64_t last;
};

static int
write_digest(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct digest *d = ctx;
	int r = backend->messages->put(store, &d->row);

	return r < 0 ? r : backend->messages->told(store, d->row.channel, d->last);
}

static int
tell_held(struct notify *n, struct channel *c, uint64_t now_us)
{
	struct message_filter f = { .channel = c->name, .status = "held", .limit = HELD_MAX };
	struct gathering g = { .digest = message_digest() };
	struct digest d;
	char *body = NULL;
	int r = g.digest != NULL ? 0 : -ENOMEM;

	if (r == 0)
		r = n->cfg.backend->messages->each(n->reader, &f, gather, &g);
	if (r == 0 && g.len > 0)
		r = message_digest_end(g.digest,
		    "These came in quiet hours, or faster than this channel is to be told.");
	if (r == 0 && g.len > 0)
		body = json_dumps(g.digest, JSON_COMPACT);
	d = (struct digest){ .row = { .channel = c->name,
				 .event = "digest",
				 .alert_id = "",
				 .status = "waiting",
				 .severity = message_text(g.digest, "severity"),
				 .count = g.len,
				 .body = body,
				 .created_us = now_us,
				 .due_us = now_us,
				 .error = "" },
		.last = g.last };
	if (r == 0 && g.len > 0)
		r = body != NULL ? writer_run(n->cfg.writer, n->replies, write_digest, &d)
				 : -ENOMEM;
	if (r == 0) {
		c->has_held = g.len == HELD_MAX;
		c->digest_us = c->has_held ? 0 : now_us; /* the rest need not wait */
	}
	free(body);
	json_decref(g.digest);
	return r < 0 ? r : 0;
}

int
deliver_digests(struct notify *n, uint64_t now_us)
{
	for (size_t i = 0; i < n->channels_len; i++) {
		struct channel *c = &n->channels[i];
		int r;

		if (!c->has_held || route_is_quiet(c->cfg, now_us) ||
		    (now_us >= c->digest_us && now_us - c->digest_us < c->cfg->digest_ms * 1000))
			continue;
		r = tell_held(n, c, now_us);
		if (r < 0)
			return r;
	}
	return 0;
}
