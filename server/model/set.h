/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set - the active models of all daemon classes, as the trainer publishes them to the workers.
 *
 * Immutable once published; freed by whoever lets go last (lib/snapshot.h).
 */
#ifndef SERVER_MODEL_SET_H
#define SERVER_MODEL_SET_H

#include "server/model/fit.h"

#define MODEL_SET_MAX 8192u

struct set_entry {
	char id[32]; /* of the model's row */
	uint64_t version;
	uint64_t data_from_us, data_to_us;
	struct window_model model;
};

struct model_set {
	uint64_t number; /* grows with each publication */
	size_t len;
	struct set_entry *entries; /* sorted by class */
};

/* NULL: none. */
const struct set_entry *model_set_find(const struct model_set *s, const char *class);
/* Takes the entry (its model) on success; -ENOMEM, -EFBIG. */
DS_MUST_CHECK int model_set_add(struct model_set *s, const struct set_entry *e);
void model_set_sort(struct model_set *s);
void model_set_free(void *set);

#endif
