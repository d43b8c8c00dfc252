/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow - the followers' thread: one loop, a mailbox of new followers, a reader.
 *
 * A follower is shared by two threads: the HTTP thread reads its chunks (a mailbox) and puts it to
 * sleep; this thread writes chunks and wakes it.  `state` decides who may wake: whoever moves it
 * from ASLEEP to AWAKE does.  The last of the two to let go frees it.
 */
#include "server/api/follow.h"

#include "lib/clock.h"
#include "lib/zip.h"
#include "server/api/api.h"
#include "server/api/ecs.h"
#include "server/api/search.h"
#include "server/api/stream.h"
#include "server/store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS_MAX   64          /* waiting for a slow client */
#define CHUNK_SIZE   (64u << 10) /* bytes, about */
#define CHUNK_HARD   (32u << 20) /* bytes; a turn's events are less than this */
#define TURN_EVENTS  200u        /* for one follower before the next has its turn */
#define TICK_MS      10          /* how often the writer is asked whether it committed */
#define HEARTBEAT_MS 15000u      /* an empty line, so that a client that has gone is noticed */

enum follower_state {
	AWAKE,  /* its reader runs or will look again */
	ASLEEP, /* its reader found nothing: wake it once there is something */
};

struct chunk {
	struct ds_mail mail;
	size_t len;
	char data[];
};

struct follower {
	struct ds_mail mail; /* on its way to the thread */
	struct follow *follow;
	struct follow_request *request;
	struct ds_mailbox *chunks;
	struct chunk *reading; /* HTTP thread: the list taken, its first read up to `read` */
	size_t read;
	_Atomic int state;   /* enum follower_state */
	_Atomic bool ended;  /* no more comes */
	_Atomic bool closed; /* the client has gone */
	_Atomic int holders; /* 2, 1, 0 */
	void (*wake)(void *ctx);
	void *ctx;
	/* follower's thread */
	struct search_cursor at;
	struct ds_buf out;
	bool behind;    /* there was more than a turn's worth, or no room */
	bool caught_up; /* what is merged of old segments from now on was shown before */
	uint64_t last_ms;
};

struct follow {
	const struct api_config *cfg;
	struct ds_mailbox *added;
	struct reader *reader;
	struct searcher *searcher;
	struct stream *stream;
	struct follower *followers[FOLLOWERS_MAX];
	unsigned len;
	bool has_new; /* followers that may know of changes which the stream does not */
	_Atomic unsigned count, events; /* of both sides, for the limits */
	_Atomic bool stop;
	pthread_t thread;
	bool started;
	uint64_t commits;
	void (*tick)(void *ctx);
	bool (*may_stay)(void *ctx, const struct caller *caller, const char *scope);
	void *tick_ctx;
	uint64_t tick_ms;
};

void
follow_request_free(struct follow_request *req)
{
	if (req == NULL)
		return;
	query_free(req->query);
	free(req);
}

static void
free_chunks(struct ds_mail *m)
{
	while (m != NULL) {
		struct ds_mail *next = m->next;

		free(m);
		m = next;
	}
}

static void
let_go(struct follower *w)
{
	if (atomic_fetch_sub(&w->holders, 1) > 1)
		return;
	w->follow->count--;
	w->follow->events -= w->request->topics == 0;
	free_chunks(ds_mailbox_take(w->chunks));
	free_chunks(w->reading ? &w->reading->mail : NULL);
	ds_mailbox_free(w->chunks);
	follow_request_free(w->request);
	ds_buf_done(&w->out);
	free(w);
}

static void
wake(struct follower *w)
{
	int asleep = ASLEEP;

	if (atomic_compare_exchange_strong(&w->state, &asleep, AWAKE))
		w->wake(w->ctx);
}

/* ---- the thread */

static int
put_chunk(struct follower *w)
{
	struct chunk *c = malloc(sizeof(*c) + w->out.len);

	if (c == NULL)
		return -ENOMEM;
	c->len = w->out.len;
	memcpy(c->data, w->out.data, w->out.len);
	if (ds_mailbox_put(w->chunks, &c->mail) < 0) {
		free(c);
		return -EAGAIN;
	}
	ds_buf_clear(&w->out);
	w->last_ms = ds_clock_monotonic_ms();
	wake(w);
	return 0;
}

