/* SPDX-License-Identifier: GPL-2.0-or-later */
/* array - room for one more item at the end of an array on the heap. */
#ifndef LIB_ARRAY_H
#define LIB_ARRAY_H

#include <stddef.h>

/* The array of `len` items of `size` bytes with room for another, moved perhaps; NULL: no memory,
 * and the old one is as it was.  The caller bounds `len`:
 *     grown = ds_array_grow(x->at, x->len, &x->room, sizeof(*x->at)); */
void *ds_array_grow(void *items, size_t len, size_t *room, size_t size);

#endif
