/* SPDX-License-Identifier: GPL-2.0-or-later */
/* train_impl - what the files of server/train share; nobody else includes it. */
#ifndef SERVER_TRAIN_TRAIN_IMPL_H
#define SERVER_TRAIN_TRAIN_IMPL_H

#include "lib/mailbox.h"
#include "server/store/writer.h"
#include "server/train/build.h"
#include "server/train/train.h"

#include <pthread.h>
#include <stdatomic.h>

struct train {
	struct train_config cfg;
	struct reader *reader;
	struct ds_snapshot *models;
	struct ds_mailbox *inbox, *replies;
	pthread_t thread;
	bool is_running;
	atomic_bool stop, busy;
	uint64_t published;  /* sets so far */
	uint64_t trained_us; /* newest model, or try */
	uint64_t next_us;    /* when it trains by itself */
};

struct train_mail {
	struct ds_mail mail; /* first */
	enum { TRAIN_JOB, TRAIN_RELOAD, TRAIN_STOP } kind;
	struct train_request request;
	char id[MODEL_ID_SIZE];
	uint64_t created_us;
};

/* run.c: one job, on the thread. */
void train_run(struct train *t, const struct train_mail *job);
/* Runs it in a transaction of the writer and waits: 0 or -errno. */
DS_MUST_CHECK int train_write(struct train *t,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx);
/* Reads the active models and publishes them. */
DS_MUST_CHECK int train_publish(struct train *t);

#endif
