/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/array.h"

#include <stdlib.h>

#define FIRST 64u

void *
ds_array_grow(void *items, size_t len, size_t *room, size_t size)
{
	size_t more = *room > 0 ? *room * 2 : FIRST, bytes;
	void *grown;

	if (len < *room)
		return items;
	if (more <= *room || __builtin_mul_overflow(more, size, &bytes))
		return NULL;
	grown = realloc(items, bytes);
	if (grown)
		*room = more;
	return grown;
}
