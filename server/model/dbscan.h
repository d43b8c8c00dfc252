/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dbscan - dense regions of what was seen, kept as a few core points; what is far from all is
 * strange.
 *
 * Pure. A core point has DBSCAN_MIN_ROWS rows (itself among them) within eps; eps is the 90th
 * percentile of the distance to the fifth nearest, unless given. Core points within eps of each
 * other are one cluster. The core set is chosen farthest first, so that few points cover all dense
 * regions, small ones too. Score: distance to the nearest point of the core set, in units of eps.
 */
#ifndef SERVER_MODEL_DBSCAN_H
#define SERVER_MODEL_DBSCAN_H

#include "lib/compiler.h"
#include "server/model/scale.h"

#define DBSCAN_CORE_MAX 256u
#define DBSCAN_MIN_ROWS 5u

struct dbscan {
	uint32_t dim, len;         /* points of the core set */
	uint32_t clusters;         /* of all core points */
	uint64_t core_len, fitted; /* core points, rows */
	double eps;
	double *points;    /* len x dim, owned */
	uint32_t *row;     /* which row each was, for explanations; owned */
	uint32_t *cluster; /* of each point; owned */
};

struct dbscan_config {
	double eps;        /* 0: from the data ... */
	double eps_min;    /* ... and no smaller than this */
	uint32_t core_max; /* 0: DBSCAN_CORE_MAX */
};

/* Rows must be finite (scale_apply makes them so). -EINVAL, -ENOMEM. */
DS_MUST_CHECK int dbscan_fit(struct dbscan *ret, const struct dbscan_config *cfg,
    const double *rows, size_t len, uint32_t dim);
void dbscan_done(struct dbscan *m);
/* Distance to the nearest core point, in eps; which that is (may be NULL). */
double dbscan_distance(const struct dbscan *m, const double *row, uint32_t *ret_point);

#endif
