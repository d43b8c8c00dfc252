/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/evidence.h"
#include "server/model/conformal.h"
#include "server/model/fuse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_US 1700000000000000ull
#define SPAN     EVIDENCE_SPAN_US

static const struct evidence_model level = { "a-level", EVIDENCE_LEVEL, "window_outlier",
	"behaves unlike itself", 0 };
static const struct evidence_model sequence = { "a-sequence", EVIDENCE_SEQUENCE, "window_outlier",
	"does things in an unusual order", 0.3 };

static uint32_t state = 1;

static double
uniform(void)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) / 16777216.0;
}

/* ---- p-values */

static void
no_score_is_unusual_before_anything_was_learnt(void **s)
{
	struct conformal c = { 0 };

	(void)s;
	assert_true(conformal_p(&c, 1e9) == 1);
	conformal_learn(&c, 1);
	assert_true(conformal_p(&c, 2) == 0.5);
	assert_true(conformal_p(&c, 0) == 1);
}

static void
p_values_of_scores_like_those_learnt_are_uniform(void **s)
{
	static const double shares[] = { 0.5, 0.1, 0.01, 0.001 };
	struct conformal c = { 0 };
	size_t below[4] = { 0 }, n = 20000;

	(void)s;
	for (size_t i = 0; i < 50000; i++)
		conformal_learn(&c, -log(1 - uniform()));
	for (size_t i = 0; i < n; i++) {
		double p = conformal_p(&c, -log(1 - uniform()));

		for (int k = 0; k < 4; k++)
			below[k] += p <= shares[k];
	}
	for (int k = 0; k < 4; k++) {
		assert_true((double)below[k] / (double)n < shares[k] * 1.6);
		assert_true((double)below[k] / (double)n > shares[k] * 0.4);
	}
}

static void
a_score_beyond_all_is_extrapolated_but_no_further_than_the_data_allow(void **s)
{
	struct conformal c = { 0 };

	(void)s;
	for (int i = 0; i < 1000; i++)
		conformal_learn(&c, -log(1 - uniform()));
	assert_true(conformal_p(&c, 14) < 1e-4);
	assert_true(conformal_p(&c, 1e12) >= 1e-3 / 1001);
	assert_true(conformal_p(&c, (double)INFINITY) > 0);
	assert_true(conformal_p(&c, (double)NAN) == 1);
	conformal_learn(&c, (double)NAN);
	assert_int_equal(c.n, 1000);
	assert_int_equal(conformal_check(&c), 0);
}

static void
equal_scores_are_no_news(void **s)
{
	struct conformal c = { 0 };

	(void)s;
	for (int i = 0; i < 1000; i++)
		conformal_learn(&c, 3);
	assert_true(conformal_p(&c, 3) == 1);
	assert_true(conformal_p(&c, 3.001) < 0.001);
}

static void
merged_calibrations_know_both(void **s)
{
	struct conformal a = { 0 }, b = { 0 };

	(void)s;
	for (int i = 0; i < 100; i++) {
		conformal_learn(&a, i);
		conformal_learn(&b, 100 + i);
	}
	conformal_merge(&a, &b);
	assert_int_equal(a.n, 200);
	assert_true(fabs(conformal_p(&a, 150) - 0.25) < 0.02);
	assert_int_equal(conformal_check(&a), 0);
	a.level[0].top[0] = (double)NAN;
	assert_true(conformal_check(&a) < 0);
}

static void
fisher_finds_what_is_spread_and_the_smallest_what_is_not(void **s)
{
	static const double spread[] = { 0.03, 0.03, 0.03 }, one[] = { 1e-6, 0.9, 0.9 };
	static const double weights[] = { 1, 1, 1 }, first[] = { 1, 0, 0 };

	(void)s;
	assert_true(fuse_fisher(spread, weights, 3) < 0.003);
	assert_true(fuse_min(spread, 3) > 0.08);
	assert_true(fuse_min(one, 3) < fuse_fisher(one, weights, 3));
	/* One p-value alone stays what it is. */
	assert_true(fabs(fuse_fisher(spread, first, 3) - 0.03) < 1e-9);
	assert_true(fabs(fuse_min(spread, 1) - 0.03) < 1e-9);
	assert_true(fuse_either(0.7, 0.8) == 1);
	assert_true(fuse_fisher(NULL, NULL, 0) == 1);
	assert_true(fuse_fisher((double[]){ (double)NAN }, weights, 1) == 1);
	assert_true(fuse_fisher((double[]){ 0 }, weights, 1) <= 1e-14);
}

