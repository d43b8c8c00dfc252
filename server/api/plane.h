/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plane - vectors of many features as points that people can look at: the two directions in which
 * they differ most (principal components), by power iteration.
 *
 * Pure, and the same for the same rows.
 */
#ifndef SERVER_API_PLANE_H
#define SERVER_API_PLANE_H

#include "lib/compiler.h"
#include "server/model/scale.h"

struct plane {
	uint32_t dim;
	double middle[MODEL_DIM_MAX];
	double axis[2][MODEL_DIM_MAX]; /* of length 1, at right angles; 0 where there is no more */
	double share[2];               /* of all variance, 0 to 1 */
};

/* Rows are finite, len x dim. -EINVAL: nothing to fit. */
DS_MUST_CHECK int plane_fit(struct plane *ret, const double *rows, size_t len, uint32_t dim);
void plane_point(const struct plane *p, const double *row, double ret[2]);

#endif
