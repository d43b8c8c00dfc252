/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map - bytes -> pointer, open addressing, SipHash-1-3 with a random key, so that no peer can aim
 * at one bucket.
 *
 * Bounded: a full map refuses.  The key is copied, unless the map borrows.  Not for sharing between
 * threads.
 */
#ifndef LIB_MAP_H
#define LIB_MAP_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct ds_map;

/* At most max_len entries. */
struct ds_map *ds_map_new(size_t max_len);
/* Keys are not copied: each lives in its value, as long as that is in the map. */
struct ds_map *ds_map_new_borrowing(size_t max_len);
/* free_value (may be NULL) is called for each value. */
void ds_map_free(struct ds_map *m, void (*free_value)(void *value));
size_t ds_map_len(const struct ds_map *m);
/* The value, or NULL. */
void *ds_map_get(const struct ds_map *m, const void *key, size_t len);
/* Sets or replaces; *ret_old (may be NULL) is what was there.  -ENOSPC, -ENOMEM. */
DS_MUST_CHECK int ds_map_put(
    struct ds_map *m, const void *key, size_t len, void *value, void **ret_old);
/* Removes and returns the value, or NULL. */
void *ds_map_remove(struct ds_map *m, const void *key, size_t len);
/* Calls for each entry until it returns other than 0, which is returned.  The map must not change
 * meanwhile. */
int ds_map_each(const struct ds_map *m,
    int (*call)(const void *key, size_t len, void *value, void *ctx), void *ctx);

/* The hash itself, keyed once a process. */
uint64_t ds_hash(const void *data, size_t len);

#endif
