/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/change.h"
#include "server/model/dbscan.h"
#include "server/model/exact.h"
#include "server/model/kmeans.h"
#include "server/model/order.h"
#include "server/model/random.h"
#include "server/model/scale.h"
#include "server/model/tree.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 3000u
#define D 5u

static struct random dice;

/* Roughly normal. */
static double
noise(void)
{
	double sum = 0;

	for (int i = 0; i < 12; i++)
		sum += random_unit(&dice);
	return sum - 6;
}

/* Three clouds, at 0, 10 and 20 in every feature. */
static double *
clouds(size_t len)
{
	double *rows = malloc(len * D * sizeof(*rows));

	assert_non_null(rows);
	random_seed(&dice, 7);
	for (size_t i = 0; i < len * D; i++)
		rows[i] = (double)(i / D % 3) * 10 + noise();
	return rows;
}

static void
random_numbers_are_the_known_ones(void **state)
{
	struct random r;

	(void)state;
	random_seed(&r, 1);
	assert_true(random_next(&r) == 0xb3f2af6d0fc710c5ull);
	for (int i = 0; i < 1000; i++) {
		assert_true(random_below(&r, 10) < 10);
		assert_true(random_unit(&r) < 1);
	}
}

static void
logarithms_are_those_of_libm_within_a_few_ulp(void **state)
{
	(void)state;
	random_seed(&dice, 3);
	for (int i = 0; i < 20000; i++) {
		double m = random_unit(&dice) + 1e-3;
		double x = ldexp(m, (int)random_below(&dice, 200) - 100);
		double y = noise() * 20;

		assert_true(fabs(exact_log(x) - log(x)) <= 4e-16 * (1 + fabs(log(x))));
		assert_true(fabs(exact_log1p(x) - log1p(x)) <= 7e-16 * fabs(log1p(x)) + 1e-300);
		assert_true(fabs(exact_exp(y) - exp(y)) <= 2e-15 * exp(y));
	}
	assert_true(isinf(exact_log(0)) && isnan(exact_log(-1)) && isnan(exact_log((double)NAN)));
	assert_true(isinf(exact_exp(1e9)) && exact_exp(-1e9) == 0 && exact_exp(0) == 1);
}

static void
the_selected_value_is_the_one_of_the_sorted_order(void **state)
{
	double v[200], sorted[200];

	(void)state;
	random_seed(&dice, 5);
	for (int turn = 0; turn < 300; turn++) {
		size_t len = 1 + random_below(&dice, 200), k = random_below(&dice, len);

		for (size_t i = 0; i < len; i++)
			v[i] = sorted[i] = (double)random_below(&dice, 1 + random_below(&dice, 40));
		order_sort(sorted, len);
		assert_true(order_select(v, len, k) == sorted[k]);
	}
}

static void
scaling_bears_what_is_no_number_and_what_never_changes(void **state)
{
	const struct scale_config cfg = { .floor = 0.5, .clip = 9 };
	double rows[9 * 3], out[3];
	const double odd[3] = { (double)NAN, 1e9, (double)INFINITY };
	struct scale s;

	(void)state;
	for (int i = 0; i < 9; i++) {
		rows[i * 3] = i % 4 == 3 ? (double)NAN : i;
		rows[i * 3 + 1] = 42;
		rows[i * 3 + 2] = (double)INFINITY;
	}
	assert_int_equal(scale_fit(&s, &cfg, rows, 9, 3), 0);
	assert_true(s.middle[1] == 42 && s.spread[1] == 0.5 && s.spread[2] == 0.5);
	scale_apply(&s, odd, out);
	assert_true(out[0] == 0 && out[1] == 9 && out[2] == 0);
	assert_int_equal(scale_fit(&s, &cfg, rows, 0, 3), -EINVAL);
	assert_int_equal(scale_fit(&s, &cfg, rows, 9, MODEL_DIM_MAX + 1), -EINVAL);
}

static void
kmeans_finds_the_clouds(void **state)
{
	const struct kmeans_config cfg = { .k = 3, .seed = 1 };
	double *rows = clouds(N), mid[D], far[D];
	const struct rows in = { .len = N, .dim = D, .at = rows };
	struct kmeans m;
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(kmeans_fit(&m, &cfg, &in), 0);
	assert_int_equal(m.k, 3);
	for (uint32_t c = 0; c < 3; c++) {
		assert_int_equal(m.len[c], N / 3);
		for (int at = 0; at < 3; at++)
			seen |= fabs(m.centers[c][0] - at * 10) < 0.5 ? 1u << at : 0;
	}
	assert_int_equal(seen, 7);
	for (uint32_t f = 0; f < D; f++) {
		mid[f] = 10;
		far[f] = 100;
	}
	assert_true(kmeans_distance(&m, mid, NULL) < 1 && kmeans_distance(&m, far, NULL) > 100);
	free(rows);
}

