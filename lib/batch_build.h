/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_build - the builder's insides, for batch_build.c (adds) and batch_pack.c (packs). */
#ifndef LIB_BATCH_BUILD_H
#define LIB_BATCH_BUILD_H

#include "lib/batch.h"

/* One event; its values are in `cells`, one for each field of its kind, in the order of ids. */
struct batch_row {
	uint64_t time_us, count;
	uint32_t daemon; /* string number */
	uint32_t cell;   /* index of its first cell */
	uint8_t kind, flags;
};

struct batch_string {
	uint32_t offset, len; /* in string_bytes */
	uint32_t hash;
};

struct ds_batch_builder {
	struct batch_row *rows;
	size_t len, rows_cap;
	uint64_t *cells; /* numbers; of strings, their string number */
	size_t cells_len, cells_cap;
	uint8_t *string_bytes;
	size_t string_bytes_len, string_bytes_cap;
	struct batch_string *strings; /* number 0 is the empty string */
	size_t strings_len, strings_cap;
	uint32_t *slots; /* hash table of string numbers, 0 for empty; linear probing */
	size_t slots_cap;
	size_t weight;                    /* about the bytes that cannot be compressed away */
	uint32_t last_string[DS_STR_END]; /* by field: most strings repeat the one before */
	uint32_t last_daemon;
	uint64_t nums[DS_EVENT_MAX], strs[DS_EVENT_MAX]; /* by kind: fields some event has */
	uint8_t cell_at[DS_EVENT_MAX][DS_STR_END];       /* by kind and field: index of the cell */
	uint8_t cells_of[DS_EVENT_MAX];                  /* by kind: how many cells */
};

#endif
