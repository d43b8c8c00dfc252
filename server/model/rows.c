/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/rows.h"

const double *
rows_block(const struct rows *r, size_t from, double *room, size_t *ret_count)
{
	size_t count = r->len - from < ROWS_BLOCK ? r->len - from : ROWS_BLOCK;

	*ret_count = count;
	if (r->at != NULL)
		return r->at + from * r->dim;
	r->read(r->ctx, from, count, room);
	return room;
}

ROWS_WIDE void
rows_turn(const double *block, size_t count, uint32_t dim, double *ret)
{
	for (uint32_t f = 0; f < dim; f++)
		for (size_t i = 0; i < count; i++)
			ret[f * ROWS_BLOCK + i] = block[i * dim + f];
}

/* Feature by feature over all rows: wide registers hold rows, so the order of each row's sum is
 * that of its features on every machine. */
ROWS_WIDE void
rows_distance(
    const double *turned, size_t count, uint32_t dim, const double *point, double *restrict ret)
{
	for (size_t i = 0; i < count; i++)
		ret[i] = 0;
	for (uint32_t f = 0; f < dim; f++) {
		const double *column = turned + f * ROWS_BLOCK;
		double at = point[f];

		for (size_t i = 0; i < count; i++) {
			double d = column[i] - at;

			ret[i] += d * d;
		}
	}
}

/* Four sums, joined in one order: as fast as the registers are wide, and the same everywhere. */
double
row_distance(const double *a, const double *b, uint32_t dim)
{
	double sum[4] = { 0 };
	uint32_t f = 0;

	for (; f + 4 <= dim; f += 4)
		for (uint32_t i = 0; i < 4; i++)
			sum[i] += (a[f + i] - b[f + i]) * (a[f + i] - b[f + i]);
	for (; f < dim; f++)
		sum[0] += (a[f] - b[f]) * (a[f] - b[f]);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The same until it is clear that it will be beyond the limit. */
double
row_distance_within(const double *a, const double *b, uint32_t dim, double limit)
{
	double sum[4] = { 0 };
	uint32_t f = 0;

	for (; f + 8 <= dim; f += 8) {
		for (uint32_t i = 0; i < 8; i++)
			sum[i & 3] += (a[f + i] - b[f + i]) * (a[f + i] - b[f + i]);
		if ((sum[0] + sum[1]) + (sum[2] + sum[3]) > limit)
			return (sum[0] + sum[1]) + (sum[2] + sum[3]);
	}
	for (; f + 4 <= dim; f += 4)
		for (uint32_t i = 0; i < 4; i++)
			sum[i] += (a[f + i] - b[f + i]) * (a[f + i] - b[f + i]);
	for (; f < dim; f++)
		sum[0] += (a[f] - b[f]) * (a[f] - b[f]);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
