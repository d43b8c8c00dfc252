/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held - a reaction or an order read within a transaction, with texts of its own. */
#ifndef SERVER_REACT_HELD_H
#define SERVER_REACT_HELD_H

#include "lib/compiler.h"
#include "server/store/store.h"

struct held_reaction {
	struct reaction_row row;
	char *texts; /* what the row's texts are in */
};

struct held_order {
	struct order_row row;
	void *bytes;
	char id[REACTION_ID_SIZE], reaction_id[REACTION_ID_SIZE];
};

/* 1 and the copy, 0 when there is none, -errno.  Done takes what was never filled. */
DS_MUST_CHECK int held_reaction_get(const struct store_backend *backend, struct store *store,
    const char *id, struct held_reaction *ret);
void held_reaction_done(struct held_reaction *h);
DS_MUST_CHECK int held_order_get(const struct store_backend *backend, struct store *store,
    const char *id, struct held_order *ret);
void held_order_done(struct held_order *h);

#endif
