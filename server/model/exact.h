/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exact - logarithm and exponential that give the same bits with every C library.
 *
 * libm may differ in the last bit from one version to the next, and a model must not. Made of
 * additions, multiplications and divisions only, in a fixed order; a few ulp off at most.
 */
#ifndef SERVER_MODEL_EXACT_H
#define SERVER_MODEL_EXACT_H

/* As log(): -inf of 0, NaN of what is negative or NaN. */
double exact_log(double x);
/* log(1 + x), also for small x. */
double exact_log1p(double x);
double exact_exp(double x);

#endif
