/* SPDX-License-Identifier: GPL-2.0-or-later */
/* train - the thread, its mailbox, and what is published; run.c has the jobs. */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/ulid.h"
#include "lib/zip.h"
#include "server/train/train_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INBOX_MAX 64
#define HOUR_US   (3600 * DS_US_PER_S)
#define DAY_US    (24 * HOUR_US)
#define WAIT_MS   60000
#define DAYS      7u

/* ---- what is published */

static int
take_model(const struct model_row *row, void *ctx)
{
	struct model_set *set = ctx;
	struct set_entry e = { .version = row->version,
		.data_from_us = row->data_from_us,
		.data_to_us = row->data_to_us };
	char why[160];
	int r = window_model_get(row->bytes, row->size, &e.model, why, sizeof(why));

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		ds_log(ERROR, "a model cannot be used, going on without it", "model=%s why=\"%s\"",
		    row->id, why);
		return 0;
	}
	snprintf(e.id, sizeof(e.id), "%s", row->id);
	r = model_set_add(set, &e);
	if (r < 0)
		window_model_done(&e.model);
	return r;
}

int
train_publish(struct train *t)
{
	struct model_set *set = calloc(1, sizeof(*set));
	int r;

	if (set == NULL)
		return -ENOMEM;
	set->number = ++t->published;
	r = t->cfg.backend->models->each_active(t->reader, take_model, set);
	if (r == 0) {
		model_set_sort(set);
		r = ds_snapshot_publish(t->models, set);
	}
	if (r < 0)
		model_set_free(set);
	return r;
}

static int
newest(const struct model_row *row, void *ctx)
{
	uint64_t *newest_us = ctx;

	*newest_us = DS_MAX(*newest_us, row->created_us);
	return 0;
}

struct train *
train_new(const struct train_config *cfg, char *why, size_t size)
{
	struct train *t = calloc(1, sizeof(*t));
	int r = -ENOMEM;

	if (t != NULL) {
		t->cfg = *cfg;
		t->models = ds_snapshot_new(model_set_free);
		t->inbox = ds_mailbox_new(INBOX_MAX);
		t->replies = ds_mailbox_new(INBOX_MAX);
		if (t->models != NULL && t->inbox != NULL && t->replies != NULL)
			r = cfg->backend->reader_open(cfg->store, &t->reader);
		if (r == 0)
			r = train_publish(t);
		if (r == 0)
			r = cfg->backend->models->each(t->reader, NULL, newest, &t->trained_us);
	}
	if (r == 0)
		return t;
	snprintf(why, size, "the models cannot be read: %s", strerror(-r));
	train_free(t);
	return NULL;
}

void
train_free(struct train *t)
{
	struct ds_mail *next;

	if (t == NULL)
		return;
	for (struct ds_mail *m = t->inbox ? ds_mailbox_take(t->inbox) : NULL; m != NULL; m = next) {
		next = m->next;
		free(m);
	}
	if (t->reader != NULL)
		t->cfg.backend->reader_close(t->reader);
	ds_mailbox_free(t->inbox);
	ds_mailbox_free(t->replies);
	ds_snapshot_free(t->models);
	free(t);
}

struct ds_snapshot *
train_models(struct train *t)
{
	return t->models;
}

/* ---- the writer */

struct write {
	struct write_request request; /* first */
	struct ds_mail reply;
	struct train *train;
	int (*run)(const struct store_backend *backend, struct store *store, void *ctx);
	void *ctx;
	int result;
};

static int
run_write(struct write_request *request, const struct store_backend *backend, struct store *store)
{
	struct write *w = DS_CONTAINER(request, struct write, request);

	return w->run(backend, store, w->ctx);
}

static void
write_done(struct write_request *request, int result)
{
	struct write *w = DS_CONTAINER(request, struct write, request);

	w->result = result;
	/* One is under way at a time: there is room. */
	(void)!ds_mailbox_put(w->train->replies, &w->reply);
}

int
train_write(struct train *t,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx)
{
	struct write w = { .request = { .run = run_write, .done = write_done },
		.train = t,
		.run = run,
		.ctx = ctx };
	int r = writer_post(t->cfg.writer, &w.request);

	if (r < 0)
		return r;
	(void)ds_mailbox_wait(t->replies, -1);
	return w.result < 0 ? w.result : 0;
}

/* ---- the thread */

static int
interrupt_jobs(const struct store_backend *backend, struct store *store, void *ctx)
{
	(void)ctx;
	return backend->models->jobs_interrupted(store, ds_clock_wall_us());
}