static void
bounds_of_a_rate_are_exact(void **s)
{
	(void)s;
	assert_true(fabs(fuse_poisson_upper(0, 0.95) - 2.9957) < 1e-3);
	assert_true(fabs(fuse_poisson_upper(10, 0.95) - 16.962) < 1e-2);
	assert_true(fuse_poisson_lower(0, 0.95) == 0);
	assert_true(fabs(fuse_poisson_lower(10, 0.95) - 5.4254) < 1e-2);
}

/* ---- the fusion */

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	(void)max;
	*ret = (struct evidence_feature){ "steps", "1 in 900", "", 1 };
	memcpy(ret->observed, ctx, strlen(ctx) + 1);
	return 1;
}

static struct evidence
some(const struct evidence_model *model, uint64_t time_us, double score)
{
	return (struct evidence){ .model = model,
		.host = 7,
		.host_name = "web1",
		.daemon = "nginx.service",
		.class = "nginx",
		.time_us = time_us,
		.score = score,
		.explain = explain,
		.ctx = "read, write, \"execve\"" };
}

/* Hands in one score, asserts, and returns the number of findings; the verdict is kept if asked. */
static size_t
hand_in(struct evidence_pool *pool, const struct evidence *e, double *ret_p, struct verdict *ret)
{
	struct verdict v = { 0 };
	double p;
	size_t n;

	assert_int_equal(evidence_add(pool, e, &v, &p), 0);
	n = v.findings_len;
	if (ret_p != NULL)
		*ret_p = p;
	if (ret != NULL)
		*ret = v;
	else
		verdict_done(&v);
	return n;
}

/* So many windows of ordinary scores of two families; findings told. */
static size_t
live(struct evidence_pool *pool, uint64_t *now_us, size_t windows)
{
	size_t told = 0;

	for (size_t i = 0; i < windows; i++, *now_us += SPAN + 1000000) {
		struct evidence a = some(&level, *now_us, -log(1 - uniform()));
		struct evidence b = some(&sequence, *now_us, -log(1 - uniform()));

		evidence_tick(pool, *now_us, SPAN + 1000000);
		told += hand_in(pool, &a, NULL, NULL) + hand_in(pool, &b, NULL, NULL);
	}
	return told;
}

static void
ordinary_windows_keep_within_the_budget(void **s)
{
	struct evidence_pool *pool = evidence_new(10); /* of 2016 windows a week: 0.5 % */
	struct detect_state st;
	uint64_t now = START_US;
	size_t told;

	(void)s;
	live(pool, &now, 500);
	told = live(pool, &now, 4000);
	assert_true(told <= 60);
	evidence_state(pool, &st);
	assert_int_equal(st.tests, 4499);
	assert_true(st.threshold <= 10.0 / 2016);
	assert_int_equal(st.decisive, 0);
	evidence_free(pool);
}

static void
a_model_that_begins_to_speak_is_no_alarm(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	uint64_t now = START_US;
	size_t told = 0;

	(void)s;
	/* Nothing was trained yet: the level is silent, the sequence says nothing. */
	for (int i = 0; i < 5000; i++, now += SPAN + 1000000) {
		struct evidence e = some(&sequence, now, 0);

		evidence_tick(pool, now, SPAN + 1000000);
		assert_int_equal(hand_in(pool, &e, NULL, NULL), 0);
	}
	for (int i = 0; i < 100; i++, now += SPAN + 1000000) {
		struct evidence e = some(&level, now, 1);

		e.p = 0.02 + 0.9 * uniform();
		evidence_tick(pool, now, SPAN + 1000000);
		told += hand_in(pool, &e, NULL, NULL);
	}
	assert_int_equal(told, 0);
	evidence_free(pool);
}