static void
read_clouds(const void *ctx, size_t from, size_t count, double *ret)
{
	memcpy(ret, (const double *)ctx + from * D, count * D * sizeof(*ret));
}

static void
kmeans_over_blocks_is_bit_for_bit_that_in_memory(void **state)
{
	const struct kmeans_config cfg = { .k = 2, .seed = 9 };
	double *rows = clouds(N);
	const struct rows in = { .len = N, .dim = D, .at = rows };
	const struct rows streamed = { .len = N, .dim = D, .read = read_clouds, .ctx = rows };
	struct kmeans a, b;

	(void)state;
	assert_int_equal(kmeans_fit(&a, &cfg, &in), 0);
	assert_int_equal(kmeans_fit(&b, &cfg, &streamed), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	free(rows);
}

static void
kmeans_bears_bad_rows_and_few_rows(void **state)
{
	const struct kmeans_config cfg = { .k = 3, .seed = 1 };
	double rows[8] = { 1, 1, (double)NAN, 5, 1, 1, (double)INFINITY, 0 };
	const struct rows in = { .len = 4, .dim = 2, .at = rows },
			  none = { .len = 0, .dim = 2, .at = rows };
	const struct rows bad = { .len = 1, .dim = 2, .at = rows + 2 };
	struct kmeans m;

	(void)state;
	assert_int_equal(kmeans_fit(&m, &cfg, &in), 0);
	assert_int_equal(m.k, 1);
	assert_true(m.len[0] == 2 && m.centers[0][0] == 1 && m.centers[0][1] == 1);
	assert_int_equal(kmeans_fit(&m, &cfg, &none), -EINVAL);
	assert_int_equal(kmeans_fit(&m, &cfg, &bad), -EINVAL);
}

static double
slow_kth(const double *rows, size_t len, const double *point, uint32_t k)
{
	double *all = malloc(len * sizeof(*all)), r;

	assert_non_null(all);
	for (size_t i = 0; i < len; i++)
		all[i] = row_distance(rows + i * D, point, D);
	order_sort(all, len);
	r = k <= len ? all[k - 1] : (double)INFINITY;
	free(all);
	return r;
}

static void
the_tree_finds_the_neighbours_that_a_slow_search_finds(void **state)
{
	double *rows = clouds(N);
	struct tree t;

	(void)state;
	for (size_t i = 0; i < 200 * D; i++) /* many equal ones */
		rows[i] = 3;
	assert_int_equal(tree_build(&t, rows, N, D), 0);
	for (size_t i = 0; i < N; i += 37)
		for (uint32_t k = 1; k <= 5; k += 2)
			assert_true(
			    tree_kth(&t, rows + i * D, k) == slow_kth(rows, N, rows + i * D, k));
	tree_done(&t);
	free(rows);
}

/* The plain algorithm: the number of clusters of core points. */
static uint32_t
slow_clusters(const double *rows, size_t len, double eps)
{
	uint32_t *of = malloc(len * sizeof(*of)), count = 0;
	bool changed = true;

	assert_non_null(of);
	for (size_t i = 0; i < len; i++) {
		bool core = slow_kth(rows, len, rows + i * D, DBSCAN_MIN_ROWS) <= eps * eps;

		of[i] = core ? (uint32_t)i : UINT32_MAX;
	}
	while (changed) {
		changed = false;
		for (size_t i = 0; i < len; i++)
			for (size_t j = 0; j < len && of[i] != UINT32_MAX; j++)
				if (of[j] < of[i] &&
				    row_distance(rows + i * D, rows + j * D, D) <= eps * eps) {
					of[i] = of[j];
					changed = true;
				}
	}
	for (size_t i = 0; i < len; i++)
		count += of[i] == i;
	free(of);
	return count;
}

static void
dbscan_finds_the_clusters_that_the_plain_algorithm_finds(void **state)
{
	static const double eps[] = { 0.6, 0.9, 1.2, 2 };
	double *rows = clouds(400);

	(void)state;
	for (size_t i = 0; i < DS_LEN(eps); i++) {
		const struct dbscan_config cfg = { .eps = eps[i] };
		struct dbscan m;

		assert_int_equal(dbscan_fit(&m, &cfg, rows, 400, D), 0);
		assert_int_equal(m.clusters, slow_clusters(rows, 400, eps[i]));
		dbscan_done(&m);
	}
	free(rows);
}

static void
dbscan_tells_the_strange_from_the_usual(void **state)
{
	const struct dbscan_config cfg = { .eps = 0 };
	double *rows = clouds(N), between[D], usual[D];
	struct dbscan m;
	uint32_t point;

	(void)state;
	assert_int_equal(dbscan_fit(&m, &cfg, rows, N, D), 0);
	assert_true(m.len > 0 && m.len <= DBSCAN_CORE_MAX);
	assert_true(m.core_len >= N * 9 / 10);
	for (uint32_t f = 0; f < D; f++) {
		between[f] = 5;
		usual[f] = 20;
	}
	assert_true(dbscan_distance(&m, between, NULL) > 2 * dbscan_distance(&m, usual, &point));
	assert_memory_equal(m.points + point * D, rows + m.row[point] * D, D * sizeof(double));
	dbscan_done(&m);
	free(rows);
}

static void
dbscan_of_a_daemon_at_rest_is_quick_and_one_point(void **state)
{
	const struct dbscan_config cfg = { .eps = 0 };
	double *rows = calloc(200000 * D, sizeof(*rows)), off[D] = { 1 };
	struct dbscan m;

	(void)state;
	assert_non_null(rows);
	assert_int_equal(dbscan_fit(&m, &cfg, rows, 200000, D), 0);
	assert_int_equal(m.len, 1);
	assert_int_equal(m.clusters, 1);
	assert_true(dbscan_distance(&m, rows, NULL) == 0 && dbscan_distance(&m, off, NULL) > 1000);
	dbscan_done(&m);
	assert_int_equal(dbscan_fit(&m, &cfg, rows, 1, D), 0);
	assert_true(dbscan_distance(&m, off, NULL) == 1);
	dbscan_done(&m);
	assert_int_equal(dbscan_fit(&m, &cfg, rows, 0, D), -EINVAL);
	free(rows);
}

static void
change_sees_a_new_way_to_move_and_all_models_must(void **state)
{
	const struct change_config cfg = { .models = 6, .seed = 1 };
	double *rows = malloc(N * 2 * sizeof(*rows)), calm = 0, score = 0;
	struct change_state s = { .seen = 0 };
	struct changes m;
	uint64_t votes = 0;

	(void)state;
	assert_non_null(rows);
	random_seed(&dice, 11);
	for (size_t i = 0; i < N; i++) {
		rows[i * 2] = (double)(i % 60 < 30); /* a square wave: moves, but always so */
		rows[i * 2 + 1] = noise() * 0.1;
	}
	assert_int_equal(change_fit(&m, &cfg, rows, N, 2), 0);
	assert_int_equal(m.models, 6);
	for (size_t i = 0; i < 600; i++)
		if (change_score(&m, &s, rows + i * 2, &score, NULL))
			calm = DS_MAX(calm, score);
	for (int i = 0; i < 6; i++) {
		const double row[2] = { i % 2 ? 9 : -9, 0 };

		assert_true(change_score(&m, &s, row, &score, &votes));
	}
	assert_true(score > 2 * calm && (votes & 1) == 1);
	change_done(&m);
	assert_int_equal(change_fit(&m, &cfg, rows, 10, 2), -EINVAL);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_numbers_are_the_known_ones),
		cmocka_unit_test(logarithms_are_those_of_libm_within_a_few_ulp),
		cmocka_unit_test(the_selected_value_is_the_one_of_the_sorted_order),
		cmocka_unit_test(scaling_bears_what_is_no_number_and_what_never_changes),
		cmocka_unit_test(kmeans_finds_the_clouds),
		cmocka_unit_test(kmeans_over_blocks_is_bit_for_bit_that_in_memory),
		cmocka_unit_test(kmeans_bears_bad_rows_and_few_rows),
		cmocka_unit_test(the_tree_finds_the_neighbours_that_a_slow_search_finds),
		cmocka_unit_test(dbscan_finds_the_clusters_that_the_plain_algorithm_finds),
		cmocka_unit_test(dbscan_tells_the_strange_from_the_usual),
		cmocka_unit_test(dbscan_of_a_daemon_at_rest_is_quick_and_one_point),
		cmocka_unit_test(change_sees_a_new_way_to_move_and_all_models_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
