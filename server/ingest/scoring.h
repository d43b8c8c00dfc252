/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scoring - where ingest and detect meet: storing a verdict in the transaction of its batch. */
#ifndef SERVER_INGEST_SCORING_H
#define SERVER_INGEST_SCORING_H

#include "server/detect/detect.h"
#include "server/store/store.h"

/* On the writer's thread, in a transaction.  Only what the store itself cannot do is an error; a
 * verdict that cannot be kept is logged, because its events must be. */
DS_MUST_CHECK int scoring_store(const struct store_backend *backend, struct store *store,
    const struct batch_origin *from, struct verdict *v);

#endif