static void
what_is_unusual_in_two_families_is_told_once_with_both(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	uint64_t now = START_US;
	struct evidence a, b;
	struct verdict v;
	double p;

	(void)s;
	live(pool, &now, 3000);
	a = some(&level, now, 6.5);
	b = some(&sequence, now, 8.5);
	(void)hand_in(pool, &a, NULL, NULL);
	assert_int_equal(hand_in(pool, &b, &p, &v), 1);
	assert_true(p < 1e-3);
	assert_string_equal(v.findings[0].kind, "window_outlier");
	assert_non_null(strstr(v.findings[0].json, "\"level\""));
	assert_non_null(strstr(v.findings[0].json, "\"sequence\""));
	assert_non_null(strstr(v.findings[0].json, "\\\"execve\\\""));
	assert_non_null(strstr(v.findings[0].title, "nginx does things in an unusual order"));
	assert_non_null(strstr(v.findings[0].reason, " (what speaks for it: an unusual order or"));
	assert_non_null(strstr(v.findings[0].reason, " %, unusual amounts "));
	assert_true(v.findings[0].score >= 50);
	verdict_done(&v);
	b.score = 9;
	assert_int_equal(hand_in(pool, &b, NULL, NULL), 0);
	evidence_free(pool);
}

static void
a_decisive_fact_is_told_whatever_the_budget(void **s)
{
	struct evidence_pool *pool = evidence_new(1e-9);
	struct evidence e = some(&level, START_US, 1);
	struct detect_state st;

	(void)s;
	e.decisive = true;
	assert_int_equal(hand_in(pool, &e, NULL, NULL), 1);
	evidence_state(pool, &st);
	assert_int_equal(st.decisive, 1);
	assert_int_equal(st.alarms, 0);
	evidence_free(pool);
}

static void
a_score_alone_is_not_decisive_and_too_small_a_one_nothing(void **s)
{
	struct evidence_pool *pool = evidence_new(1e-9);
	struct evidence e = some(&sequence, START_US, 0);
	uint64_t now = START_US;
	double p;

	(void)s;
	/* Always nearly the same: the least that is more is far out in the tail. */
	for (int i = 0; i < 5000; i++) {
		e = some(&sequence, now += SPAN, 0.01 * uniform());
		evidence_tick(pool, now, SPAN);
		(void)hand_in(pool, &e, NULL, NULL);
	}
	e = some(&sequence, now += SPAN, 0.25);
	assert_int_equal(hand_in(pool, &e, &p, NULL), 0);
	assert_true(p == 1);
	e.score = 5;
	assert_int_equal(hand_in(pool, &e, &p, NULL), 0);
	assert_true(p > 1e-6 && p < 1e-4);
	evidence_free(pool);
}

static void
what_its_model_told_is_not_told_again(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	struct evidence e = some(&level, START_US, 1);
	struct detect_state st;

	(void)s;
	e.decisive = e.told = true;
	assert_int_equal(hand_in(pool, &e, NULL, NULL), 0);
	evidence_state(pool, &st);
	assert_int_equal(st.decisive, 1);
	evidence_free(pool);
}

static void
the_same_evidence_gives_the_same_finding(void **s)
{
	struct verdict v[2];

	(void)s;
	for (int i = 0; i < 2; i++) {
		struct evidence_pool *pool = evidence_new(1);
		struct evidence e = some(&level, START_US + 1000000 * (uint64_t)i, 1);

		e.decisive = true;
		e.root = 99;
		assert_int_equal(hand_in(pool, &e, NULL, &v[i]), 1);
		evidence_free(pool);
	}
	assert_string_equal(v[0].findings[0].id, v[1].findings[0].id);
	assert_string_equal(v[0].findings[0].group, v[1].findings[0].group);
	verdict_done(&v[0]);
	verdict_done(&v[1]);
}

static void
an_alarm_does_not_become_what_is_expected(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	uint64_t now = START_US;
	double p = 1;
	size_t told = 0;

	(void)s;
	live(pool, &now, 3000);
	for (int day = 0; day < 20; day++, now += 86400000000ull) {
		struct evidence e = some(&level, now, 30);

		evidence_tick(pool, now, 86400000000ull);
		told += hand_in(pool, &e, &p, NULL);
	}
	assert_int_equal(told, 20);
	assert_true(p < EVIDENCE_REFUSE);
	evidence_free(pool);
}

static void
what_comes_after_an_alert_in_its_five_minutes_joins_it(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	uint64_t now = START_US;
	struct evidence a, b;
	struct verdict first, more;
	double p;

	(void)s;
	live(pool, &now, 3000);
	a = some(&level, now, 1);
	b = some(&sequence, now, 40);
	a.decisive = true;
	a.root = b.root = 77;
	assert_int_equal(hand_in(pool, &a, NULL, &first), 1);
	assert_int_equal(hand_in(pool, &b, &p, &more), 1);
	assert_true(p < EVIDENCE_REFUSE);
	assert_false(first.findings[0].joins);
	assert_true(more.findings[0].joins);
	assert_int_equal(more.findings[0].count, 0);
	assert_string_equal(first.findings[0].group, more.findings[0].group);
	assert_string_not_equal(first.findings[0].id, more.findings[0].id);
	assert_non_null(strstr(more.findings[0].json, "\"feature\":\"steps\""));
	verdict_done(&more);
	/* Each family once; what the daemon does as a whole belongs to it as well. */
	b.score = 41;
	assert_int_equal(hand_in(pool, &b, NULL, NULL), 0);
	b.root = 0;
	assert_int_equal(hand_in(pool, &b, NULL, NULL), 0);
	verdict_done(&first);
	evidence_free(pool);
}

