/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/evidence.h"
#include "server/detect/feedback.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START_US 1700000000000000ull
#define WEEK_US  (7 * 86400000000ull)

static void
say(struct feedback *f, uint32_t host, enum review review, double level, double change)
{
	struct alarm a = { .host = host, .review = review };

	a.p[EVIDENCE_LEVEL] = level;
	a.p[EVIDENCE_CHANGE] = change;
	assert_int_equal(feedback_add(f, &a), 0);
}

/* Alarms whose level was high were right, those with much change were wrong. */
static void
say_many(struct feedback *f, unsigned each)
{
	for (unsigned i = 0; i < each; i++) {
		say(f, 1, REVIEW_RIGHT, 1e-5, i % 2 ? 0.3 : 0.01);
		say(f, 2, REVIEW_WRONG, i % 3 ? 0.5 : 0.1, 1e-4);
	}
}

static void
fewer_than_thirty_verdicts_weigh_nothing(void **s)
{
	struct feedback *f = feedback_new();
	double w[EVIDENCE_FAMILIES];

	(void)s;
	say_many(f, 14);
	feedback_finish(f);
	assert_false(feedback_weights(f, w));
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		assert_true(w[i] == 1);
	feedback_free(f);
	assert_false(feedback_weights(NULL, w));
}

static void
verdicts_of_one_sort_weigh_nothing(void **s)
{
	struct feedback *f = feedback_new();
	double w[EVIDENCE_FAMILIES];

	(void)s;
	for (unsigned i = 0; i < 50; i++)
		say(f, 1, REVIEW_WRONG, 1e-4, 1e-4);
	feedback_finish(f);
	assert_false(feedback_weights(f, w));
	feedback_free(f);
}

static void
a_family_that_was_right_weighs_more_within_bounds(void **s)
{
	struct feedback *f = feedback_new();
	double w[EVIDENCE_FAMILIES];

	(void)s;
	say_many(f, 30);
	feedback_finish(f);
	assert_true(feedback_weights(f, w));
	assert_int_equal(feedback_labels(f), 60);
	assert_true(w[EVIDENCE_LEVEL] > 1.3);
	assert_true(w[EVIDENCE_CHANGE] < 0.8);
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		assert_true(w[i] >= 0.25 && w[i] <= 4);
	feedback_free(f);
}

static void
what_says_nothing_about_right_and_wrong_weighs_as_before(void **s)
{
	struct feedback *f = feedback_new();
	double w[EVIDENCE_FAMILIES];

	(void)s;
	for (unsigned i = 0; i < 60; i++)
		say(f, 1, i % 2 ? REVIEW_RIGHT : REVIEW_WRONG, i % 4 < 2 ? 1e-4 : 1e-3,
		    (double)NAN);
	feedback_finish(f);
	if (feedback_weights(f, w))
		assert_true(fabs(w[EVIDENCE_LEVEL] - w[EVIDENCE_CHANGE]) < 0.8);
	feedback_free(f);
}

static void
hosts_are_counted_apart_and_decisive_alarms_not_at_all(void **s)
{
	struct feedback *f = feedback_new();
	const struct alarm decisive = { .host = 1, .review = REVIEW_WRONG, .decisive = true };
	struct reviews r;

	(void)s;
	say(f, 1, REVIEW_RIGHT, 1e-5, 0);
	say(f, 1, REVIEW_OPEN, 1e-5, 0);
	say(f, 2, REVIEW_WRONG, 1e-5, 0);
	assert_int_equal(feedback_add(f, &decisive), 0);
	feedback_finish(f);
	r = feedback_of_host(f, 1);
	assert_int_equal(r.right, 1);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.open, 1);
	assert_int_equal(feedback_of_host(f, 2).wrong, 1);
	assert_int_equal(feedback_of_host(f, 3).wrong, 0);
	feedback_free(f);
}

static void
alarms_that_nobody_looked_at_move_the_threshold_by_a_tenth_at_most(void **s)
{
	const struct reviews none = { 0 };
	double low = 1, high = 1;

	(void)s;
	assert_true(feedback_factor(&none, 10) == 1);
	for (unsigned open = 1; open < 100000; open *= 3)
		for (double expected = 0; expected < 1e6; expected = expected * 4 + 1) {
			const struct reviews r = { .open = open };
			double factor = feedback_factor(&r, expected);

			low = factor < low ? factor : low;
			high = factor > high ? factor : high;
		}
	assert_true(low < 1 && high > 1);
	assert_true(high / low <= 1.1001);
}

static void
wrong_alarms_lower_the_threshold_and_their_absence_raises_it(void **s)
{
	const struct reviews wrong = { .wrong = 40 }, right = { .right = 10 };

	(void)s;
	assert_true(feedback_factor(&wrong, 10) < 0.4);
	assert_true(feedback_factor(&right, 10) > 2);
	assert_true(feedback_factor(&wrong, 0) >= 1.0 / 8 / 1.05);
	assert_true(feedback_factor(&right, 1e9) <= 8 * 1.05);
}

static const struct evidence_model model = { "a-level", EVIDENCE_LEVEL, "window_outlier", "is odd",
	0 };

static size_t
hand_in(struct evidence_pool *pool, uint64_t time_us, double p)
{
	const struct evidence e = { .model = &model,
		.host = 7,
		.daemon = "nginx.service",
		.class = "nginx",
		.time_us = time_us,
		.score = 5,
		.p = p };
	struct verdict v = { 0 };
	double ret;
	size_t n;

	assert_int_equal(evidence_add(pool, &e, &v, &ret), 0);
	n = v.findings_len;
	verdict_done(&v);
	return n;
}

static void
no_verdict_silences_what_is_decisive(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	const struct reviews wrong = { .wrong = 100000 };
	struct detect_state st;

	(void)s;
	evidence_tick(pool, START_US, 10 * WEEK_US);
	evidence_set_feedback(pool, NULL, &wrong);
	evidence_state(pool, &st);
	assert_true(st.factor < 0.14);
	assert_int_equal(hand_in(pool, START_US, 1e-9), 1);
	evidence_free(pool);
}

static void
what_was_called_right_is_no_false_alarm(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	struct reviews said = { 0 };
	struct detect_state st;

	(void)s;
	evidence_tick(pool, START_US, 10 * WEEK_US);
	evidence_state(pool, &st);
	st.alarms = 5;
	assert_true(fabs(detect_state_upper(&st) - 1.0513) < 1e-3);
	assert_true(detect_state_lower(&st) == 0);
	said.right = 4;
	said.wrong = 1;
	evidence_set_feedback(pool, NULL, &said);
	evidence_state(pool, &st);
	st.alarms = 5;
	assert_true(fabs(detect_state_upper(&st) - 0.4744) < 1e-3);
	assert_true(detect_state_lower(&st) > 0.005 && detect_state_lower(&st) < 0.1);
	evidence_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fewer_than_thirty_verdicts_weigh_nothing),
		cmocka_unit_test(verdicts_of_one_sort_weigh_nothing),
		cmocka_unit_test(a_family_that_was_right_weighs_more_within_bounds),
		cmocka_unit_test(what_says_nothing_about_right_and_wrong_weighs_as_before),
		cmocka_unit_test(hosts_are_counted_apart_and_decisive_alarms_not_at_all),
		cmocka_unit_test(
		    alarms_that_nobody_looked_at_move_the_threshold_by_a_tenth_at_most),
		cmocka_unit_test(wrong_alarms_lower_the_threshold_and_their_absence_raises_it),
		cmocka_unit_test(no_verdict_silences_what_is_decisive),
		cmocka_unit_test(what_was_called_right_is_no_false_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