static int
write_hit(void *ctx, const struct search_hit *hit)
{
	struct follower *w = ctx;
	struct ecs_context context = { hit->host_id, hit->host_name, hit->received_us };
	struct ds_json j;
	int r;

	ds_json_init(&j, &w->out);
	ecs_write(&j, hit->event, &context);
	r = ds_json_done(&j);
	return r < 0 ? r : ds_buf_put(&w->out, "\n", 1);
}

static bool
is_full(void *ctx)
{
	struct follower *w = ctx;

	return w->out.len >= CHUNK_SIZE || w->closed;
}

static bool
is_behind(const struct segment_position *a, const struct segment_position *b)
{
	return a->day != b->day ? a->day < b->day : a->number < b->number;
}

static void
end(struct follower *w)
{
	w->ended = true;
	wake(w);
}

static void
advance_changes(struct follow *f, struct follower *w)
{
	int r =
	    stream_read(f->stream, w->request->topics, &w->request->change, &w->out, CHUNK_SIZE);

	w->behind = r > 0;
	if (r < 0)
		end(w);
	else if (w->out.len > 0 && put_chunk(w) < 0)
		w->behind = true;
}

static void
advance_events(struct follow *f, struct follower *w)
{
	struct search what = { .query = w->request->query, .limit = TURN_EVENTS };
	struct segment_position newest;
	struct search_result result;
	int r;

	what.oldest_first = true;
	what.skip_compacted = w->caught_up;
	what.time_min_us = w->request->time_min_us;
	what.after = w->at;
	what.call = write_hit;
	what.is_cancelled = is_full;
	what.ctx = w;
	r = searcher_newest(f->searcher, &newest);
	if (r == 0)
		r = searcher_run(f->searcher, &what, &result);
	if (r < 0) {
		end(w);
		return;
	}
	w->at = result.next;
	/* What the index excluded is behind us, too. */
	if (result.complete && is_behind(&w->at.at, &newest))
		w->at = (struct search_cursor){ newest, 0 };
	w->behind = !result.complete;
	w->caught_up |= result.complete;
	if (w->out.len > 0 && put_chunk(w) < 0)
		w->behind = true;
}

static void
advance(struct follow *f, struct follower *w)
{
	w->behind = false;
	if (w->out.len > 0 && put_chunk(w) < 0)
		w->behind = true;
	else if (w->request->topics != 0)
		advance_changes(f, w);
	else
		advance_events(f, w);
}

/* An empty line, or for changes a comment (Server-Sent Events begin those with a colon). */
static void
beat(struct follower *w)
{
	bool comment = w->request->topics != 0;

	if (w->out.len == 0 && ds_clock_monotonic_ms() - w->last_ms > HEARTBEAT_MS &&
	    ds_buf_put(&w->out, comment ? ":\n\n" : "\n", comment ? 3 : 1) == 0)
		(void)put_chunk(w); /* no room: the client is slow, not idle */
}

static void
take_added(struct follow *f, struct ds_mail *m)
{
	while (m != NULL) {
		struct follower *w = DS_CONTAINER(m, struct follower, mail);

		m = m->next;
		w->at = (struct search_cursor){ w->request->after, 0 };
		w->last_ms = ds_clock_monotonic_ms();
		w->behind = true;
		f->followers[f->len++] = w;
		f->has_new = true;
	}
}

static void
drop_closed(struct follow *f)
{
	for (unsigned i = 0; i < f->len; i++) {
		if (!f->followers[i]->closed)
			continue;
		let_go(f->followers[i]);
		f->followers[i--] = f->followers[--f->len];
	}
}

static void
turn(struct follow *f)
{
	struct writer_stats stats = { 0 };
	bool committed;

	if (f->len == 0)
		return;
	writer_get_stats(f->cfg->writer, &stats);
	committed = stats.commits != f->commits;
	/* It is tried again when that fails. */
	if ((committed || f->has_new) && stream_refresh(f->stream) < 0)
		return;
	f->has_new = false;
	f->commits = stats.commits;
	for (unsigned i = 0; i < f->len; i++) {
		if (f->followers[i]->ended)
			continue;
		if (committed || f->followers[i]->behind)
			advance(f, f->followers[i]);
		beat(f->followers[i]);
	}
}

static void
end_those_who_may_not(struct follow *f)
{
	for (unsigned i = 0; i < f->len; i++) {
		struct follower *w = f->followers[i];

		if (!w->ended && !f->may_stay(f->tick_ctx, &w->request->caller, w->request->scope))
			end(w);
	}
}