static void
another_lineage_of_the_daemon_has_an_alert_of_its_own(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	struct evidence e = some(&level, START_US, 1);
	struct verdict v[2];

	(void)s;
	e.decisive = true;
	for (unsigned i = 0; i < 2; i++) {
		e.root = 10 + i;
		assert_int_equal(hand_in(pool, &e, NULL, &v[i]), 1);
	}
	assert_false(v[1].findings[0].joins);
	assert_string_not_equal(v[0].findings[0].group, v[1].findings[0].group);
	verdict_done(&v[0]);
	verdict_done(&v[1]);
	evidence_free(pool);
}

static void
an_hour_of_a_daemon_is_one_episode(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	struct detect_state st;

	(void)s;
	for (unsigned i = 0; i < 20; i++) {
		struct evidence e = some(&level, START_US + i * SPAN, 1);

		e.decisive = true;
		assert_int_equal(hand_in(pool, &e, NULL, NULL), 1);
	}
	evidence_state(pool, &st);
	assert_int_equal(st.decisive, 1);
	for (unsigned host = 1; host < 4; host++) {
		struct evidence e = some(&level, START_US + 86400000000ull, 1);

		e.decisive = true;
		e.host = host;
		(void)hand_in(pool, &e, NULL, NULL);
	}
	evidence_state(pool, &st);
	assert_int_equal(st.decisive, 4);
	evidence_free(pool);
}

static void
a_crowd_of_daemons_stays_within_bounds(void **s)
{
	struct evidence_pool *pool = evidence_new(1);
	struct detect_state st;

	(void)s;
	for (uint32_t i = 0; i < EVIDENCE_BUCKETS_MAX + 1000; i++) {
		struct evidence e = some(&level, START_US, 1);

		e.host = i;
		(void)hand_in(pool, &e, NULL, NULL);
	}
	evidence_state(pool, &st);
	assert_int_equal(st.buckets, EVIDENCE_BUCKETS_MAX);
	assert_int_equal(st.refused, 1000);
	evidence_forget(pool, 5000, "nginx.service");
	evidence_forget(pool, 5001, NULL);
	evidence_state(pool, &st);
	assert_int_equal(st.buckets, EVIDENCE_BUCKETS_MAX - 2);
	evidence_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_score_is_unusual_before_anything_was_learnt),
		cmocka_unit_test(p_values_of_scores_like_those_learnt_are_uniform),
		cmocka_unit_test(
		    a_score_beyond_all_is_extrapolated_but_no_further_than_the_data_allow),
		cmocka_unit_test(equal_scores_are_no_news),
		cmocka_unit_test(merged_calibrations_know_both),
		cmocka_unit_test(fisher_finds_what_is_spread_and_the_smallest_what_is_not),
		cmocka_unit_test(bounds_of_a_rate_are_exact),
		cmocka_unit_test(ordinary_windows_keep_within_the_budget),
		cmocka_unit_test(a_model_that_begins_to_speak_is_no_alarm),
		cmocka_unit_test(what_is_unusual_in_two_families_is_told_once_with_both),
		cmocka_unit_test(a_decisive_fact_is_told_whatever_the_budget),
		cmocka_unit_test(a_score_alone_is_not_decisive_and_too_small_a_one_nothing),
		cmocka_unit_test(what_its_model_told_is_not_told_again),
		cmocka_unit_test(the_same_evidence_gives_the_same_finding),
		cmocka_unit_test(an_alarm_does_not_become_what_is_expected),
		cmocka_unit_test(what_comes_after_an_alert_in_its_five_minutes_joins_it),
		cmocka_unit_test(another_lineage_of_the_daemon_has_an_alert_of_its_own),
		cmocka_unit_test(an_hour_of_a_daemon_is_one_episode),
		cmocka_unit_test(a_crowd_of_daemons_stays_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
