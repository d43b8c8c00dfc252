/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/store/writer.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/zip.h"
#include "server/store/bookmark.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAILBOX_MAX     16384
#define GROUP_MAX       1024 /* requests in one transaction */
#define GROUP_MS        200  /* a transaction that has run so long is committed */
#define ANSWER_MS       2    /* that answers are waited for */
#define MAINTAIN_MS     5000
#define MAINTAIN_BUDGET 10     /* ms; the mail waits meanwhile */
#define KEEP_MAX_MS     60000u /* that segments are kept as they are at a stretch */
#define MAINTAIN_MORE   20     /* ms until the next step when there is more to do */

struct writer {
	const struct store_backend *backend;
	struct store_config cfg;
	struct bookmarks bookmarks;
	struct ds_mailbox *mailbox;
	struct store *store;
	pthread_t thread;
	sem_t opened;
	int open_result;
	char *why;
	size_t why_size;
	uint64_t maintain_at_ms;
	uint64_t kept_since_ms; /* 0: segments are not kept as they are */
	_Atomic uint64_t keep_until_ms;
	uint64_t number; /* of the transaction, from 1 */
	uint64_t failed; /* bit i: the one i before it came to nothing */
	atomic_bool stop;
	atomic_uint_least64_t commits, commit_us_total, commit_us_max, batches, events, failures;
	atomic_int last_error;
};

/* Results of the requests of a transaction, until it is committed. */
struct group {
	struct write_request *requests[GROUP_MAX];
	int results[GROUP_MAX];
	size_t len;
	unsigned awaited; /* answers */
};

/* Errors after which the transaction cannot go on, whoever caused them. */
static bool
is_fatal(int r)
{
	return r == -ENOSPC || r == -EIO || r == -EBADMSG || r == -EROFS || r == -EBUSY;
}

/* Whether what it was decided about came to nothing. */
static bool
is_canceled(const struct writer *w, const struct write_request *req)
{
	uint64_t ago = w->number - req->with;

	return req->with > 0 && ago < 64 && (w->failed >> ago & 1);
}

/* 0, or the error that ends the whole transaction. */
static int
run_one(struct writer *w, struct group *g, struct write_request *req)
{
	const struct store_backend *b = w->backend;
	bool skip = req->run == NULL || is_canceled(w, req);
	int r = skip ? 0 : b->mark(w->store), q;

	g->requests[g->len] = req;
	g->results[g->len++] = skip && req->run != NULL ? -ECANCELED : r;
	g->awaited -= req->is_answer && req->with == w->number && g->awaited > 0;
	if (r < 0 || skip)
		return r;
	r = req->run(req, b, w->store);
	g->results[g->len - 1] = r;
	if (is_fatal(r))
		return r;
	g->awaited += r >= 0 ? req->asked : 0;
	q = b->unmark(w->store, r >= 0);
	if (q < 0)
		g->results[g->len - 1] = q;
	return q;
}

static void
tell_one(const struct writer *w, struct group *g, size_t i, int error)
{
	struct write_request *req = g->requests[i];

	if (error < 0 && req->with == w->number && (w->failed & 1))
		error = -ECANCELED;
	g->requests[i] = NULL;
	req->done(req, error < 0 ? error : g->results[i]);
}

static void
tell(struct writer *w, struct group *g, int error)
{
	for (size_t i = 0; i < g->len; i++)
		if (g->requests[i] != NULL)
			tell_one(w, g, i, error);
	g->len = 0;
}

static void
count_commit(struct writer *w, const struct group *g, uint64_t us)
{
	w->last_error = 0;
	for (size_t i = 0; i < g->len; i++) {
		uint32_t events = g->requests[i] != NULL ? g->requests[i]->events : 0;

		w->batches += g->results[i] >= 0 && events > 0;
		w->events += g->results[i] >= 0 ? events : 0;
	}
	w->commits++;
	w->commit_us_total += us;
	if (us > w->commit_us_max)
		w->commit_us_max = us;
}

static void
note_failure(struct writer *w, int r)
{
	static struct ds_log_rate rate;

	w->failures++;
	w->last_error = r;
	if (ds_log_pass(&rate, 5))
		ds_log(ERROR, "nothing can be stored now; it is tried again", "why=\"%s\"",
		    strerror(-r));
}

