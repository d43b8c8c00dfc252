/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - medians and other quantiles of numbers that are all finite. Pure.
 */
#ifndef SERVER_MODEL_ORDER_H
#define SERVER_MODEL_ORDER_H

#include <stddef.h>

/* Ascending, the same on every machine. */
void order_sort(double *values, size_t len);
/* Of sorted values, between two of them by share; q from 0 to 1. NaN of none. */
double order_quantile(const double *sorted, size_t len, double q);
/* Puts the value of rank k in its place, smaller ones before it: the median without sorting. */
double order_select(double *values, size_t len, size_t k);

#endif
