/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuse - several p-values into one, and what a count of events allows to say about their rate. */
#ifndef SERVER_MODEL_FUSE_H
#define SERVER_MODEL_FUSE_H

#include <stddef.h>
#include <stdint.h>

/* The smallest p-value that is told apart from 0. */
#define FUSE_P_MIN 1e-15

/* Weighted Fisher: spread evidence.  -2 sum w ln p against a scaled chi-square. */
double fuse_fisher(const double *p, const double *weights, size_t len);
/* One decisive fact: the smallest, corrected for how many were looked at (Sidak). */
double fuse_min(const double *p, size_t len);
/* The better of two, corrected for having looked twice (Bonferroni). */
double fuse_either(double a, double b);

/* The upper regularised incomplete gamma function Q(a, x). */
double fuse_gamma_q(double a, double x);
/* The exact bound on a Poisson mean after `seen` events, one-sided: 0 seen, 0.95: 3.0. */
double fuse_poisson_upper(uint64_t seen, double confidence);
double fuse_poisson_lower(uint64_t seen, double confidence);

#endif
