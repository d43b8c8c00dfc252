/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem - the thread of a receiver: see siem.h; started by notify.c. */
#include "server/notify/siem.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mailbox.h"
#include "lib/map.h"
#include "lib/tls.h"
#include "server/notify/host_names.h"
#include "server/notify/siem_batch.h"
#include "server/notify/siem_link.h"
#include "server/store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS    50
#define LOOK_MS    1000
#define SETTLE_MS  2000 /* after a test */
#define FIRST_MS   500u
#define LONGEST_MS 30000u
#define COMMIT_US  (10 * UINT64_C(1000000))
#define RECENT_US \
	(60 * UINT64_C(1000000)) /* how long after a batch a reset means that it may be lost */
#define UNREAD_US (2 * UINT64_C(1000000)) /* what was confirmed before has been read */

struct siem {
	struct notify_config cfg;
	const char *name;
	const struct channel_config *channel;
	struct reader *reader;
	struct siem_batch *batch;
	struct siem_link *link;
	struct ds_mailbox *replies; /* of the writer */
	struct ds_mailbox *wake;
	struct ds_mail over;
	/* Where to begin again after a reset: within this connection, and some time ago. */
	struct siem_place place, before, middle;
	uint64_t middle_us; /* when `middle` was where we are */
	uint64_t commits, look_ms, retry_ms;
	unsigned failures;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
};

/* ---- the place */

static int
put_place(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct siem *s = ctx;
	char key[CHANNEL_NAME_MAX + 16], text[SIEM_PLACE_MAX];
	struct setting_row row = { key, text };

	siem_place_key(s->name, key, sizeof(key));
	siem_place_format(&s->place, text);
	return backend->setting_put(store, &row);
}

static int
see_audit(const struct audit_row *row, void *ctx)
{
	*(uint64_t *)ctx = row->number;
	return 1;
}

/* Where we were; at the very first start, here and now. */
static int
read_place(struct siem *s)
{
	const struct store_backend *b = s->cfg.backend;
	char key[CHANNEL_NAME_MAX + 16], text[SIEM_PLACE_MAX] = "";
	uint64_t oldest, newest;
	int r;

	siem_place_key(s->name, key, sizeof(key));
	r = b->setting_get(s->reader, key, text, sizeof(text));
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && siem_place_parse(text, &s->place) == 0) {
		s->before = s->middle = s->place;
		return 0;
	}
	r = b->change_span(s->reader, &oldest, &newest);
	if (r < 0)
		return r;
	s->place =
	    (struct siem_place){ .change = newest, .time_us = ds_clock_wall_us() - COMMIT_US };
	r = b->access->each_audit(s->reader, true, 0, 1, see_audit, &s->place.audit);
	s->before = s->middle = s->place;
	return r < 0 ? r : 0;
}

/* ---- trouble */

static void
say_error(struct siem *s, const char *why)
{
	if (strcmp(s->place.error, why) == 0)
		return;
	snprintf(s->place.error, sizeof(s->place.error), "%s", why);
	if (*why)
		ds_log(WARN, "a receiver cannot be told now; it will be sent all that it missed",
		    "channel=\"%s\" why=\"%s\"", s->name, why);
	if (writer_run(s->cfg.writer, s->replies, put_place, s) < 0)
		ds_log(DEBUG, "the state of a receiver is not written down", "channel=\"%s\"",
		    s->name);
}

static void
back_off(struct siem *s, const char *why)
{
	uint64_t most = DS_MIN(FIRST_MS << DS_MIN(s->failures, 10u), LONGEST_MS), chance = 0;

	if (ds_random(&chance, sizeof(chance)) < 0)
		chance = 0;
	s->failures++;
	s->retry_ms = ds_clock_monotonic_ms() + most / 2 + chance % (most / 2 + 1);
	if (!s->stop)
		say_error(s, why);
}

/* A connection that ended out of order may have taken records with it: not only those of its last
 * batch, since the news of its end comes later than it. */
static void
roll_back(struct siem *s)
{
	if (siem_link_is_stream(s->link) && ds_clock_wall_us() - s->place.time_us < RECENT_US) {
		s->before.sent = s->place.sent;
		s->before.sent_us = s->place.sent_us;
		s->place = s->before;
	}
	siem_batch_forget(s->batch);
}

static void
look_at_link(struct siem *s)
{
	bool broken;

	if (siem_link_is_open(s->link, &broken))
		return;
	if (broken)
		roll_back(s);
	s->before = s->middle = s->place; /* what the next connection begins with */
}

/* After a batch was confirmed. */
static void
move_on(struct siem *s, const struct siem_place *next)
{
	uint64_t now_us = ds_clock_wall_us();

	if (now_us - s->middle_us >= UNREAD_US) {
		s->before = s->middle;
		s->middle = *next;
		s->middle_us = now_us;
	}
	s->place = *next;
}

/* ---- sending */

static int
put_record(void *ctx, const void *data, size_t size, char *why, size_t why_size)
{
	struct siem *s = ctx;
	int r = siem_link_open(s->link, why, why_size);

	return r < 0 ? r : siem_link_put(s->link, data, size, why, why_size);
}

