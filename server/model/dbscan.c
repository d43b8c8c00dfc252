/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/dbscan.h"

#include "server/model/order.h"
#include "server/model/rows.h"
#include "server/model/tree.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS_QUANTILE 0.9
#define EPS_MIN      1e-6 /* where almost all rows are equal */
#define NONE         UINT32_MAX
#define STACK_MAX    128u

/* Rows are numbered by their place in the tree; results go back to row numbers at the end. */
struct fit {
	struct tree tree;
	double *fifth;    /* squared distance to the fifth nearest, then to the core set */
	uint32_t *parent; /* union-find over core points; NONE: not a core point */
	double eps2;
};

/* ---- clusters */

static uint32_t
root(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* The smaller number is the root, so that the result has one form. */
static void
join(uint32_t *parent, uint32_t a, uint32_t b)
{
	a = root(parent, a);
	b = root(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

static double
diagonal(const struct tree *t, uint32_t n)
{
	const double *low = t->low + (size_t)n * t->dim, *high = t->high + (size_t)n * t->dim;

	return row_distance(low, high, t->dim);
}

/* Rows of a node no wider than eps are all neighbours: one cluster at once. */
static void
join_small_nodes(struct fit *f)
{
	const struct tree *t = &f->tree;

	for (uint32_t n = 0; n < t->nodes_len; n++) {
		const struct tree_node *node = &t->nodes[n];
		uint32_t first = NONE;

		if (diagonal(t, n) > f->eps2)
			continue;
		for (uint32_t i = node->from; i < node->from + node->len; i++) {
			if (f->parent[i] == NONE)
				continue;
			if (first == NONE)
				first = i;
			join(f->parent, first, i);
		}
	}
}

/* Joins a core point with those of a leaf; in a small node one is enough. */
static void
join_leaf(struct fit *f, const struct tree_node *node, uint32_t i)
{
	const struct tree *t = &f->tree;
	const double *point = t->rows + (size_t)i * t->dim;

	for (uint32_t j = node->from; j < node->from + node->len; j++) {
		if (f->parent[j] == NONE || root(f->parent, j) == root(f->parent, i))
			continue;
		if (row_distance_within(t->rows + (size_t)j * t->dim, point, t->dim, f->eps2) <=
		    f->eps2)
			join(f->parent, i, j);
		else if (node->same)
			return;
	}
}

static bool
is_all_joined(struct fit *f, const struct tree_node *node, uint32_t n, uint32_t i)
{
	uint32_t first = node->from;

	if (diagonal(&f->tree, n) > f->eps2)
		return false;
	while (first < node->from + node->len && f->parent[first] == NONE)
		first++;
	return first == node->from + node->len || root(f->parent, first) == root(f->parent, i);
}

static void
join_near(struct fit *f, uint32_t i)
{
	const struct tree *t = &f->tree;
	uint32_t stack[STACK_MAX], depth = 0;

	stack[depth++] = 0;
	while (depth > 0) {
		uint32_t n = stack[--depth];
		const struct tree_node *node = &t->nodes[n];

		if (tree_box_distance(t, n, t->rows + (size_t)i * t->dim, f->eps2) > f->eps2 ||
		    is_all_joined(f, node, n, i))
			continue;
		if (node->left == 0) {
			join_leaf(f, node, i);
		} else {
			stack[depth++] = node->left;
			stack[depth++] = node->right;
		}
	}
}

/* ---- core points */

static int
find_eps(struct fit *f, double given, double least)
{
	size_t len = f->tree.len;
	double *sorted;

	for (size_t i = 0; i < len; i++)
		f->fifth[i] = tree_kth(&f->tree, f->tree.rows + i * f->tree.dim, DBSCAN_MIN_ROWS);
	if (given > 0) {
		f->eps2 = given * given;
		return 0;
	}
	sorted = malloc(len * sizeof(*sorted));
	if (sorted == NULL)
		return -ENOMEM;
	memcpy(sorted, f->fifth, len * sizeof(*sorted));
	f->eps2 = order_select(sorted, len, (size_t)(EPS_QUANTILE * (double)(len - 1)));
	free(sorted);
	/* Fewer rows than a core point needs: none is far from all. */
	if (!isfinite(f->eps2))
		f->eps2 = 1;
	least = DS_MAX(least, EPS_MIN);
	f->eps2 = DS_MAX(f->eps2, least * least);
	return 0;
}

static uint64_t
find_core(struct fit *f)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < f->tree.len; i++) {
		bool core = f->fifth[i] <= f->eps2 || f->tree.len < DBSCAN_MIN_ROWS;

		f->parent[i] = core ? i : NONE;
		count += core;
	}
	return count;
}

/* ---- the core set, farthest first */

static uint32_t
farthest(const struct fit *f)
{
	uint32_t best = NONE;

	for (uint32_t i = 0; i < f->tree.len; i++)
		if (f->parent[i] != NONE && (best == NONE || f->fifth[i] > f->fifth[best]))
			best = i;
	return best;
}

/* Distances to a new point of the core set, block by block. */
static int
approach(struct fit *f, const double *point)
{
	const struct tree *t = &f->tree;
	double *turned = malloc(ROWS_BLOCK * (t->dim + 1) * sizeof(double)), *d;

	if (turned == NULL)
		return -ENOMEM;
	d = turned + ROWS_BLOCK * t->dim;
	for (size_t from = 0; from < t->len; from += ROWS_BLOCK) {
		size_t count = DS_MIN(ROWS_BLOCK, t->len - from);

		rows_turn(t->rows + from * t->dim, count, t->dim, turned);
		rows_distance(turned, count, t->dim, point, d);
		for (size_t i = 0; i < count; i++)
			f->fifth[from + i] = DS_MIN(f->fifth[from + i], d[i]);
	}
	free(turned);
	return 0;
}

static int
choose_core(struct fit *f, uint32_t core_max, struct dbscan *m)
{
	const struct tree *t = &f->tree;

	for (uint32_t i = 0; i < t->len; i++)
		f->fifth[i] = (double)INFINITY;
	while (m->len < core_max) {
		uint32_t i = farthest(f);

		if (i == NONE || !(f->fifth[i] > 0))
			return 0;
		m->row[m->len] = t->order[i];
		m->cluster[m->len] = root(f->parent, i);
		memcpy(m->points + (size_t)m->len * t->dim, t->rows + (size_t)i * t->dim,
		    t->dim * sizeof(double));
		if (approach(f, m->points + (size_t)m->len++ * t->dim) < 0)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t
count_clusters(const struct fit *f)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->tree.len; i++)
		count += f->parent[i] == i;
	return count;
}

static int
fit_all(struct fit *f, const struct dbscan_config *cfg, struct dbscan *m)
{
	uint32_t core_max =
	    cfg->core_max ? DS_MIN(cfg->core_max, DBSCAN_CORE_MAX) : DBSCAN_CORE_MAX;
	int r;

	f->fifth = malloc(f->tree.len * sizeof(*f->fifth));
	f->parent = malloc(f->tree.len * sizeof(*f->parent));
	m->points = calloc((size_t)core_max * f->tree.dim, sizeof(double));
	m->row = calloc(core_max, sizeof(*m->row));
	m->cluster = calloc(core_max, sizeof(*m->cluster));
	if (!f->fifth || !f->parent || !m->points || !m->row || !m->cluster)
		return -ENOMEM;
	r = find_eps(f, cfg->eps, cfg->eps_min);
	if (r < 0)
		return r;
	m->core_len = find_core(f);
	join_small_nodes(f);
	for (uint32_t i = 0; i < f->tree.len; i++)
		if (f->parent[i] != NONE)
			join_near(f, i);
	m->clusters = count_clusters(f);
	m->eps = sqrt(f->eps2);
	return choose_core(f, core_max, m);
}

int
dbscan_fit(struct dbscan *ret, const struct dbscan_config *cfg, const double *rows, size_t len,
    uint32_t dim)
{
	struct fit f = { .eps2 = 0 };
	struct dbscan m = { .dim = dim, .fitted = len };
	int r = tree_build(&f.tree, rows, len, dim);

	if (r < 0)
		return r;
	r = fit_all(&f, cfg, &m);
	if (r == 0)
		*ret = m;
	else
		dbscan_done(&m);
	free(f.fifth);
	free(f.parent);
	tree_done(&f.tree);
	return r;
}

void
dbscan_done(struct dbscan *m)
{
	free(m->points);
	free(m->row);
	free(m->cluster);
	*m = (struct dbscan){ .dim = 0 };
}

double
dbscan_distance(const struct dbscan *m, const double *row, uint32_t *ret_point)
{
	double best = (double)INFINITY;
	uint32_t point = 0;

	for (uint32_t i = 0; i < m->len; i++) {
		double d = row_distance(row, m->points + (size_t)i * m->dim, m->dim);

		if (d < best) {
			best = d;
			point = i;
		}
	}
	if (ret_point != NULL)
		*ret_point = point;
	return sqrt(best) / m->eps;
}
