/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_format - what builder and reader of a batch agree on; schema/wire.md, "Batch", explains. */
#ifndef LIB_BATCH_FORMAT_H
#define LIB_BATCH_FORMAT_H

#include <stdint.h>

#define BATCH_MAGIC   "DSB"
#define BATCH_VERSION 1
#define BATCH_HEADER  64u /* bytes */
#define BATCH_CRC_AT  8u  /* the header's crc covers what follows it */

/* Columns are numbered as their fields (1..127); these are the others. */
#define BATCH_COLUMN_GROUP 0u
#define BATCH_COLUMN_TIME  128u
#define BATCH_COLUMN_FLAGS 129u
#define BATCH_COLUMN_COUNT 130u
#define BATCH_COLUMNS      131u

/* An encoding: how many bytes an element has (0..8, each byte in a plane of its own), and what the
 * elements are. */
#define BATCH_WIDTH(encoding)     ((encoding)&0x0fu)
#define BATCH_TRANSFORM(encoding) ((encoding)&0xf0u)

enum batch_transform {
	BATCH_PLAIN = 0x00,  /* base, elements: base + element */
	BATCH_DELTA = 0x10,  /* first, base, elements: zigzag difference from the one before */
	BATCH_RECENT = 0x20, /* start, elements: how far below the next new number; 0 is new */
	BATCH_LOOKUP = 0x30, /* a table of values, then RECENT numbers into it */
};

#define BATCH_LOOKUP_MAX 4096u /* values in a table */

static inline uint64_t
batch_zigzag(uint64_t v)
{
	return v << 1 ^ (0 - (v >> 63));
}

static inline uint64_t
batch_unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

#endif
