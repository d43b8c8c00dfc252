/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment - events become a batch at rest and its row of the index.
 *
 * For the compactor, and for who fills a store directly; what arrives is packed already, and a
 * worker describes it into the delivery that owns its bytes.
 */
#ifndef SERVER_STORE_SEGMENT_H
#define SERVER_STORE_SEGMENT_H

#include "lib/batch.h"
#include "server/store/rows.h"

struct segment_maker {
	struct ds_batch_builder *builder; /* add events here */
	struct ds_batch *batch;           /* for reading others meanwhile */
	struct ds_buf packed, bloom, daemons;
};

DS_MUST_CHECK int segment_maker_init(struct segment_maker *m);
void segment_maker_done(struct segment_maker *m);

/* Packs the builder's events, empties it, and fills in what the row takes from them; the rest of
 * the row stays.  Its pointers are good until the next call. */
DS_MUST_CHECK int segment_make(struct segment_maker *m, int level, struct segment_row *row);

#endif
