/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * train - makes models of windows from stored segments, on a thread of its own.
 *
 * A job reads the last days through the store's reader, makes windows as the workers do, fits a
 * model for each daemon class, lets the gate look at it, and commits all of it in one transaction:
 * a job that is interrupted leaves nothing. One job at a time. By itself it trains once a day, and
 * every hour until there is a first model.
 *
 * In main: train_new before ingest (its snapshot goes into detect_config), train_start after it.
 */
#ifndef SERVER_TRAIN_TRAIN_H
#define SERVER_TRAIN_TRAIN_H

#include "lib/snapshot.h"
#include "server/store/store.h"

#include <stdbool.h>

#define TRAIN_DAYS_MAX 365u

struct train;
struct writer;

struct train_config {
	const struct store_backend *backend;
	const struct store_config *store; /* for a reader; borrowed until free */
	struct writer *writer;            /* borrowed until free */
};

struct train_request {
	unsigned days;
	char daemon[256]; /* class; "": all */
	char by[128];
	bool forget; /* versions made from what is forgotten go */
};

/* Reads the active models; a damaged one is left out and told. NULL and a sentence on failure. */
struct train *train_new(const struct train_config *cfg, char *ret_why, size_t size);
DS_MUST_CHECK int train_start(struct train *t);
/* Ends the thread; a job under way is interrupted. */
void train_stop(struct train *t);
void train_free(struct train *t);

/* ---- any thread */
/* struct model_set (server/model/set.h). */
struct ds_snapshot *train_models(struct train *t);
/* Begins a job: 0 and its id; -EBUSY: one is running; -ENOMEM.  `announce` (may be NULL) stores the
 * job's first row, so that whoever is told the id finds it; what it returns below 0 calls it off.
 */
DS_MUST_CHECK int train_begin(struct train *t, const struct train_request *request,
    char ret_id[MODEL_ID_SIZE], int (*announce)(const struct job_row *row, void *ctx), void *ctx);
/* Another version was made active in the store: it is read and published. */
void train_reload(struct train *t);

#endif
