/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/scale.h"

#include "server/model/order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MAD_TO_SIGMA 1.4826 /* of a normal distribution */

/* The finite values of a feature. */
static size_t
gather(const double *rows, size_t len, uint32_t dim, uint32_t feature, double *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (isfinite(rows[i * dim + feature]))
			ret[n++] = rows[i * dim + feature];
	return n;
}

/* How far values usually are from their middle. Most counters rest most of the time, so that their
 * MAD is 0: then what is seen beyond the middle counts. */
static double
spread_of(double *values, size_t len, double middle)
{
	double sum = 0, mad;

	for (size_t i = 0; i < len; i++) {
		values[i] = fabs(values[i] - middle);
		sum += values[i] * values[i] / (double)len;
	}
	mad = order_select(values, len, len / 2) * MAD_TO_SIGMA;
	return DS_MAX(mad, isfinite(sum) ? sqrt(sum) / 4 : mad);
}

int
scale_fit(
    struct scale *ret, const struct scale_config *cfg, const double *rows, size_t len, uint32_t dim)
{
	struct scale s = { .dim = dim, .clip = cfg->clip > 0 ? cfg->clip : (double)INFINITY };
	double *values;

	if (len == 0 || dim == 0 || dim > MODEL_DIM_MAX)
		return -EINVAL;
	values = malloc(len * sizeof(*values));
	if (values == NULL)
		return -ENOMEM;
	for (uint32_t f = 0; f < dim; f++) {
		size_t n = gather(rows, len, dim, f, values);
		double spread;

		s.spread[f] = cfg->floor > 0 ? cfg->floor : 1e-9;
		if (n == 0)
			continue;
		s.middle[f] = order_select(values, n, n / 2);
		spread = spread_of(values, n, s.middle[f]);
		spread = DS_MAX(spread, cfg->relative * fabs(s.middle[f]));
		s.spread[f] = DS_MAX(s.spread[f], spread);
		if (!isfinite(s.spread[f]))
			s.spread[f] = 1e300;
	}
	free(values);
	*ret = s;
	return 0;
}

void
scale_apply(const struct scale *s, const double *row, double *ret)
{
	for (uint32_t f = 0; f < s->dim; f++) {
		double z = isfinite(row[f]) ? (row[f] - s->middle[f]) / s->spread[f] : 0;

		ret[f] = DS_MAX(-s->clip, DS_MIN(s->clip, z));
	}
}

void
scale_apply_all(const struct scale *s, double *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		scale_apply(s, rows + i * s->dim, rows + i * s->dim);
}
