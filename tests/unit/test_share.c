/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/share.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
near(double a, double b)
{
	assert_true(fabs(a - b) < 1e-9 + 1e-6 * fabs(b));
}

static void
the_chance_is_that_of_the_beta_binomial_law(void **s)
{
	const struct share some = { .marked = 2.5, .all = 9 };
	double whole = 0;

	(void)s;
	/* a = 3, b = 7, n = 2: P(0) = 56/110, P(1) = 42/110, P(2) = 12/110. */
	near(share_p(&some, 0, 2), 1);
	near(share_p(&some, 1, 2), 54.0 / 110);
	near(share_p(&some, 2, 2), 12.0 / 110);
	for (unsigned k = 1; k <= 30; k++)
		whole += share_p(&some, k, 30);
	near(whole, 30 * 3.0 / 10); /* the mean */
	assert_true(share_p(&some, 4096, 4096) > 0);
	assert_true(share_p(&some, 100000, 100000) > 0);
}

static void
of_what_nobody_knows_nothing_is_said(void **s)
{
	const struct share none = { 0 };

	(void)s;
	near(share_p(&none, 20, 20), 1);
}

static void
few_examples_suffice_when_all_of_many_are_unlike_them(void **s)
{
	struct share known = { 0 };
	struct share_frame f = { 0 };

	(void)s;
	share_learn(&known, 2, 9);
	for (int i = 0; i < 3; i++)
		share_frame_add(&f, 1);
	assert_true(share_frame_p(&known, &f) > 0.01); /* may well be */
	for (int i = 0; i < 17; i++)
		share_frame_add(&f, 1);
	assert_true(share_frame_p(&known, &f) < 1e-4);
	for (int i = 0; i < 20; i++)
		share_frame_add(&f, i % 5 == 0);
	assert_true(share_frame_p(&known, &f) > 0.5); /* the frame has moved on */
}

static void
what_is_long_ago_fades(void **s)
{
	struct share known = { 0 };

	(void)s;
	share_learn(&known, 0, 100000);
	near(known.all, SHARE_MAX);
	for (int i = 0; i < 100; i++)
		share_learn(&known, 100, 100);
	assert_true(known.marked > 0.99 * SHARE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chance_is_that_of_the_beta_binomial_law),
		cmocka_unit_test(of_what_nobody_knows_nothing_is_said),
		cmocka_unit_test(few_examples_suffice_when_all_of_many_are_unlike_them),
		cmocka_unit_test(what_is_long_ago_fades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
