/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/fuse.h"

#include <math.h>

#define ROUNDS 500

static double
usable(double p)
{
	/* The comparison is false for what is no number, which says nothing. */
	return !(p < 1) ? 1 : p < FUSE_P_MIN ? FUSE_P_MIN : p;
}

/* 1 - P(a, x) by the series, for x < a + 1. */
static double
by_series(double a, double x)
{
	double term = 1 / a, sum = term;

	for (int i = 1; i < ROUNDS && term > sum * 1e-17; i++) {
		term *= x / (a + i);
		sum += term;
	}
	return 1 - sum * exp(-x + a * log(x) - lgamma(a));
}

/* Q(a, x) by Lentz's continued fraction, for x >= a + 1. */
static double
by_fraction(double a, double x)
{
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

	for (int i = 1; i < ROUNDS; i++) {
		double n = -i * (i - a), change;

		b += 2;
		d = n * d + b;
		d = fabs(d) < 1e-300 ? 1e-300 : d;
		c = b + n / c;
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		d = 1 / d;
		change = d * c;
		h *= change;
		if (fabs(change - 1) < 1e-15)
			break;
	}
	return exp(-x + a * log(x) - lgamma(a)) * h;
}

double
fuse_gamma_q(double a, double x)
{
	if (!(a > 0) || !(x > 0))
		return 1;
	return x < a + 1 ? by_series(a, x) : by_fraction(a, x);
}

double
fuse_fisher(const double *p, const double *weights, size_t len)
{
	double sum = 0, w = 0, w2 = 0;

	for (size_t i = 0; i < len; i++) {
		sum += weights[i] * -2 * log(usable(p[i]));
		w += weights[i];
		w2 += weights[i] * weights[i];
	}
	if (!(w > 0))
		return 1;
	/* sum is about (w2 / w) times a chi-square of 2 w^2 / w2 degrees of freedom. */
	return usable(fuse_gamma_q(w * w / w2, sum / (2 * w2 / w)));
}

double
fuse_min(const double *p, size_t len)
{
	double least = 1;

	for (size_t i = 0; i < len; i++)
		if (usable(p[i]) < least)
			least = usable(p[i]);
	return len == 0 ? 1 : usable(-expm1((double)len * log1p(-least)));
}

double
fuse_either(double a, double b)
{
	a = usable(a);
	b = usable(b);
	return usable(2 * (a < b ? a : b));
}

/* The mean at which Q(seen + 1, mean) = P(at most `seen`) falls to `chance`. */
static double
mean_where(double seen, double chance)
{
	double low = 0, high = seen + 10;

	while (fuse_gamma_q(seen + 1, high) > chance)
		high *= 2;
	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (fuse_gamma_q(seen + 1, middle) > chance)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double
fuse_poisson_upper(uint64_t seen, double confidence)
{
	return mean_where((double)seen, 1 - confidence);
}

double
fuse_poisson_lower(uint64_t seen, double confidence)
{
	return seen == 0 ? 0 : mean_where((double)seen - 1, confidence);
}