static void
reload(struct train *t)
{
	int r = train_publish(t);

	if (r < 0)
		ds_log(ERROR, "the models cannot be read, the old ones stay", "why=\"%s\"",
		    strerror(-r));
}

static void
run_job(struct train *t, struct train_mail *m)
{
	train_run(t, m);
	t->trained_us = ds_clock_wall_us();
	atomic_store(&t->busy, false);
}

/* Hourly until there is a model, then daily. */
static void
train_by_itself(struct train *t)
{
	const struct train_request request = { .days = DAYS, .by = "schedule" };
	struct ds_version *v = ds_snapshot_acquire(t->models);
	uint64_t every = v != NULL && ((const struct model_set *)ds_version_value(v))->len > 0
			     ? DAY_US
			     : HOUR_US;
	char id[MODEL_ID_SIZE];

	ds_version_release(v);
	if (ds_clock_wall_us() >= t->trained_us + every ||
	    ds_clock_wall_us() + DAY_US < t->trained_us)
		(void)!train_begin(t, &request, id, NULL, NULL);
}

static bool
take_mail(struct train *t, struct train_mail *m)
{
	bool go_on = m->kind != TRAIN_STOP;

	if (m->kind == TRAIN_JOB)
		run_job(t, m);
	if (m->kind == TRAIN_RELOAD)
		reload(t);
	free(m);
	return go_on;
}

static void *
work(void *arg)
{
	struct train *t = arg;
	bool go_on = true;

	if (train_write(t, interrupt_jobs, NULL) < 0)
		ds_log(WARN, "jobs that were interrupted cannot be marked so, going on", NULL);
	/* The first try comes an hour after the start: at the start there is other work. */
	if (t->trained_us == 0)
		t->trained_us = ds_clock_wall_us();
	while (go_on && !atomic_load(&t->stop)) {
		struct ds_mail *next;

		for (struct ds_mail *m = ds_mailbox_wait(t->inbox, WAIT_MS); m != NULL; m = next) {
			next = m->next;
			go_on &= take_mail(t, DS_CONTAINER(m, struct train_mail, mail));
		}
		train_by_itself(t);
	}
	ds_zip_thread_done();
	return NULL;
}

int
train_start(struct train *t)
{
	int r = pthread_create(&t->thread, NULL, work, t);

	t->is_running = r == 0;
	return -r;
}

static int
tell(struct train *t, int kind)
{
	struct train_mail *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->kind = kind;
	if (ds_mailbox_put(t->inbox, &m->mail) == 0)
		return 0;
	free(m);
	return -EAGAIN;
}

void
train_stop(struct train *t)
{
	if (t == NULL || !t->is_running)
		return;
	atomic_store(&t->stop, true);
	(void)!tell(t, TRAIN_STOP); /* without it the thread sees the flag a minute later */
	pthread_join(t->thread, NULL);
	t->is_running = false;
}

void
train_reload(struct train *t)
{
	if (tell(t, TRAIN_RELOAD) < 0)
		ds_log(WARN, "the trainer does not take its mail", NULL);
}

static int
announce_job(
    const struct train_mail *m, int (*announce)(const struct job_row *row, void *ctx), void *ctx)
{
	const struct job_row row = { .id = m->id,
		.kind = m->request.forget ? "forget" : "train",
		.state = "running",
		.created_us = m->created_us,
		.updated_us = m->created_us,
		.total = 100,
		.message = "waiting for the trainer",
		.result = "{}",
		.by = m->request.by };

	return announce != NULL ? announce(&row, ctx) : 0;
}

int
train_begin(struct train *t, const struct train_request *request, char ret_id[MODEL_ID_SIZE],
    int (*announce)(const struct job_row *row, void *ctx), void *ctx)
{
	struct train_mail *m;
	uint8_t id[DS_ULID_SIZE];
	int r = -ENOMEM;

	if (atomic_exchange(&t->busy, true))
		return -EBUSY;
	m = calloc(1, sizeof(*m));
	if (m != NULL)
		r = ds_ulid_make(ds_clock_wall_us(), id);
	if (r == 0) {
		m->kind = TRAIN_JOB;
		m->request = *request;
		m->created_us = ds_clock_wall_us();
		ds_ulid_format("job_", id, m->id, sizeof(m->id));
		snprintf(ret_id, MODEL_ID_SIZE, "%s", m->id);
		r = announce_job(m, announce, ctx);
	}
	/* It is the only job; only reloads could have filled the mailbox. */
	if (r >= 0)
		r = ds_mailbox_put(t->inbox, &m->mail);
	if (r >= 0)
		return 0;
	free(m);
	atomic_store(&t->busy, false);
	return r;
}
