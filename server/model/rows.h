/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows - vectors for fitting, block by block, so that many more can be fitted than fit into memory.
 *
 * A block is at most ROWS_BLOCK vectors, row after row. Sums over rows go through blocks in their
 * order and through rows in theirs: the result does not depend on the machine.
 */
#ifndef SERVER_MODEL_ROWS_H
#define SERVER_MODEL_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define ROWS_BLOCK 256u

/* Clones of a function for wider registers: without fused multiply-add, so with the same bits.
 * Sanitizers run before such clones can be chosen. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ROWS_WIDE __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define ROWS_WIDE
#endif

struct rows {
	size_t len;
	uint32_t dim;
	const double *at; /* in memory, borrowed; or NULL and `read` gives them */
	/* `count` rows from `from` on, at most ROWS_BLOCK; the same each time. */
	void (*read)(const void *ctx, size_t from, size_t count, double *ret);
	const void *ctx;
};

/* The block that begins with row `from`: where it is, in memory or in `room` (ROWS_BLOCK x dim). */
const double *rows_block(const struct rows *r, size_t from, double *room, size_t *ret_count);
/* Row by row to column by column, for distances of a whole block at once. */
void rows_turn(const double *block, size_t count, uint32_t dim, double *ret);
/* The squared distance of each row of a turned block to a point. */
void rows_distance(
    const double *turned, size_t count, uint32_t dim, const double *point, double *ret);
/* Of one row to a point. */
double row_distance(const double *a, const double *b, uint32_t dim);
/* The same, or something above the limit when it is above the limit. */
double row_distance_within(const double *a, const double *b, uint32_t dim, double limit);

#endif
