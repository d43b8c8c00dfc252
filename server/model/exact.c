/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/exact.h"

#include <math.h>

#define LN2      0.69314718055994530942
#define LN2_HIGH 0.693147180369123816490 /* its upper 33 bits, so that n * LN2_HIGH is exact */
#define LN2_LOW  1.90821492927058770002e-10

/* 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), for |s| < 0.172. */
static double
twice_atanh(double s)
{
	double square = s * s, sum = 0;

	for (int n = 23; n >= 3; n -= 2)
		sum = (sum + 1.0 / n) * square;
	return 2 * (s + s * sum);
}

double
exact_log(double x)
{
	int exponent;
	double m;

	if (!(x > 0) || isinf(x))
		return x == 0 ? -(double)INFINITY : x > 0 ? x : (double)NAN;
	m = frexp(x, &exponent); /* 0.5 to 1 */
	if (m < 0.70710678118654752440) {
		m *= 2;
		exponent--;
	}
	return exponent * LN2_HIGH + (exponent * LN2_LOW + twice_atanh((m - 1) / (m + 1)));
}

double
exact_log1p(double x)
{
	if (x > -0.25 && x < 0.35)
		return twice_atanh(x / (2 + x));
	return exact_log(1 + x);
}

double
exact_exp(double x)
{
	double n, rest, sum = 1;

	if (isnan(x))
		return x;
	if (x > 709.7)
		return (double)INFINITY;
	if (x < -745)
		return 0;
	n = floor(x / LN2 + 0.5);
	rest = (x - n * LN2_HIGH) - n * LN2_LOW; /* within +-0.35 */
	for (int i = 14; i >= 1; i--)
		sum = 1 + sum * rest / i;
	return ldexp(sum, (int)n);
}
