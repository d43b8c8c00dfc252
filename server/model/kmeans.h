/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmeans - centres of clusters: k-means++ to begin, Lloyd until nothing moves.
 *
 * Pure and deterministic for a seed. Rows that hold no number where one should be are left out. An
 * empty cluster keeps its centre. Data with fewer different rows than k gives fewer clusters.
 */
#ifndef SERVER_MODEL_KMEANS_H
#define SERVER_MODEL_KMEANS_H

#include "lib/compiler.h"
#include "server/model/rows.h"
#include "server/model/scale.h"

#define KMEANS_MAX 8 /* clusters; more were measured to be worse on windows */

struct kmeans {
	uint32_t k, dim;
	double centers[KMEANS_MAX][MODEL_DIM_MAX];
	double radius[KMEANS_MAX]; /* root mean square distance of its rows from the centre */
	uint64_t len[KMEANS_MAX];  /* rows */
	uint32_t iterations;       /* it took */
};

struct kmeans_config {
	uint32_t k;
	uint32_t iterations_max; /* 0: 100 */
	uint64_t seed;
};

/* -EINVAL for nothing to fit or k or dim out of range, -ENOMEM. */
DS_MUST_CHECK int kmeans_fit(
    struct kmeans *ret, const struct kmeans_config *cfg, const struct rows *rows);
/* Distance to the nearest centre, and which that is (may be NULL). */
double kmeans_distance(const struct kmeans *m, const double *row, uint32_t *ret_cluster);

#endif
