/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scale - puts features of different units beside each other: (value - median) / spread.
 *
 * Pure. Median and MAD, so that what an attacker adds to the data moves little. A value that is no
 * finite number is missing: it takes no part in fitting and scales to 0, the middle.
 */
#ifndef SERVER_MODEL_SCALE_H
#define SERVER_MODEL_SCALE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define MODEL_DIM_MAX 40 /* features of a vector */

struct scale {
	uint32_t dim;
	double middle[MODEL_DIM_MAX];
	double spread[MODEL_DIM_MAX]; /* never 0 */
	double clip;                  /* scaled values end here, both sides */
};

struct scale_config {
	double floor;    /* no spread is below this: smaller changes mean nothing */
	double relative; /* nor below this share of the middle */
	double clip;     /* 0: values do not end */
};

/* `rows` is len x dim, row after row. -EINVAL when there is nothing to fit, -ENOMEM. */
DS_MUST_CHECK int scale_fit(struct scale *ret, const struct scale_config *cfg, const double *rows,
    size_t len, uint32_t dim);
/* One row; `ret` may be `row`. */
void scale_apply(const struct scale *s, const double *row, double *ret);
/* All rows in place. */
void scale_apply_all(const struct scale *s, double *rows, size_t len);

#endif
