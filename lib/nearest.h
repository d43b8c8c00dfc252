/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nearest - how far a mistyped word is from a known one: for "did you mean". */
#ifndef LIB_NEAREST_H
#define LIB_NEAREST_H

#include <stddef.h>

#define DS_NEAREST_MAX 64u /* bytes of a word that count */

/* Edits that make one of the other: letters changed, added, left out, or swapped with a neighbour
 * (Damerau 1964, restricted). */
unsigned ds_nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
