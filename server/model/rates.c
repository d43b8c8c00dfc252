/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/rates.h"

#include "lib/compiler.h"

#include <math.h>

#define MEMORY      2000.0 /* values that a mean remembers */
#define SLACK       0.75   /* spreads that a CUSUM forgives each time */
#define CUT         5.0    /* spreads: more of one value changes no mean and no CUSUM */
#define CUSUM_MAX   1000.0
#define Z_MAX       100.0
#define BACKING     30.0 /* values of all hours that an hour begins with */
#define FLOOR       0.05 /* least spread, of the mean */
#define SILENCE_MAX 10.0
#define SILENT      10u /* a run of nothing is judged from here */

static void
learn(struct rates_bin *b, double value)
{
	double weight = 1 / DS_MIN(MEMORY, b->n + 1.0), d = value - (double)b->mean;

	b->mean = (float)((double)b->mean + weight * d);
	b->square = (float)((1 - weight) * ((double)b->square + weight * d * d));
	b->n++;
}

/* The hour's own, as far as it is known, and else that of all. */
static void
expect(const struct rates *r, const struct rates_bin *hour, struct rates_score *ret)
{
	double own = hour->n / (hour->n + BACKING), square;

	ret->expected = own * (double)hour->mean + (1 - own) * (double)r->all.mean;
	square = own * (double)hour->square + (1 - own) * (double)r->all.square;
	ret->spread = DS_MAX(sqrt(square), DS_MAX(1e-6, FLOOR * fabs(ret->expected)));
	ret->spread = DS_MAX(ret->spread, r->floor);
}

static double
gather(double sum, double z)
{
	return DS_MAX(0, DS_MIN(CUSUM_MAX, sum + DS_MIN(z, CUT) - SLACK));
}

static void
take_silence(struct rates *r, double value, struct rates_score *ret)
{
	if (value > 0) {
		r->silent_max = DS_MAX(r->silent_max, r->silent);
		r->silent = 0;
		return;
	}
	r->silent++;
	/* Of what is never 0 at this hour; what rests anyway is not silent. */
	if (r->silent >= SILENT && r->silent > r->silent_max && ret->expected > 3 * ret->spread)
		ret->silence = DS_MIN(SILENCE_MAX, r->silent / DS_MAX(1.0, r->silent_max));
}

void
rates_see(struct rates *r, uint64_t time_s, double value, bool may_learn, struct rates_score *ret)
{
	/* The epoch began on a Thursday; which hour is which does not matter. */
	struct rates_bin *hour = &r->hour[time_s / 3600 % RATES_HOURS];
	double cut;

	*ret = (struct rates_score){ .judged = r->seen >= RATES_YOUNG };
	if (!isfinite(value))
		return;
	expect(r, hour, ret);
	ret->z = DS_MAX(-Z_MAX, DS_MIN(Z_MAX, (value - ret->expected) / ret->spread));
	if (ret->judged) {
		r->up = gather(r->up, ret->z);
		r->down = gather(r->down, -ret->z);
	}
	ret->up = r->up;
	ret->down = r->down;
	take_silence(r, value, ret);
	if (!may_learn)
		return;
	cut = ret->judged ? CUT * ret->spread : (double)INFINITY;
	value = DS_MAX(ret->expected - cut, DS_MIN(ret->expected + cut, value));
	learn(hour, value);
	learn(&r->all, value);
	r->seen += r->seen < UINT32_MAX;
}

double
rates_total(const struct rates_score *s)
{
	double cusum = DS_MAX(s->up, s->down);

	if (!s->judged)
		return 0;
	/* A CUSUM is a sum of many: it counts for less than one value. */
	return DS_MAX(fabs(s->z), DS_MAX(cusum / 4, s->silence > 1 ? 2 * s->silence : 0));
}
