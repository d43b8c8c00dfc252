/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grams - counts of short sequences for many scopes in one bounded table.
 *
 * A key is a hash of scope and symbols: for a context how often it was seen (count) and by how many
 * different symbols it was followed (types), for a whole sequence how often it was seen.  When the
 * table is full, what was seen once goes.
 */
#ifndef SERVER_MODEL_GRAMS_H
#define SERVER_MODEL_GRAMS_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct gram {
	uint64_t key; /* 0: free */
	uint32_t count, types;
};

struct grams {
	struct gram *slots;
	uint32_t size, len; /* a power of two; in use */
	uint32_t size_max;
	uint64_t cleared; /* how often room was made */
};

/* At most `max` keys, rounded up to a power of two; the table grows to that. -ENOMEM. */
DS_MUST_CHECK int grams_init(struct grams *g, uint32_t max);
void grams_done(struct grams *g);
/* NULL: never seen. */
const struct gram *grams_find(const struct grams *g, uint64_t key);
/* Made when new; NULL only when there is no memory to begin with.  Valid until the next call. */
struct gram *grams_get(struct grams *g, uint64_t key);
/* A key from a scope or a shorter key and a symbol. */
static inline uint64_t
grams_key(uint64_t key, uint64_t symbol)
{
	key = (key ^ (symbol + 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
	key ^= key >> 32;
	return key != 0 ? key : 1;
}

#endif
