/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_column - encodings of one column of numbers; schema/wire.md, "Columns".
 *
 * For batch_pack.c (encodes) and batch_read.c (decodes).  Nothing here keeps state between columns.
 */
#ifndef LIB_BATCH_COLUMN_H
#define LIB_BATCH_COLUMN_H

#include "lib/buf.h"

#include <stdbool.h>

struct batch_encoder; /* scratch memory of an encoder, for columns of up to a number of elements */

struct batch_encoder *batch_encoder_new(size_t len_max);
void batch_encoder_free(struct batch_encoder *e);

/* A set of numbers, each with its place in the order of their first sight.  begin forgets all and
 * returns 0. */
size_t batch_distinct_begin(struct batch_encoder *e);
uint32_t batch_distinct(struct batch_encoder *e, uint64_t v);

/* Appends a column in the encoding that seems smallest; nothing when all values are 0. */
DS_MUST_CHECK int batch_encode_nums(
    struct batch_encoder *e, unsigned id, const uint64_t *values, size_t len, struct ds_buf *out);
/* Appends a column of numbers that were given out in the order of this very column, from `start`
 * on; smaller ones are older. */
DS_MUST_CHECK int batch_encode_recent(struct batch_encoder *e, unsigned id, const uint64_t *values,
    size_t len, uint64_t start, struct ds_buf *out);

/* A column found in a batch and checked: its elements can be read without fear. */
struct batch_column {
	uint8_t encoding;
	bool is_present;
	uint64_t first, base; /* as the transform has it */
	const uint8_t *table; /* LOOKUP: varints */
	uint32_t table_len;
	const uint8_t *planes;
};

/* Reads the column's bytes, which have `len` elements; -EBADMSG. */
DS_MUST_CHECK int batch_column_parse(
    struct batch_column *c, uint8_t encoding, const void *data, size_t size, size_t len);
/* Whether a column that was not parsed yet may have a value from low to high, by what it begins
 * with. */
bool batch_column_may_have(
    uint8_t encoding, const void *data, size_t size, uint64_t low, uint64_t high);
/* All elements; an absent column is all zero. */
void batch_column_decode(const struct batch_column *c, uint64_t *ret, size_t len);

#endif