/* 1: there is more. */
static int
forward(struct siem *s)
{
	/* From when on a change may not be in this batch: what is dated before was committed by
	 * now. */
	uint64_t read_us = ds_clock_wall_us() - COMMIT_US;
	struct siem_place next = s->place;
	char why[200] = "";
	int more, r;

	more = siem_batch_send(s->batch, &next, put_record, s, why, sizeof(why));
	if (more < 0) {
		roll_back(s);
		back_off(s, *why ? why : strerror(-more));
		return 0;
	}
	if (next.change == s->place.change && next.audit == s->place.audit)
		return 0;
	if (next.sent != s->place.sent) {
		r = siem_link_confirm(s->link, why, sizeof(why));
		if (r < 0) {
			roll_back(s);
			back_off(s, why);
			return 0;
		}
		s->failures = 0;
		next.sent_us = ds_clock_wall_us();
		next.error[0] = '\0';
	}
	next.time_us = read_us;
	move_on(s, &next);
	r = writer_run(s->cfg.writer, s->replies, put_place, s);
	if (r < 0) {
		/* Sent, and not written down: sent again after a crash only. */
		static struct ds_log_rate rate;

		if (ds_log_pass(&rate, 2))
			ds_log(WARN, "cannot write down what a receiver has",
			    "channel=\"%s\" why=\"%s\"", s->name, strerror(-r));
	}
	return more;
}

/* ---- tests that people ask for */

struct test {
	struct siem *siem;
	struct message_row row;
	char error[200];
};

static int
see_test(const struct message_row *row, void *ctx)
{
	struct test *t = ctx;

	t->row = (struct message_row){ .number = row->number, .tries = row->tries + 1 };
	return 1;
}

static int
put_test(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->messages->put(store, &((struct test *)ctx)->row);
}

/* Who takes a record and then hangs up does not want us. */
static int
stay_connected(struct siem *s, char *why, size_t size)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + SETTLE_MS;
	bool broken;

	do {
		if (!siem_link_is_open(s->link, &broken)) {
			snprintf(why, size, "the receiver closed the connection");
			return -ECONNRESET;
		}
		(void)ds_mailbox_wait(s->wake, TURN_MS);
	} while (!s->stop && ds_clock_monotonic_ms() < until_ms);
	return 0;
}

static void
run_test(struct siem *s)
{
	struct message_filter f = { .channel = s->name, .status = "waiting", .limit = 1 };
	struct test t = { .siem = s };
	int r = s->cfg.backend->messages->each(s->reader, &f, see_test, &t);

	if (r != 1)
		return;
	r = siem_batch_test(s->batch, s->name, put_record, s, t.error, sizeof(t.error));
	if (r == 0)
		r = siem_link_confirm(s->link, t.error, sizeof(t.error));
	if (r == 0)
		r = stay_connected(s, t.error, sizeof(t.error));
	t.row.channel = s->name;
	t.row.status = r == 0 ? "sent" : "dead";
	t.row.sent_us = r == 0 ? ds_clock_wall_us() : 0;
	t.row.due_us = ds_clock_wall_us();
	t.row.error = r == 0 ? "" : *t.error ? t.error : strerror(-r);
	if (r == 0) {
		s->retry_ms = 0;
		say_error(s, "");
	}
	if (writer_run(s->cfg.writer, s->replies, put_test, &t) < 0)
		ds_log(WARN, "what came of a test is not written down", "channel=\"%s\"", s->name);
}

/* ---- the thread */

static void
turn(struct siem *s)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct writer_stats stats = { 0 };

	look_at_link(s);
	writer_get_stats(s->cfg.writer, &stats);
	if (stats.commits == s->commits && now_ms < s->look_ms)
		return;
	s->commits = stats.commits;
	s->look_ms = now_ms + LOOK_MS;
	run_test(s);
	while (!s->stop && ds_clock_monotonic_ms() >= s->retry_ms && forward(s) > 0)
		look_at_link(s);
}

static void *
siem_main(void *arg)
{
	struct siem *s = arg;

	while (!s->stop) {
		turn(s);
		(void)ds_mailbox_wait(s->wake, TURN_MS); /* only ever the mail that ends us */
	}
	return NULL;
}

struct siem *
siem_start(const struct notify_config *cfg, const char *name, const struct channel_config *channel,
    char *why, size_t size)
{
	struct siem *s = calloc(1, sizeof(*s));
	char flaw[200] = "no memory";
	int r = -ENOMEM;

	snprintf(why, size, "no memory");
	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->name = name;
	s->channel = channel;
	s->replies = ds_mailbox_new(1);
	s->wake = ds_mailbox_new(1);
	s->link = siem_link_new(channel, &s->stop, flaw, sizeof(flaw));
	if (s->replies != NULL && s->wake != NULL && s->link != NULL) {
		snprintf(flaw, sizeof(flaw), "cannot read what was sent");
		r = cfg->backend->reader_open(cfg->store, &s->reader);
	}
	if (r == 0) {
		s->batch = siem_batch_new(cfg, channel, s->reader);
		r = s->batch != NULL ? read_place(s) : -ENOMEM;
	}
	if (r == 0)
		s->started = pthread_create(&s->thread, NULL, siem_main, s) == 0;
	if (s->started)
		return s;
	snprintf(why, size, "[notify.%s] %s", name, flaw);
	siem_stop(s);
	return NULL;
}

void
siem_stop(struct siem *s)
{
	if (s == NULL)
		return;
	s->stop = true;
	if (s->started) {
		if (ds_mailbox_put(s->wake, &s->over) < 0)
			ds_log(DEBUG, "a receiver's thread ends by itself", NULL);
		pthread_join(s->thread, NULL);
	}
	siem_batch_free(s->batch);
	siem_link_free(s->link);
	if (s->reader != NULL)
		s->cfg.backend->reader_close(s->reader);
	ds_mailbox_free(s->replies);
	ds_mailbox_free(s->wake);
	free(s);
}
