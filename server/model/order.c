/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/order.h"

#include <math.h>
#include <stdlib.h>

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
order_sort(double *values, size_t len)
{
	if (len > 1)
		qsort(values, len, sizeof(*values), by_value);
}

double
order_quantile(const double *sorted, size_t len, double q)
{
	double at = q * (double)(len - 1);
	size_t below = (size_t)at;

	if (len == 0)
		return (double)NAN;
	if (below + 1 >= len)
		return sorted[len - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static void
swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

/* The middle one of the first, middle and last, moved to the first place. */
static double
pivot_of(double *v, size_t from, size_t to)
{
	size_t mid = from + (to - from) / 2;

	if (v[mid] < v[from])
		swap(&v[mid], &v[from]);
	if (v[to] < v[from])
		swap(&v[to], &v[from]);
	if (v[to] < v[mid])
		swap(&v[to], &v[mid]);
	return v[mid];
}

double
order_select(double *v, size_t len, size_t k)
{
	size_t from = 0, to = len - 1;

	while (from < to) {
		double pivot = pivot_of(v, from, to);
		size_t i = from, j = to;

		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&v[i++], &v[j--]);
		}
		if (k <= j)
			to = j;
		else
			from = j + 1;
	}
	return v[k];
}
