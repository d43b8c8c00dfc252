/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feedback - what people said of the fusion's alarms: how many were right, and what that teaches.
 *
 * Pure.  The fleet's thread makes it from stored alerts and publishes it (lib/snapshot); each
 * worker takes its hosts' part.  Alarms that are decisive are no matter of thresholds: they only
 * teach weights.
 */
#ifndef SERVER_DETECT_FEEDBACK_H
#define SERVER_DETECT_FEEDBACK_H

#include "server/detect/evidence.h"

#define FEEDBACK_LABELS_MIN 30u /* before families are weighted */
#define FEEDBACK_EACH_MIN   5u  /* right ones, and wrong ones, among them */
#define FEEDBACK_HOSTS_MAX  65536u
#define FEEDBACK_LABELS_MAX 4096u

/* Of alarms that were told within the budget. */
struct reviews {
	uint64_t right, wrong; /* as people said */
	uint64_t open;         /* nobody has said anything */
};

enum review { REVIEW_OPEN, REVIEW_RIGHT, REVIEW_WRONG };

struct alarm {
	uint32_t host;
	enum review review;
	bool decisive;
	double p[EVIDENCE_FAMILIES]; /* 0: the family said nothing */
};

struct feedback;

struct feedback *feedback_new(void); /* NULL: no memory */
void feedback_free(void *feedback);  /* for ds_snapshot_new() */
/* -ENOMEM; what is beyond the bounds is left out. */
DS_MUST_CHECK int feedback_add(struct feedback *f, const struct alarm *a);
/* Once, when all is in: makes the weights. */
void feedback_finish(struct feedback *f);

/* NULL `f`: nobody said anything. */
struct reviews feedback_of_host(const struct feedback *f, uint32_t host);
/* The weight of each family, 1 on average; false while too few were reviewed: all 1. */
bool feedback_weights(const struct feedback *f, double ret[EVIDENCE_FAMILIES]);
uint64_t feedback_labels(const struct feedback *f);

/*
 * By what the threshold is multiplied.  `expected`: alarms that the budget allows for the time
 * watched.  What people called wrong counts against their share of the budget, whatever is open
 * may move it by a tenth at most.
 */
double feedback_factor(const struct reviews *r, double expected);

#endif