/* Takes requests from the list until the transaction is full; returns the rest. */
static struct ds_mail *
fill_group(struct writer *w, struct group *g, struct ds_mail *m, int *ret_error)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + GROUP_MS;

	while (m && g->len < GROUP_MAX && *ret_error == 0 && ds_clock_monotonic_ms() < until_ms) {
		struct write_request *req = DS_CONTAINER(m, struct write_request, mail);

		m = m->next;
		*ret_error = run_one(w, g, req);
	}
	return m;
}

/* Others decide about what was just written: what comes of it comes along.  As fill_group(). */
static struct ds_mail *
fill_answers(struct writer *w, struct group *g, int *ret_error)
{
	uint64_t until_ms = ds_clock_monotonic_ms() + ANSWER_MS, now_ms;
	struct ds_mail *m = NULL;

	while (m == NULL && g->awaited > 0 && *ret_error == 0 && g->len < GROUP_MAX &&
	       (now_ms = ds_clock_monotonic_ms()) < until_ms)
		m = fill_group(
		    w, g, ds_mailbox_wait(w->mailbox, (int)(until_ms - now_ms)), ret_error);
	return m;
}

/* The control plane comes first, and who needs nothing else does not wait for the rest. */
static int
commit(struct writer *w, struct group *g)
{
	int r = w->backend->commit_control(w->store);

	w->failed |= r < 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < g->len; i++)
		if (g->requests[i]->is_control)
			tell_one(w, g, i, 0);
	return w->backend->commit(w->store);
}

static struct ds_mail *
write_group(struct writer *w, struct group *g, struct ds_mail *m)
{
	uint64_t begin_us = ds_clock_boot_us();
	int r = w->backend->begin(w->store), error = 0;

	w->number++;
	w->failed <<= 1;
	g->awaited = 0;
	if (r < 0) {
		/* All of them fail; none was begun. */
		for (; m && g->len < GROUP_MAX; m = m->next)
			g->requests[g->len++] = DS_CONTAINER(m, struct write_request, mail);
		note_failure(w, r);
		w->failed |= 1;
		tell(w, g, r);
		return m;
	}
	m = fill_group(w, g, m, &error);
	if (m == NULL)
		m = fill_answers(w, g, &error);
	w->failed |= error < 0;
	if (error < 0)
		w->backend->rollback(w->store);
	else
		error = commit(w, g);
	if (error < 0)
		note_failure(w, error);
	else
		count_commit(w, g, ds_clock_boot_us() - begin_us);
	tell(w, g, error);
	return m;
}

/* Whether somebody pages, and not for too long without a break. */
static bool
keeps_segments(struct writer *w, uint64_t now_ms)
{
	if (now_ms >= w->keep_until_ms) {
		w->kept_since_ms = 0;
		return false;
	}
	if (w->kept_since_ms == 0)
		w->kept_since_ms = now_ms;
	return now_ms - w->kept_since_ms < KEEP_MAX_MS;
}

uint64_t
writer_transaction(const struct writer *w)
{
	return w->number;
}

void
writer_keep_segments(struct writer *w, uint64_t ms)
{
	w->keep_until_ms = ds_clock_monotonic_ms() + ms;
}

struct bookmarks *
writer_bookmarks(struct writer *w)
{
	return &w->bookmarks;
}

static int
maintain(struct writer *w, uint64_t now_ms)
{
	static struct ds_log_rate rate;
	unsigned budget = keeps_segments(w, now_ms) ? 0 : MAINTAIN_BUDGET;
	int r = w->backend->maintain(w->store, w->cfg.clock(), budget);

	if (r < 0 && ds_log_pass(&rate, 2))
		ds_log(WARN, "housekeeping of the store failed, trying again", "why=\"%s\"",
		    strerror(-r));
	w->maintain_at_ms = now_ms + (r > 0 ? MAINTAIN_MORE : MAINTAIN_MS);
	return r;
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	struct group *g = calloc(1, sizeof(*g));

	w->open_result = g ? w->backend->open(&w->cfg, &w->store, w->why, w->why_size) : -ENOMEM;
	if (w->open_result < 0) {
		free(g);
		sem_post(&w->opened);
		return NULL;
	}
	sem_post(&w->opened);
	w->maintain_at_ms = ds_clock_monotonic_ms() + MAINTAIN_MORE;
	for (;;) {
		uint64_t now_ms = ds_clock_monotonic_ms();
		struct ds_mail *m;
		bool stop = w->stop;

		if (now_ms >= w->maintain_at_ms && !stop)
			(void)maintain(w, now_ms); /* logged */
		now_ms = ds_clock_monotonic_ms();
		m = stop ? ds_mailbox_take(w->mailbox)
			 : ds_mailbox_wait(w->mailbox,
			       (int)(w->maintain_at_ms > now_ms ? w->maintain_at_ms - now_ms : 0));
		if (!m && stop)
			break;
		while (m)
			m = write_group(w, g, m);
	}
	w->backend->close(w->store);
	free(g);
	ds_zip_thread_done(); /* of compaction */
	return NULL;
}

