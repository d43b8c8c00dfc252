/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bookmark - where somebody who reads events page after page goes on, so that merging does not move
 * what was read to where it is read again.
 *
 * Segments are read by descending number, and a merged one takes the lowest number of its parts. As
 * long as no merge reaches over a bookmark, what is behind it stays behind it.  Any thread puts
 * bookmarks and the writer's asks: a fixed table of atomics, in which the one that was used longest
 * ago makes room.
 */
#ifndef SERVER_STORE_BOOKMARK_H
#define SERVER_STORE_BOOKMARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BOOKMARKS_MAX 256u
#define BOOKMARK_MS   (15u * 60 * 1000) /* so long after the last page it is kept */

struct segment_position;

struct bookmarks {
	struct bookmark {
		_Atomic uint64_t place, until_ms; /* monotonic; 0: free */
	} items[BOOKMARKS_MAX];
	/* Odd while segments are being replaced: who searched meanwhile may have seen them as they
	 * were, and puts its bookmark too late. */
	_Atomic uint64_t merges;
};

/* Of a page that ends at `at`, in place of that of the page before (NULL: it was the first). */
void bookmarks_put(struct bookmarks *b, const struct segment_position *before,
    const struct segment_position *at, uint64_t now_ms);
/* Whether the page that ended there still has its bookmark. */
bool bookmarks_has(struct bookmarks *b, const struct segment_position *at, uint64_t now_ms);
/* Whether segments low and high of a day must not become one.  False where b is NULL. */
bool bookmarks_divide(
    struct bookmarks *b, uint64_t day, uint64_t low, uint64_t high, uint64_t now_ms);

#endif
