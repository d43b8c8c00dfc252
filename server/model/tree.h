/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree - finds neighbours: a k-d tree over rows, split at the median of the widest feature.
 *
 * Pure; the same tree for the same rows. Equal rows end in one leaf that counts as one point, so
 * that a daemon at rest, whose windows are all the same, costs nothing.
 */
#ifndef SERVER_MODEL_TREE_H
#define SERVER_MODEL_TREE_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_node {
	uint32_t from, len;   /* rows, in the tree's order */
	uint32_t left, right; /* nodes; 0: a leaf */
	bool same;            /* all rows are equal */
};

struct tree {
	uint32_t dim, len;
	uint32_t *order;         /* place in the tree -> the row's number */
	double *rows;            /* copies, in the tree's order, owned */
	struct tree_node *nodes; /* the first is the root */
	double *low, *high;      /* boxes: dim values a node */
	uint32_t nodes_len;
};

#define TREE_LEN_MAX (1u << 24)

/* All values must be finite. -EINVAL, -ENOMEM. */
DS_MUST_CHECK int tree_build(struct tree *ret, const double *rows, size_t len, uint32_t dim);
void tree_done(struct tree *t);
/* The squared distance from a point to the k-th nearest row; infinity when there are fewer rows.
 * k is at most 16. A row of the tree is its own nearest. */
double tree_kth(const struct tree *t, const double *point, uint32_t k);
/* The squared distance from a point to a node's box; infinity when it is above the limit. */
double tree_box_distance(const struct tree *t, uint32_t node, const double *point, double limit);

#endif
