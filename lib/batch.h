/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch - events that travel, are stored and are freed together: columns, with a string dictionary
 * of their own.
 *
 * The format is schema/wire.md, "Batch".  A packed batch is what the agent's spool, the wire and a
 * stored segment hold, byte for byte: a small header and two independently compressed parts, the
 * dictionary and the columns, so that a search for a string inflates only the dictionary.
 *
 * Builder: the agent's batcher, the compactor, the simulator.  Reader: worker, query engine,
 * compactor. No object is shared by threads.
 */
#ifndef LIB_BATCH_H
#define LIB_BATCH_H

#include "lib/buf.h"
#include "lib/event.h"

#define DS_BATCH_EVENTS_MAX  65536u     /* events in one batch */
#define DS_BATCH_STRINGS_MAX 65536u     /* dictionary entries */
#define DS_BATCH_RAW_MAX     (8u << 20) /* bytes of either part, inflated */
#define DS_BATCH_PACKED_MAX  (4u << 20) /* bytes of a packed batch */

struct ds_batch_builder;

/* NULL when there is no memory. */
struct ds_batch_builder *ds_batch_builder_new(void);
void ds_batch_builder_free(struct ds_batch_builder *b);
/* Copies the event in.  -ENOSPC: the batch is full, pack and clear it first; -EINVAL: no such kind,
 * a string over DS_STRING_MAX or an address that is not 4 or 16 bytes; -ENOMEM.  The batch is
 * unchanged on failure. */
DS_MUST_CHECK int ds_batch_add(struct ds_batch_builder *b, const struct ds_event *ev);
size_t ds_batch_builder_len(const struct ds_batch_builder *b);
/* About how large the batch is now, before compression, bytes. */
size_t ds_batch_builder_size(const struct ds_batch_builder *b);
/* Appends the packed batch to `out`; level as for zlib, 1..9.  The builder keeps its events until
 * cleared. */
DS_MUST_CHECK int ds_batch_pack(struct ds_batch_builder *b, int level, struct ds_buf *out);
void ds_batch_builder_clear(struct ds_batch_builder *b);

/* What a packed batch says about itself before anything is inflated. */
struct ds_batch_header {
	uint32_t len;         /* events */
	uint32_t strings;     /* dictionary entries */
	uint64_t time_min_us; /* oldest and newest event */
	uint64_t time_max_us;
	uint64_t kinds;                 /* bit k: has an event of kind k (k < 64) */
	uint32_t dict_raw, dict_packed; /* bytes of the dictionary part, inflated and packed */
	uint32_t columns_raw, columns_packed; /* bytes of the columns part */
};

/* Checks and reads the header only; -EBADMSG, -EFBIG past a bound, -EPROTONOSUPPORT for a format
 * from the future. */
DS_MUST_CHECK int ds_batch_peek(const void *data, size_t size, struct ds_batch_header *ret);

struct ds_batch; /* a batch being read; reusable */

struct ds_batch *ds_batch_new(void);
void ds_batch_free(struct ds_batch *b);

/* Inflates and checks the dictionary only.  The packed bytes are borrowed until the next open or
 * free. */
DS_MUST_CHECK int ds_batch_open(struct ds_batch *b, const void *data, size_t size);
/* Inflates the columns of an opened batch and finds them: enough for ds_batch_may_have_num(). */
DS_MUST_CHECK int ds_batch_inflate(struct ds_batch *b);
/* Inflates (if that was not done) and checks the columns of an opened batch; after success every
 * accessor below works. */
DS_MUST_CHECK int ds_batch_load(struct ds_batch *b);
/* Both steps. */
DS_MUST_CHECK int ds_batch_decode(struct ds_batch *b, const void *data, size_t size);

/* Whether some event may have a value from low to high, both included: false only when the column
 * itself says that it has none.  Of a batch that is inflated or loaded. */
bool ds_batch_may_have_num(
    const struct ds_batch *b, enum ds_num_field field, uint64_t low, uint64_t high);

const struct ds_batch_header *ds_batch_header(const struct ds_batch *b);
size_t ds_batch_len(const struct ds_batch *b);

/* The dictionary.  Entry 0 is always the empty string. */
size_t ds_batch_strings(const struct ds_batch *b);
struct ds_str ds_batch_string(const struct ds_batch *b, uint32_t index);

/* Columns with one element an event, valid until the next open.  Those of fields are expanded at
 * first use: elements of events without the field are 0 (string columns: the empty string).  NULL
 * only when there is no memory. */
const uint64_t *ds_batch_times(struct ds_batch *b);
const uint8_t *ds_batch_kinds(const struct ds_batch *b);
const uint8_t *ds_batch_flags(struct ds_batch *b);
const uint64_t *ds_batch_counts(struct ds_batch *b);
const uint32_t *ds_batch_daemons(struct ds_batch *b); /* dictionary index */
const uint64_t *ds_batch_nums(struct ds_batch *b, enum ds_num_field field);
const uint32_t *ds_batch_strs(struct ds_batch *b, enum ds_str_field field); /* dictionary index */
/* Whether any event of the batch has the field at all, cheaply. */
bool ds_batch_has_field(const struct ds_batch *b, unsigned field);

/* One whole event; its strings borrow from the batch.  -ENOMEM, -ERANGE. */
DS_MUST_CHECK int ds_batch_event(struct ds_batch *b, size_t index, struct ds_event *ret);

#endif
