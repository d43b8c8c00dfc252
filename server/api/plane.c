/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plane - used by windows.c on a pool thread; owns nothing. */
#include "server/api/plane.h"

#include <errno.h>
#include <math.h>

#define ROUNDS 60u

static double
dot(const double *a, const double *b, uint32_t dim)
{
	double sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Takes the direction out of v. */
static void
remove_axis(double *v, const double *axis, uint32_t dim)
{
	double along = dot(v, axis, dim);

	for (uint32_t i = 0; i < dim; i++)
		v[i] -= along * axis[i];
}

/* One round: sum of row times (row along v), for rows around the middle; returns the length. */
static double
turn(const struct plane *p, const double *rows, size_t len, unsigned which, double *v)
{
	double next[MODEL_DIM_MAX] = { 0 }, row[MODEL_DIM_MAX], length;

	for (size_t r = 0; r < len; r++) {
		for (uint32_t i = 0; i < p->dim; i++)
			row[i] = rows[r * p->dim + i] - p->middle[i];
		length = dot(row, v, p->dim);
		for (uint32_t i = 0; i < p->dim; i++)
			next[i] += length * row[i];
	}
	if (which == 1)
		remove_axis(next, p->axis[0], p->dim);
	length = sqrt(dot(next, next, p->dim));
	for (uint32_t i = 0; i < p->dim; i++)
		v[i] = length > 1e-12 ? next[i] / length : 0;
	return length;
}

static double
find_axis(struct plane *p, const double *rows, size_t len, unsigned which)
{
	double *v = p->axis[which], length = 0;

	/* Any start will do that is not at right angles to the answer. */
	for (uint32_t i = 0; i < p->dim; i++)
		v[i] = 1.0 / (1.0 + i);
	if (which == 1)
		remove_axis(v, p->axis[0], p->dim);
	for (unsigned n = 0; n < ROUNDS; n++)
		length = turn(p, rows, len, which, v);
	return length;
}

int
plane_fit(struct plane *ret, const double *rows, size_t len, uint32_t dim)
{
	double all = 0;

	if (len == 0 || dim == 0 || dim > MODEL_DIM_MAX)
		return -EINVAL;
	*ret = (struct plane){ .dim = dim };
	for (size_t r = 0; r < len; r++)
		for (uint32_t i = 0; i < dim; i++)
			ret->middle[i] += rows[r * dim + i] / (double)len;
	for (size_t r = 0; r < len; r++)
		for (uint32_t i = 0; i < dim; i++)
			all += (rows[r * dim + i] - ret->middle[i]) *
			       (rows[r * dim + i] - ret->middle[i]);
	for (unsigned k = 0; k < 2; k++) {
		double length = find_axis(ret, rows, len, k);

		ret->share[k] = all > 0 ? length / all : 0;
	}
	return 0;
}

void
plane_point(const struct plane *p, const double *row, double ret[2])
{
	double around[MODEL_DIM_MAX];

	for (uint32_t i = 0; i < p->dim; i++)
		around[i] = row[i] - p->middle[i];
	ret[0] = dot(around, p->axis[0], p->dim);
	ret[1] = dot(around, p->axis[1], p->dim);
}
