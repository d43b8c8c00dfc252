/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/tree.h"

#include "server/model/rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAF      32u
#define K_MAX     16u
#define STACK_MAX 128u /* halving 2^24 rows ends long before */

struct build {
	struct tree *tree;
	const double *source;
	uint32_t room; /* nodes */
};

static double
value(const struct build *b, uint32_t place, uint32_t f)
{
	return b->source[(size_t)b->tree->order[place] * b->tree->dim + f];
}

static void
swap(uint32_t *order, uint32_t i, uint32_t j)
{
	uint32_t t = order[i];

	order[i] = order[j];
	order[j] = t;
}

/* Rows of smaller values of the feature before the middle, of larger ones behind it. */
static void
halve(const struct build *b, uint32_t from, uint32_t to, uint32_t middle, uint32_t f)
{
	uint32_t *order = b->tree->order;

	while (from < to) {
		double pivot = value(b, from + (to - from) / 2, f);
		uint32_t i = from, j = to;

		for (;;) {
			while (value(b, i, f) < pivot)
				i++;
			while (value(b, j, f) > pivot)
				j--;
			if (i >= j)
				break;
			swap(order, i++, j--);
		}
		if (middle <= j)
			to = j;
		else
			from = j + 1;
	}
}

/* The box of a node; the widest feature, and whether all rows are equal. */
static uint32_t
measure(const struct build *b, uint32_t n)
{
	const struct tree *t = b->tree;
	const struct tree_node *node = &t->nodes[n];
	double *low = t->low + (size_t)n * t->dim, *high = t->high + (size_t)n * t->dim;
	uint32_t widest = 0;

	for (uint32_t f = 0; f < t->dim; f++) {
		low[f] = high[f] = value(b, node->from, f);
		for (uint32_t i = 1; i < node->len; i++) {
			double v = value(b, node->from + i, f);

			low[f] = DS_MIN(low[f], v);
			high[f] = DS_MAX(high[f], v);
		}
		if (high[f] - low[f] > high[widest] - low[widest])
			widest = f;
	}
	return widest;
}

static uint32_t
add_node(struct build *b, uint32_t from, uint32_t len)
{
	b->tree->nodes[b->tree->nodes_len] = (struct tree_node){ .from = from, .len = len };
	return b->tree->nodes_len++;
}

static void
grow(struct build *b)
{
	struct tree *t = b->tree;
	uint32_t stack[STACK_MAX], depth = 0;

	stack[depth++] = add_node(b, 0, t->len);
	while (depth > 0) {
		uint32_t n = stack[--depth], f = measure(b, n), half;
		struct tree_node *node = &t->nodes[n];

		node->same = t->high[(size_t)n * t->dim + f] == t->low[(size_t)n * t->dim + f];
		if (node->same || node->len <= LEAF)
			continue;
		half = node->len / 2;
		halve(b, node->from, node->from + node->len - 1, node->from + half, f);
		node->left = add_node(b, node->from, half);
		node->right = add_node(b, node->from + half, node->len - half);
		stack[depth++] = node->left;
		stack[depth++] = node->right;
	}
}

static int
reserve(struct tree *t, uint32_t room)
{
	t->order = malloc((size_t)t->len * sizeof(*t->order));
	t->rows = malloc((size_t)t->len * t->dim * sizeof(double));
	t->nodes = malloc((size_t)room * sizeof(*t->nodes));
	t->low = malloc((size_t)room * t->dim * sizeof(double));
	t->high = malloc((size_t)room * t->dim * sizeof(double));
	return t->order && t->rows && t->nodes && t->low && t->high ? 0 : -ENOMEM;
}

