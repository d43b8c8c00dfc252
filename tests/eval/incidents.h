/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incidents - scores over time against labelled intervals: incidents found and false episodes.
 *
 * An incident is found when a score within it is above the threshold. Scores above it outside of
 * incidents are false; those less than an hour apart are one episode.
 */
#ifndef TESTS_EVAL_INCIDENTS_H
#define TESTS_EVAL_INCIDENTS_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One machine's scores: a row each step. */
struct timeline {
	const double *scores;
	const uint8_t *labels; /* 1: within an incident */
	size_t len;
	double step_s;
};

struct tally {
	size_t incidents, found, episodes;
	double days;
};

/* What a threshold gives. */
struct tally incidents_tally(const struct timeline *t, double threshold);
/* The lowest threshold whose false episodes a day stay within the budget; read off the labels, so
 * an upper bound of what can be reached. */
DS_MUST_CHECK int incidents_threshold(const struct timeline *t, double per_day, double *ret);
/* The same without labels: every score counts as normal. */
DS_MUST_CHECK int incidents_calibrate(
    const double *scores, size_t len, double step_s, double per_day, double *ret);

#endif
