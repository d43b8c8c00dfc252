/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/plane.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
the_two_directions_of_most_difference_are_found(void **state)
{
	/* An ellipse, turned by 30 degrees, in the plane of the first two of three features. */
	double rows[60 * 3], at[2];
	struct plane p;

	(void)state;
	for (int i = 0; i < 60; i++) {
		double a = 10 * cos(i), b = 2 * sin(i);

		rows[i * 3] = 5 + a * 0.8660254 - b * 0.5;
		rows[i * 3 + 1] = 7 + a * 0.5 + b * 0.8660254;
		rows[i * 3 + 2] = 1;
	}
	assert_int_equal(plane_fit(&p, rows, 60, 3), 0);
	assert_true(fabs(fabs(p.axis[0][0]) - 0.866) < 0.03);
	assert_true(fabs(p.axis[0][2]) < 1e-9);
	assert_true(fabs(p.axis[0][0] * p.axis[1][0] + p.axis[0][1] * p.axis[1][1]) < 1e-9);
	assert_true(p.share[0] > 0.9 && fabs(p.share[0] + p.share[1] - 1) < 1e-6);
	plane_point(&p, p.middle, at);
	assert_true(fabs(at[0]) < 1e-9 && fabs(at[1]) < 1e-9);
}

static void
rows_that_are_all_the_same_are_one_point(void **state)
{
	double rows[5 * 2] = { 1, 2, 1, 2, 1, 2, 1, 2, 1, 2 }, at[2];
	struct plane p;

	(void)state;
	assert_int_equal(plane_fit(&p, rows, 5, 2), 0);
	plane_point(&p, rows, at);
	assert_true(at[0] == 0 && at[1] == 0 && p.share[0] == 0);
}

static void
nothing_or_too_many_features_are_refused(void **state)
{
	double row[1] = { 0 };
	struct plane p;

	(void)state;
	assert_int_equal(plane_fit(&p, row, 0, 1), -EINVAL);
	assert_int_equal(plane_fit(&p, row, 1, 0), -EINVAL);
	assert_int_equal(plane_fit(&p, row, 1, MODEL_DIM_MAX + 1), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_directions_of_most_difference_are_found),
		cmocka_unit_test(rows_that_are_all_the_same_are_one_point),
		cmocka_unit_test(nothing_or_too_many_features_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
