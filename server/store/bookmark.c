/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bookmark - see bookmark.h; put by the API's pool, asked by the compactor. */
#include "server/store/bookmark.h"

#include "server/store/rows.h"

#include <stddef.h>

#define NUMBER_BITS 40 /* segments of a day; the days since the epoch are above */

static uint64_t
place_of(uint64_t day, uint64_t number)
{
	return day << NUMBER_BITS | number;
}

static struct bookmark *
find(struct bookmarks *b, uint64_t place, uint64_t now_ms)
{
	for (size_t i = 0; i < BOOKMARKS_MAX; i++)
		if (b->items[i].place == place && b->items[i].until_ms > now_ms)
			return &b->items[i];
	return NULL;
}

/* The one that ends first, which only this thread has afterwards. */
static struct bookmark *
take(struct bookmarks *b, uint64_t until_ms)
{
	struct bookmark *first;
	uint64_t was;

	do {
		first = &b->items[0];
		for (size_t i = 1; i < BOOKMARKS_MAX; i++)
			if (b->items[i].until_ms < first->until_ms)
				first = &b->items[i];
		was = first->until_ms;
	} while (!atomic_compare_exchange_weak(&first->until_ms, &was, until_ms));
	return first;
}

void
bookmarks_put(struct bookmarks *b, const struct segment_position *before,
    const struct segment_position *at, uint64_t now_ms)
{
	uint64_t place = place_of(at->day, at->number);
	struct bookmark *m =
	    before != NULL ? find(b, place_of(before->day, before->number), now_ms) : NULL;

	if (m == NULL)
		m = take(b, now_ms + BOOKMARK_MS);
	m->place = place;
	m->until_ms = now_ms + BOOKMARK_MS;
}

bool
bookmarks_has(struct bookmarks *b, const struct segment_position *at, uint64_t now_ms)
{
	return find(b, place_of(at->day, at->number), now_ms) != NULL;
}

bool
bookmarks_divide(struct bookmarks *b, uint64_t day, uint64_t low, uint64_t high, uint64_t now_ms)
{
	uint64_t from = place_of(day, low), to = place_of(day, high);

	for (size_t i = 0; b != NULL && i < BOOKMARKS_MAX; i++)
		if (b->items[i].place > from && b->items[i].place <= to &&
		    b->items[i].until_ms > now_ms)
			return true;
	return false;
}
