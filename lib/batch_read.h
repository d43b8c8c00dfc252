/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_read - the reader's insides, for batch_read.c (opens) and batch_expand.c (hands out). */
#ifndef LIB_BATCH_READ_H
#define LIB_BATCH_READ_H

#include "lib/batch.h"
#include "lib/batch_column.h"
#include "lib/batch_format.h"

struct batch_kind {
	uint8_t id;
	uint32_t len; /* events */
	uint64_t nums, strs;
};

/* Events of one daemon and kind; a column holds the elements of group after group. */
struct batch_group {
	uint32_t daemon; /* dictionary index */
	uint8_t kind;    /* index into `kind` */
	uint32_t len;    /* events */
	uint32_t at;     /* its first in `order` */
	uint32_t next;   /* while `order` is filled */
};

struct batch_raw {
	uint8_t encoding;
	const uint8_t *data; /* NULL: not there */
	size_t size;
};

struct batch_array {
	void *data;
	size_t cap;    /* bytes */
	bool is_valid; /* for the batch at hand */
};

struct ds_batch {
	struct ds_batch_header header;
	uint32_t crc[2];       /* of the packed parts */
	const uint8_t *packed; /* borrowed */
	bool is_open, is_inflated, is_loaded;
	uint8_t *dict; /* inflated */
	size_t dict_cap;
	uint32_t *string_at; /* offsets into string_bytes, and the end */
	size_t string_at_cap;
	const uint8_t *string_bytes;
	uint8_t *columns; /* inflated */
	size_t columns_cap;
	struct batch_kind kind[DS_EVENT_MAX];
	unsigned kinds_len;
	struct batch_group *groups;
	size_t groups_cap, groups_len;
	uint32_t *order; /* events in group order */
	size_t order_cap;
	uint32_t *group_of; /* by event */
	size_t group_of_cap;
	uint8_t *kinds; /* by event */
	size_t kinds_cap;
	uint64_t *scratch; /* one column in group order */
	size_t scratch_cap;
	uint64_t *zeros; /* what a field that no event has looks like */
	size_t zeros_cap;
	struct batch_raw raw[BATCH_COLUMNS];
	struct batch_column column[BATCH_COLUMNS];
	size_t elements[DS_STR_END]; /* of a field's column */
	struct batch_array expanded[BATCH_COLUMNS];
	struct batch_array daemons;
};

/* Memory of at least `size` bytes in place of `data`, whose contents are lost; NULL: neither. */
void *batch_room(void *data, size_t *cap, size_t size);

#define BATCH_ROOM(b, array, n)                                                                 \
	(((b)->array = batch_room((b)->array, &(b)->array##_cap, (n) * sizeof(*(b)->array))) == \
		    NULL                                                                        \
		? -ENOMEM                                                                       \
		: 0)

static inline bool
batch_kind_has(const struct batch_kind *k, unsigned field)
{
	uint64_t mask = field < DS_STR_FIRST ? k->nums : k->strs;

	return (mask >> (field & 63) & 1) != 0;
}

#endif