static void *
follow_main(void *arg)
{
	struct follow *f = arg;

	while (!f->stop) {
		take_added(f, ds_mailbox_wait(f->added, f->len > 0 ? TICK_MS : 1000));
		drop_closed(f);
		turn(f);
		if (ds_clock_monotonic_ms() - f->tick_ms < 1000)
			continue;
		f->tick_ms = ds_clock_monotonic_ms();
		end_those_who_may_not(f);
		f->tick(f->tick_ctx);
	}
	take_added(f, ds_mailbox_take(f->added));
	for (unsigned i = 0; i < f->len; i++) {
		f->followers[i]->ended = true;
		wake(f->followers[i]);
		let_go(f->followers[i]);
	}
	ds_zip_thread_done();
	return NULL;
}

/* ---- other threads */

struct follow *
follow_start(const struct api_config *cfg, void (*tick)(void *ctx),
    bool (*may_stay)(void *ctx, const struct caller *caller, const char *scope), void *ctx)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->cfg = cfg;
	f->tick = tick;
	f->may_stay = may_stay;
	f->tick_ctx = ctx;
	f->added = ds_mailbox_new(FOLLOWERS_MAX);
	if (f->added != NULL && cfg->backend->reader_open(cfg->store, &f->reader) == 0)
		f->searcher = searcher_new(cfg->backend, f->reader);
	if (f->searcher != NULL)
		f->stream = stream_new(cfg, f->reader, f->searcher);
	if (f->stream != NULL)
		f->started = pthread_create(&f->thread, NULL, follow_main, f) == 0;
	if (!f->started) {
		follow_stop(f);
		return NULL;
	}
	return f;
}

void
follow_stop(struct follow *f)
{
	if (f == NULL)
		return;
	f->stop = true;
	if (f->started)
		pthread_join(f->thread, NULL);
	stream_free(f->stream);
	searcher_free(f->searcher);
	if (f->reader != NULL)
		f->cfg->backend->reader_close(f->reader);
	f->started = false;
	f->stream = NULL;
	f->searcher = NULL;
	f->reader = NULL;
}

void
follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	ds_mailbox_free(f->added);
	free(f);
}

struct follower *
follow_add(struct follow *f, struct follow_request *req, void (*wake_call)(void *ctx), void *ctx)
{
	struct follower *w = NULL;

	f->events += req->topics == 0;
	if (atomic_fetch_add(&f->count, 1) < FOLLOWERS_MAX && f->events <= FOLLOWERS_EVENTS_MAX &&
	    !f->stop)
		w = calloc(1, sizeof(*w));
	if (w == NULL) {
		f->count--;
		f->events -= req->topics == 0;
		follow_request_free(req);
		return NULL;
	}
	w->follow = f;
	w->request = req;
	w->wake = wake_call;
	w->ctx = ctx;
	w->holders = 2;
	ds_buf_init(&w->out, CHUNK_HARD);
	w->chunks = ds_mailbox_new(CHUNKS_MAX);
	if (w->chunks == NULL || ds_mailbox_put(f->added, &w->mail) < 0) {
		w->holders = 1;
		let_go(w);
		return NULL;
	}
	return w;
}

/* The next chunk to read from, or NULL. */
static struct chunk *
current(struct follower *w)
{
	if (w->reading == NULL) {
		struct ds_mail *m = ds_mailbox_take(w->chunks);

		w->reading = m ? DS_CONTAINER(m, struct chunk, mail) : NULL;
		w->read = 0;
	}
	return w->reading;
}

ssize_t
follower_read(struct follower *w, char *buf, size_t max, void (*sleep_call)(void *ctx), void *ctx)
{
	struct chunk *c = current(w);
	size_t n;

	if (c == NULL) {
		if (w->ended)
			return -1;
		sleep_call(ctx);
		w->state = ASLEEP;
		/* What came in between wakes it, by us or by the other thread. */
		if (ds_mailbox_len(w->chunks) > 0 || w->ended)
			wake(w);
		return 0;
	}
	n = DS_MIN(max, c->len - w->read);
	memcpy(buf, c->data + w->read, n);
	w->read += n;
	if (w->read == c->len) {
		w->reading = c->mail.next ? DS_CONTAINER(c->mail.next, struct chunk, mail) : NULL;
		w->read = 0;
		free(c);
	}
	return (ssize_t)n;
}

void
follower_close(struct follower *w)
{
	if (w == NULL)
		return;
	w->closed = true;
	let_go(w);
}

unsigned
follow_count(const struct follow *f)
{
	return f->count;
}
