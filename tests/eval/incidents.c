/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/eval/incidents.h"

#include "tests/eval/eval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_S  3600.0
#define DAY_S    86400.0
#define MARGIN_S 300.0 /* beside an incident nothing is false */

struct walk {
	bool inside, hit;
	double false_at; /* of the last false score */
};

static bool
is_near_incident(const struct timeline *t, size_t i)
{
	size_t margin = (size_t)(MARGIN_S / t->step_s), from = i > margin ? i - margin : 0;

	for (size_t j = from; j <= i + margin && j < t->len; j++)
		if (t->labels[j])
			return true;
	return false;
}

static void
step(const struct timeline *t, size_t i, double threshold, struct walk *w, struct tally *ret)
{
	bool label = t->labels != NULL && t->labels[i], over = t->scores[i] > threshold;
	double now = (double)i * t->step_s;

	if (label && !w->inside) {
		ret->incidents++;
		w->hit = false;
	}
	w->inside = label;
	if (!over)
		return;
	if (label && !w->hit) {
		w->hit = true;
		ret->found++;
	}
	if (label || (t->labels != NULL && is_near_incident(t, i)))
		return;
	if (now - w->false_at >= MERGE_S)
		ret->episodes++;
	w->false_at = now;
}

struct tally
incidents_tally(const struct timeline *t, double threshold)
{
	struct walk w = { .false_at = -MERGE_S };
	struct tally ret = { .days = (double)t->len * t->step_s / DAY_S };

	for (size_t i = 0; i < t->len; i++)
		step(t, i, threshold, &w, &ret);
	return ret;
}

/* Low thresholds melt episodes into one that never ends, so the search walks down from the top and
 * ends where the budget is first broken. */
int
incidents_threshold(const struct timeline *t, double per_day, double *ret)
{
	double *sorted = malloc((t->len + 1) * sizeof(*sorted)), threshold;
	size_t allowed = (size_t)(per_day * (double)t->len * t->step_s / DAY_S);

	if (sorted == NULL || t->len == 0) {
		free(sorted);
		return sorted ? -EINVAL : -ENOMEM;
	}
	memcpy(sorted, t->scores, t->len * sizeof(*sorted));
	eval_sort(sorted, t->len);
	threshold = sorted[t->len - 1];
	for (size_t above = 1; above < t->len; above += 1 + above / 128) {
		double lower = sorted[t->len - 1 - above];

		if (incidents_tally(t, lower).episodes > allowed)
			break;
		threshold = lower;
	}
	*ret = threshold;
	free(sorted);
	return 0;
}

int
incidents_calibrate(const double *scores, size_t len, double step_s, double per_day, double *ret)
{
	struct timeline t = { .scores = scores, .len = len, .step_s = step_s };

	return incidents_threshold(&t, per_day, ret);
}
