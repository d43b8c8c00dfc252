/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool - the threads that answer: each with a reader of the store and a mailbox.
 *
 * Requests that change something all go to the first thread, so that they happen one after another.
 */
#ifndef SERVER_API_POOL_H
#define SERVER_API_POOL_H

#include "lib/mailbox.h"
#include "server/api/call.h"

struct pool;

/* `work` is called on a pool thread for each object posted. */
struct pool *pool_start(struct api *api, const struct api_config *cfg, unsigned threads,
    void (*work)(struct call_worker *worker, struct ds_mail *mail));
/* Works off what was posted until `is_idle` says that nothing more comes, then ends the threads. */
void pool_stop(struct pool *p, bool (*is_idle)(void *ctx), void *ctx);
/* Any thread.  -EAGAIN: too much waits already. */
DS_MUST_CHECK int pool_post(struct pool *p, struct ds_mail *mail, bool in_order);

#endif