int
tree_build(struct tree *ret, const double *rows, size_t len, uint32_t dim)
{
	struct tree t = { .dim = dim, .len = (uint32_t)len };
	struct build b = { &t, rows, 0 };

	if (len == 0 || len > TREE_LEN_MAX || dim == 0)
		return -EINVAL;
	/* Leaves have more than LEAF / 2 rows but where all are equal. */
	b.room = 4 * ((uint32_t)len / LEAF + 1) + 1;
	if (reserve(&t, b.room) < 0) {
		tree_done(&t);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t.len; i++)
		t.order[i] = i;
	grow(&b);
	for (uint32_t i = 0; i < t.len; i++)
		memcpy(t.rows + (size_t)i * dim, rows + (size_t)t.order[i] * dim,
		    dim * sizeof(double));
	*ret = t;
	return 0;
}

void
tree_done(struct tree *t)
{
	free(t->order);
	free(t->rows);
	free(t->nodes);
	free(t->low);
	free(t->high);
	*t = (struct tree){ .dim = 0 };
}

static double
beside(double low, double high, double at)
{
	double under = low - at, over = at - high, d = under > over ? under : over;

	return d > 0 ? d * d : 0;
}

double
tree_box_distance(const struct tree *t, uint32_t n, const double *point, double limit)
{
	const double *low = t->low + (size_t)n * t->dim, *high = t->high + (size_t)n * t->dim;
	double sum[4] = { 0 };
	uint32_t f = 0;

	for (; f + 4 <= t->dim; f += 4) {
		for (uint32_t i = 0; i < 4; i++)
			sum[i] += beside(low[f + i], high[f + i], point[f + i]);
		if ((sum[0] + sum[1]) + (sum[2] + sum[3]) > limit)
			return (double)INFINITY;
	}
	for (; f < t->dim; f++)
		sum[0] += beside(low[f], high[f], point[f]);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* ---- the k-th nearest */

struct nearest {
	double best[K_MAX]; /* ascending */
	uint32_t k;
};

static void
offer(struct nearest *n, double distance)
{
	uint32_t i = n->k - 1;

	if (!(distance < n->best[i]))
		return;
	for (; i > 0 && n->best[i - 1] > distance; i--)
		n->best[i] = n->best[i - 1];
	n->best[i] = distance;
}

static void
scan_leaf(
    const struct tree *t, const struct tree_node *node, const double *point, struct nearest *n)
{
	const double *row = t->rows + (size_t)node->from * t->dim;

	if (node->same) {
		double d = row_distance(row, point, t->dim);

		for (uint32_t i = 0; i < node->len && i < n->k; i++)
			offer(n, d);
		return;
	}
	for (uint32_t i = 0; i < node->len; i++, row += t->dim)
		offer(n, row_distance_within(row, point, t->dim, n->best[n->k - 1]));
}

struct visit {
	uint32_t node;
	double distance;
};

double
tree_kth(const struct tree *t, const double *point, uint32_t k)
{
	struct nearest n = { .k = DS_MAX(1, DS_MIN(k, K_MAX)) };
	struct visit stack[STACK_MAX];
	uint32_t depth = 0;

	for (uint32_t i = 0; i < n.k; i++)
		n.best[i] = (double)INFINITY;
	stack[depth++] = (struct visit){ 0, 0 };
	while (depth > 0) {
		struct visit v = stack[--depth];
		const struct tree_node *node = &t->nodes[v.node];
		double left, right;

		if (!(v.distance < n.best[n.k - 1]))
			continue;
		if (node->left == 0) {
			scan_leaf(t, node, point, &n);
			continue;
		}
		left = tree_box_distance(t, node->left, point, n.best[n.k - 1]);
		right = tree_box_distance(t, node->right, point, n.best[n.k - 1]);
		/* The nearer one is looked at first: it is put last. */
		stack[depth] = (struct visit){ node->left, left };
		stack[depth + 1] = (struct visit){ node->right, right };
		if (left < right) {
			stack[depth] = (struct visit){ node->right, right };
			stack[depth + 1] = (struct visit){ node->left, left };
		}
		depth += 2;
	}
	return n.best[n.k - 1];
}
