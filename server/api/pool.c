/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool - one loop for each thread; each owns its reader, searcher and mailboxes.
 */
#include "server/api/pool.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/zip.h"
#include "server/api/board.h"
#include "server/api/repeat.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 256 /* requests in one thread's mailbox */
#define TICK_MS     200

struct worker {
	struct pool *pool;
	pthread_t thread;
	struct ds_mailbox *mailbox;
	_Atomic unsigned busy; /* posted and not done */
	struct call_worker call;
};

struct pool {
	unsigned len;
	_Atomic bool stop;
	bool (*is_idle)(void *ctx);
	void *idle_ctx;
	void (*work)(struct call_worker *worker, struct ds_mail *mail);
	struct worker workers[];
};

/* The first who asks for all open alerts does not wait until they are read. */
static void
read_ahead(struct call_worker *w)
{
	if (w->board != NULL)
		return;
	w->board = board_new(w->cfg->backend, w->reader);
	if (w->board != NULL && board_refresh(w->board, ds_clock_wall_us()) < 0)
		ds_log(DEBUG, "the open alerts cannot be read ahead; who asks is told", "%s", "");
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		bool stop = w->pool->stop;
		struct ds_mail *m = ds_mailbox_wait(w->mailbox, stop ? TICK_MS / 10 : TICK_MS);

		if (m == NULL && stop && w->pool->is_idle(w->pool->idle_ctx)) {
			ds_zip_thread_done();
			return NULL;
		}
		if (m == NULL && !stop)
			read_ahead(&w->call);
		while (m != NULL) {
			struct ds_mail *next = m->next;

			w->pool->work(&w->call, m);
			w->busy--;
			m = next;
		}
	}
}

static void
worker_done(struct worker *w)
{
	searcher_free(w->call.searcher);
	repeats_free(w->call.repeats);
	board_free(w->call.board);
	if (w->call.reader != NULL)
		w->call.cfg->backend->reader_close(w->call.reader);
	ds_mailbox_free(w->call.replies);
	ds_mailbox_free(w->mailbox);
}

static int
worker_start(struct worker *w, struct pool *p, struct api *api, const struct api_config *cfg,
    bool changes_things)
{
	int r;

	w->pool = p;
	w->call.api = api;
	w->call.cfg = cfg;
	w->mailbox = ds_mailbox_new(WAITING_MAX);
	w->call.replies = ds_mailbox_new(4);
	w->call.repeats = changes_things ? repeats_new() : NULL;
	r = cfg->backend->reader_open(cfg->store, &w->call.reader);
	if (r < 0)
		w->call.reader = NULL;
	else
		w->call.searcher = searcher_new(cfg->backend, w->call.reader);
	if (w->mailbox == NULL || w->call.replies == NULL || w->call.searcher == NULL ||
	    (changes_things && w->call.repeats == NULL) ||
	    pthread_create(&w->thread, NULL, worker_main, w) != 0) {
		worker_done(w);
		return r < 0 ? r : -ENOMEM;
	}
	return 0;
}

static bool
always(void *ctx)
{
	(void)ctx;
	return true;
}

struct pool *
pool_start(struct api *api, const struct api_config *cfg, unsigned threads,
    void (*work)(struct call_worker *worker, struct ds_mail *mail))
{
	struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->workers[0]));

	if (p == NULL)
		return NULL;
	p->work = work;
	for (; p->len < threads; p->len++) {
		int r = worker_start(&p->workers[p->len], p, api, cfg, p->len == 0);

		if (r == 0)
			continue;
		ds_log(ERROR, "the API cannot read the store", "why=\"%s\"", strerror(-r));
		pool_stop(p, always, NULL);
		return NULL;
	}
	return p;
}

void
pool_stop(struct pool *p, bool (*is_idle)(void *ctx), void *ctx)
{
	if (p == NULL)
		return;
	p->is_idle = is_idle;
	p->idle_ctx = ctx;
	p->stop = true;
	for (unsigned i = 0; i < p->len; i++) {
		pthread_join(p->workers[i].thread, NULL);
		worker_done(&p->workers[i]);
	}
	free(p);
}

int
pool_post(struct pool *p, struct ds_mail *mail, bool in_order)
{
	struct worker *best = &p->workers[0];
	int r;

	for (unsigned i = 0; !in_order && i < p->len; i++)
		if (p->workers[i].busy < best->busy)
			best = &p->workers[i];
	best->busy++;
	r = ds_mailbox_put(best->mailbox, mail);
	if (r < 0)
		best->busy--;
	return r;
}
