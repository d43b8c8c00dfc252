/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smd_methods - the ways to score a machine's rows that smd_asd compares.
 */
#ifndef TESTS_EVAL_SMD_METHODS_H
#define TESTS_EVAL_SMD_METHODS_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define SMD_METHODS 6

/* Rows of one machine, scaled by its own fit rows: fit rows, calibration rows, test rows, in time.
 */
struct smd_rows {
	const double *at;
	uint32_t dim;
	size_t fit, calibration, test;
};

struct smd_method {
	const char *name;
	/* Scores of the calibration rows and the test rows behind them. `before` has the scores of
	 * the methods above in the table. */
	int (*score)(const struct smd_rows *r, double *const *before, double *ret);
};

extern const struct smd_method smd_methods[SMD_METHODS];

#endif
