/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/grams.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 1024u

int
grams_init(struct grams *g, uint32_t max)
{
	uint32_t size_max = SIZE_MIN;

	while (size_max / 4 * 3 < max && size_max < 1u << 30)
		size_max *= 2;
	*g = (struct grams){ .size = SIZE_MIN, .size_max = size_max };
	g->slots = calloc(g->size, sizeof(*g->slots));
	return g->slots != NULL ? 0 : -ENOMEM;
}

void
grams_done(struct grams *g)
{
	free(g->slots);
	*g = (struct grams){ 0 };
}

static uint32_t
slot_of(const struct grams *g, uint64_t key)
{
	uint32_t at = (uint32_t)(key ^ key >> 29) & (g->size - 1);

	while (g->slots[at].key != 0 && g->slots[at].key != key)
		at = (at + 1) & (g->size - 1);
	return at;
}

const struct gram *
grams_find(const struct grams *g, uint64_t key)
{
	uint32_t at = slot_of(g, key);

	return g->slots[at].key != 0 ? &g->slots[at] : NULL;
}

/* Into a table of another size, without what was seen less than `least` times, counts shifted down
 * by `halve`. */
static int
rebuild(struct grams *g, uint32_t size, uint32_t least, unsigned halve)
{
	struct gram *old = g->slots;
	uint32_t old_size = g->size;

	g->slots = calloc(size, sizeof(*old));
	if (g->slots == NULL) {
		g->slots = old;
		return -ENOMEM;
	}
	g->size = size;
	g->len = 0;
	for (uint32_t i = 0; i < old_size; i++) {
		struct gram *to;

		if (old[i].key == 0 || old[i].count < least)
			continue;
		to = &g->slots[slot_of(g, old[i].key)];
		*to = old[i];
		to->count >>= halve;
		/* Some of what followed is gone too; never more than was counted. */
		to->types = to->types > to->count ? to->count : to->types;
		g->len++;
	}
	free(old);
	return 0;
}

/* Room for one more: a larger table; or else what was seen once goes, as a flood of sequences is,
 * and only when that is not enough what is seen often counts for less. */
static void
make_room(struct grams *g)
{
	if (g->size < g->size_max && rebuild(g, g->size * 2, 1, 0) == 0)
		return;
	g->cleared++;
	if (rebuild(g, g->size, 2, 0) == 0 && g->len < g->size / 2)
		return;
	if (rebuild(g, g->size, 2, 1) == 0 && g->len < g->size / 4 * 3)
		return;
	for (uint32_t i = 0; i < g->size; i++)
		g->slots[i] = (struct gram){ 0 };
	g->len = 0;
}

struct gram *
grams_get(struct grams *g, uint64_t key)
{
	uint32_t at = slot_of(g, key);

	if (g->slots[at].key != 0)
		return &g->slots[at];
	if (g->len >= g->size / 4 * 3) {
		make_room(g);
		at = slot_of(g, key);
	}
	g->slots[at] = (struct gram){ .key = key };
	g->len++;
	return &g->slots[at];
}
