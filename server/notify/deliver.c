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

#define FLYING_MAX    2u /* of one channel */
#define TRIES_MAX     30u
#define FIRST_US      (5 * UINT64_C(1000000))
#define LONGEST_US    (3600 * UINT64_C(1000000))
#define ORPHANS_MAX   10000u /* that are buried at a start; more of them at the next */
#define REACTIONS_MAX 4u     /* named in a message */

/* A message under way. */
struct parcel {
	struct message_row row; /* its number and tries; texts are not there any more */
	struct channel *channel;
};

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
see_reaction(const struct reaction_row *row, void *ctx)
{
	message_add_reaction(ctx, row);
	return 0;
}

/* What was done about the alert by now: who is woken wants to know.  That it cannot be read must
 * not keep them from being told. */
static void
add_reactions(struct notify *n, const struct message_row *row, json_t *doc)
{
	struct reaction_filter f = { .alert_id = row->alert_id, .limit = REACTIONS_MAX };

	if (doc != NULL && *row->alert_id)
		(void)n->cfg.backend->reactions->each(n->reader, &f, see_reaction, doc);
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
	add_reactions(n, row, doc);
	ds_buf_init(&request.body, CHANNEL_TEXT_MAX);
	/* Who is refused for good keeps the others from being told once only. */
	request.may_refuse = strncmp(row->error, "answered 5", 10) == 0;
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
	struct channel *channel;
	uint64_t now_us;
};

static int
take(const struct message_row *row, void *ctx)
{
	struct due *due = ctx;
	struct message_row flying = *row;
	int r;

	/* Not due again while it flies: should we die now, it is in a minute. */
	flying.due_us = due->now_us + 60 * UINT64_C(1000000);
	note(due->notify, &flying);
	r = send(due->notify, due->channel, row);
	if (r > 0)
		bury(due->notify, row, "this channel has nobody to tell it to");
	else if (r < 0 && r != -EAGAIN)
		bury(due->notify, row, "the message could not be written in this channel's form");
	return 0;
}

/* Channel by channel: one whose receiver hangs, with however much waiting, holds up no other. */
int
deliver_due(struct notify *n, uint64_t now_us)
{
	int r = 0;

	for (size_t i = 0; i < n->channels_len && r >= 0; i++) {
		struct channel *c = &n->channels[i];
		struct message_filter f = { .channel = c->name,
			.status = "waiting",
			.due_us = now_us,
			.limit = FLYING_MAX - c->flying };
		struct due due = { n, c, now_us };

		if (f.limit > 0 && now_us >= c->wait_until_us &&
		    sender_busy(n->sender) < SENDER_MAX)
			r = n->cfg.backend->messages->each(n->reader, &f, take, &due);
	}
	return r < 0 ? r : 0;
}

/* ---- what waits for a channel that there is no more */

struct orphans {
	const struct ds_conf_named *channels;
	uint64_t *numbers;
	size_t len;
};

static int
see_orphan(const struct message_row *row, void *ctx)
{
	struct orphans *o = ctx;

	for (size_t i = 0; i < o->channels->len; i++)
		if (strcmp(o->channels->items[i].name, row->channel) == 0)
			return 0;
	if (o->len == ORPHANS_MAX)
		return 1;
	o->numbers[o->len++] = row->number;
	return 0;
}

static int
bury_orphans(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct orphans *o = ctx;
	int r = 0;

	for (size_t i = 0; i < o->len && r == 0; i++) {
		struct message_row dead = { .number = o->numbers[i],
			.status = "dead",
			.error = "there is no such channel any more" };

		r = backend->messages->put(store, &dead);
	}
	return r;
}

int
deliver_begin(struct notify *n)
{
	static const char *const statuses[] = { "waiting", "held" };
	struct orphans o = { n->cfg.channels, calloc(ORPHANS_MAX, sizeof(*o.numbers)), 0 };
	int r = o.numbers != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < DS_LEN(statuses) && r >= 0; i++) {
		struct message_filter f = { .status = statuses[i], .limit = INT32_MAX };

		r = n->cfg.backend->messages->each(n->reader, &f, see_orphan, &o);
	}
	if (r >= 0 && o.len > 0) {
		ds_log(WARN, "messages wait for channels that there are no more", "messages=%zu",
		    o.len);
		r = writer_run(n->cfg.writer, n->replies, bury_orphans, &o);
	}
	free(o.numbers);
	return r < 0 ? r : 0;
}

/* ---- what became of them */

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
