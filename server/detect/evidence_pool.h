/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence_pool - what evidence.c and evidence_keep.c share; for them only. */
#ifndef SERVER_DETECT_EVIDENCE_POOL_H
#define SERVER_DETECT_EVIDENCE_POOL_H

#include "server/detect/evidence_bucket.h"
#include "server/detect/feedback.h"

#define EPISODES 4096u

/* The newest of a daemon. */
struct episode {
	uint64_t key, time_us;
};

struct evidence_pool {
	double budget;
	const char *left_out;        /* a model; NULL: none */
	struct ds_map *buckets;      /* struct place */
	struct bucket *first, *last; /* oldest first */
	struct ds_map *calibrators;  /* model name, 0, class -> struct conformal */
	struct conformal layer[2];   /* -log10 of Fisher's and of the smallest p */
	struct episode episodes[EPISODES];
	double host_us;
	uint64_t tick_us;
	uint64_t tests, alarms, decisive, refused;
	double weight[EVIDENCE_FAMILIES]; /* by what people said */
	uint64_t labels;                  /* that this was learnt from; 0: it was not */
	struct reviews reviews;           /* of these hosts' alarms */
	uint64_t censored; /* buckets that were told and learnt as just unusual enough */
};

/* NULL: nothing known and none made, or no room. */
struct conformal *evidence_calibrator(
    struct evidence_pool *pool, const char *model, const char *class, bool make);

#endif
