/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures - what figures over scores have in common.
 */
#include "tests/eval/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
eval_sort(double *values, size_t len)
{
	if (len > 0)
		qsort(values, len, sizeof(*values), by_value);
}

double
eval_quantile(const double *sorted, size_t len, double q)
{
	double at = q * (double)(len - 1);
	size_t below = (size_t)at;

	if (len == 0)
		return (double)NAN;
	if (below + 1 >= len)
		return sorted[len - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static double *
sorted_copy(const double *values, size_t len)
{
	double *copy = malloc((len ? len : 1) * sizeof(*copy));

	if (copy != NULL && len > 0) {
		memcpy(copy, values, len * sizeof(*copy));
		eval_sort(copy, len);
	}
	return copy;
}

double
eval_auc(
    const double *positives, size_t positives_len, const double *negatives, size_t negatives_len)
{
	double *n = sorted_copy(negatives, negatives_len), sum = 0;

	if (n == NULL || positives_len == 0 || negatives_len == 0) {
		free(n);
		return (double)NAN;
	}
	for (size_t i = 0; i < positives_len; i++) {
		size_t below = 0, to = negatives_len, upto;

		while (below < to) { /* the first not below */
			size_t mid = (below + to) / 2;

			if (n[mid] < positives[i])
				below = mid + 1;
			else
				to = mid;
		}
		for (upto = below, to = negatives_len; upto < to;) { /* the first above */
			size_t mid = (upto + to) / 2;

			if (n[mid] <= positives[i])
				upto = mid + 1;
			else
				to = mid;
		}
		sum += (double)below + (double)(upto - below) / 2;
	}
	free(n);
	return sum / ((double)positives_len * (double)negatives_len);
}

double
eval_detected_at(const double *positives, size_t positives_len, const double *negatives,
    size_t negatives_len, double false_share)
{
	double *n = sorted_copy(negatives, negatives_len);
	size_t allowed = (size_t)(false_share * (double)negatives_len), found = 0;

	if (n == NULL || positives_len == 0 || negatives_len == 0) {
		free(n);
		return (double)NAN;
	}
	/* Above the largest score that must not be an alarm: everything if all may be. */
	for (size_t i = 0; i < positives_len; i++)
		found += allowed >= negatives_len || positives[i] > n[negatives_len - allowed - 1];
	free(n);
	return (double)found / (double)positives_len;
}