static void
writer_free(struct writer *w)
{
	ds_mailbox_free(w->mailbox);
	sem_destroy(&w->opened);
	free(w);
}

struct writer *
writer_start(const struct store_backend *backend, const struct store_config *cfg, char *ret_why,
    size_t why_size)
{
	struct writer *w = calloc(1, sizeof(*w));

	snprintf(ret_why, why_size, "no memory");
	if (!w)
		return NULL;
	w->backend = backend;
	w->cfg = *cfg;
	w->cfg.bookmarks = &w->bookmarks;
	if (!w->cfg.clock)
		w->cfg.clock = ds_clock_wall_us;
	w->why = ret_why;
	w->why_size = why_size;
	(void)sem_init(&w->opened, 0, 0);
	w->mailbox = ds_mailbox_new(MAILBOX_MAX);
	if (!w->mailbox || pthread_create(&w->thread, NULL, writer_main, w) != 0) {
		writer_free(w);
		return NULL;
	}
	while (sem_wait(&w->opened) < 0)
		;
	w->why = NULL;
	if (w->open_result < 0) {
		pthread_join(w->thread, NULL);
		writer_free(w);
		return NULL;
	}
	return w;
}

/* Only there to wake the thread up. */
static int
run_nothing(struct write_request *req, const struct store_backend *backend, struct store *store)
{
	(void)req;
	(void)backend;
	(void)store;
	return 0;
}

static void
done_nothing(struct write_request *req, int result)
{
	(void)req;
	(void)result;
}

void
writer_stop(struct writer *w)
{
	struct write_request wake = { .run = run_nothing, .done = done_nothing };

	if (!w)
		return;
	w->stop = true;
	if (ds_mailbox_put(w->mailbox, &wake.mail) < 0)
		ds_log(DEBUG, "the writer's mailbox is full, so it is awake", "%s", "");
	pthread_join(w->thread, NULL);
	writer_free(w);
}

int
writer_post(struct writer *w, struct write_request *req)
{
	return ds_mailbox_put(w->mailbox, &req->mail);
}

void
writer_get_stats(struct writer *w, struct writer_stats *ret)
{
	*ret = (struct writer_stats){
		.commits = w->commits,
		.commit_us_total = w->commit_us_total,
		.commit_us_max = w->commit_us_max,
		.batches = w->batches,
		.events = w->events,
		.failures = w->failures,
		.backlog = ds_mailbox_len(w->mailbox),
		.last_error = w->last_error,
	};
}

/* ---- one request, waited for */

struct waited {
	struct write_request req;
	struct ds_mail reply;
	struct ds_mailbox *replies;
	int (*run)(const struct store_backend *backend, struct store *store, void *ctx);
	void *ctx;
	int result;
};

static int
run_waited(struct write_request *req, const struct store_backend *backend, struct store *store)
{
	struct waited *x = DS_CONTAINER(req, struct waited, req);

	return x->run(backend, store, x->ctx);
}

static void
waited_is_done(struct write_request *req, int result)
{
	struct waited *x = DS_CONTAINER(req, struct waited, req);

	x->result = result;
	/* Its taker has one at a time, so there is room. */
	while (ds_mailbox_put(x->replies, &x->reply) < 0)
		;
}

int
writer_run(struct writer *w, struct ds_mailbox *replies,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx)
{
	struct waited x = { .req = { .run = run_waited, .done = waited_is_done },
		.replies = replies,
		.run = run,
		.ctx = ctx };
	int r = writer_post(w, &x.req);

	if (r < 0)
		return r;
	/* The writer always answers, also when it is stopped. */
	while (ds_mailbox_wait(replies, -1) == NULL)
		;
	return x.result;
}
