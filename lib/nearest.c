/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/nearest.h"

#include "lib/compiler.h"

unsigned
ds_nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][DS_NEAREST_MAX + 1];
	size_t la = DS_MIN(a_len, DS_NEAREST_MAX), lb = DS_MIN(b_len, DS_NEAREST_MAX);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *cur = rows[i % 3], *prev = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			cur[j] = DS_MIN(DS_MIN(prev[j] + 1, cur[j - 1] + 1), prev[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cur[j] = DS_MIN(cur[j], older[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}
