/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * collect - windows of stored segments, by daemon class.
 *
 * Left out: what is to be forgotten, blind windows, and windows within an alert that nobody has
 * called false. Windows of alerts that were called right are kept apart: a model must find them.
 * Bounded: of a class with more than CLASS_ROWS_MAX windows, only those of some of its host-days
 * are kept, chosen by a hash, so that the choice does not depend on the order in which they come.
 */
#ifndef SERVER_TRAIN_COLLECT_H
#define SERVER_TRAIN_COLLECT_H

#include "server/model/fit.h"
#include "server/store/store.h"

#include <stdatomic.h>

#define CLASS_ROWS_MAX 131072u
#define CLASSES_MAX    4096u
#define ROWS_MAX       4000000u /* of all classes */

struct class_rows {
	char name[FIT_CLASS_MAX];
	struct fit_row *minutes, *longs;
	size_t minutes_len, longs_len, minutes_room, longs_room;
	unsigned thinned; /* of 2^thinned host-days one is kept */
	struct attack {
		struct fit_row row;
		char alert_id[40];
	} * attacks;
	size_t attacks_len;
	uint64_t from_us, to_us;
};

struct collection {
	struct class_rows *classes; /* sorted by name at the end */
	size_t len, rows;
	uint64_t segments, events, refused;
};

struct collect_config {
	const struct store_backend *backend;
	struct reader *reader;
	uint64_t from_us, to_us;
	const char *only;                                           /* class; "": all */
	const atomic_bool *stop;                                    /* -ECANCELED */
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* hosts; may be NULL */
	void *ctx;
};

/* 0 or -errno; collection_free() in any case. */
DS_MUST_CHECK int collect(const struct collect_config *cfg, struct collection *ret);
void collection_free(struct collection *c);

#endif
