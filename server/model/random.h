/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random - numbers that look random and are the same for a seed on every machine (xoshiro256**).
 *
 * For models only: nothing secret comes from here.
 */
#ifndef SERVER_MODEL_RANDOM_H
#define SERVER_MODEL_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);
/* 0 to below - 1; below is not 0. */
uint64_t random_below(struct random *r, uint64_t below);
/* From 0 to less than 1. */
double random_unit(struct random *r);

#endif
