/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * change - is the way a counter moves new? For each feature k=2 clusters over lagged differences of
 * it, several models on staggered stretches of time; only what all of them find strange counts.
 *
 * Pure. The difference from one window to the next, smoothed over three, and its last six values,
 * are one vector. A feature's vote is 1 when its distance is beyond what each model's 99 % were.
 * The score is the share of features that vote, smoothed over windows, so that one odd counter
 * alone is little and several at once are much.
 */
#ifndef SERVER_MODEL_CHANGE_H
#define SERVER_MODEL_CHANGE_H

#include "lib/compiler.h"
#include "server/model/scale.h"

#include <stdbool.h>

#define CHANGE_LAGS       6u /* values of one vector */
#define CHANGE_SMOOTH     3u
#define CHANGE_MODELS_MAX 18u
#define CHANGE_K          2u

struct change_model {
	double centers[CHANGE_K][CHANGE_LAGS];
	double limit; /* distance of the 99th percentile of its own stretch */
};

struct changes {
	uint32_t dim, models;    /* features; models of each */
	struct change_model *at; /* models x dim, owned */
};

struct change_config {
	uint32_t models; /* staggered over the rows, half overlapping; at most CHANGE_MODELS_MAX */
	double quantile; /* 0: 0.99 */
	uint64_t seed;
};

/* What came before, of one host and daemon: from here the next window's vectors are made. */
struct change_state {
	double last[MODEL_DIM_MAX];                 /* values of the last window */
	double steps[CHANGE_SMOOTH][MODEL_DIM_MAX]; /* differences, newest first */
	double lags[CHANGE_LAGS][MODEL_DIM_MAX];    /* smoothed differences, newest first */
	double share;                               /* smoothed share of votes */
	uint32_t seen;                              /* windows in a row */
};

#define CHANGE_WARM (1 + CHANGE_SMOOTH + CHANGE_LAGS - 1) /* windows until there is a score */

/* Rows in the order of time, scaled. -EINVAL when there are too few, -ENOMEM. */
DS_MUST_CHECK int change_fit(struct changes *ret, const struct change_config *cfg,
    const double *rows, size_t len, uint32_t dim);
void change_done(struct changes *m);
/* Takes the next window in; true when there was enough before it, with the score and which
 * features voted (may be NULL). Begin with a zeroed state, and again after a gap. */
bool change_score(const struct changes *m, struct change_state *s, const double *row,
    double *ret_score, uint64_t *ret_votes);

#endif
