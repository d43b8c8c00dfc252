/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/chain.h"
#include "server/model/llr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SCOPE 11

/* ---- chains */

static void
learn(struct grams *g, uint64_t scope, const uint32_t *steps, size_t len, unsigned times)
{
	const struct chain_step nothing = { 0 };

	for (unsigned i = 0; i < times; i++) {
		struct chain c = { 0 };

		for (size_t k = 0; k < len; k++) {
			chain_learn(g, scope, &c, steps[k]);
			chain_advance(&c, steps[k], &nothing);
		}
	}
}

static struct chain
follow(const struct grams *g, uint64_t scope, const uint32_t *steps, size_t len)
{
	struct chain c = { 0 };

	for (size_t k = 0; k < len; k++) {
		struct chain_step step = chain_look(g, scope, &c, steps[k]);

		chain_advance(&c, steps[k], &step);
	}
	return c;
}

static void
what_was_learnt_in_this_order_is_no_surprise(void **s)
{
	static const uint32_t known[] = { 1, 2, 3, 4, 5, 6, 7, 8 },
			      other[] = { 1, 2, 3, 7, 5, 6, 4, 8 };
	struct grams g;
	struct chain a, b;

	(void)s;
	assert_int_equal(grams_init(&g, 1000), 0);
	learn(&g, SCOPE, known, 8, 100);
	a = follow(&g, SCOPE, known, 8);
	b = follow(&g, SCOPE, other, 8);
	assert_true(chain_surprise(&a) < 0.1);
	assert_true(chain_surprise(&b) > 10 * chain_surprise(&a));
	assert_int_equal(chain_mismatches(&a), 0);
	assert_int_equal(chain_mismatches(&b), 4);
	grams_done(&g);
}

static void
scopes_do_not_know_of_each_other(void **s)
{
	static const uint32_t known[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct grams g;
	struct chain c;

	(void)s;
	assert_int_equal(grams_init(&g, 1000), 0);
	learn(&g, SCOPE, known, 8, 100);
	c = follow(&g, SCOPE + 1, known, 8);
	assert_int_equal(chain_mismatches(&c), 4);
	assert_true(chain_surprise(&c) < 0.01); /* nothing was seen: nothing is expected */
	grams_done(&g);
}

static void
probabilities_of_all_steps_sum_to_one(void **s)
{
	static const uint32_t steps[] = { 1, 2, 1, 3, 1, 2, 2, 3, 1, 1 };
	struct chain c = { 0 };
	struct grams g;
	double sum = 0;

	(void)s;
	assert_int_equal(grams_init(&g, 1000), 0);
	learn(&g, SCOPE, steps, 10, 3);
	c = follow(&g, SCOPE, steps, 3);
	for (uint32_t k = 1; k <= 4; k++) /* 4: all that were never seen together */
		sum += exp(-chain_look(&g, SCOPE, &c, k).surprise);
	assert_true(fabs(sum - 1) < 1e-9);
	grams_done(&g);
}

static void
a_frame_forgets_what_is_behind_it(void **s)
{
	struct chain c = { 0 };
	const struct chain_step bad = { 5, true, 0 }, good = { 0, false, 0 };

	(void)s;
	for (uint32_t i = 0; i < 7; i++)
		chain_advance(&c, 1, &bad);
	assert_int_equal(chain_mismatches(&c), 7);
	assert_true(fabs(chain_surprise(&c) - 7 * 5 / 20.0) < 0.01);
	for (uint32_t i = 0; i < CHAIN_FRAME; i++)
		chain_advance(&c, 1, &good);
	assert_int_equal(chain_mismatches(&c), 0);
	assert_true(chain_surprise(&c) == 0);
}

static void
a_flood_of_sequences_stays_within_the_table(void **s)
{
	static const uint32_t known[] = { 1, 2, 3, 4, 5, 6 };
	struct grams g;
	struct chain c = { 0 }, k;
	const struct chain_step nothing = { 0 };
	uint32_t x = 1;

	(void)s;
	assert_int_equal(grams_init(&g, 2000), 0);
	for (unsigned round = 0; round < 20; round++) {
		learn(&g, SCOPE, known, 6, 200);
		for (uint32_t i = 0; i < 5000; i++) {
			x = x * 1664525u + 1013904223u;
			chain_learn(&g, SCOPE + 1, &c, 1 + (x >> 8));
			chain_advance(&c, 1 + (x >> 8), &nothing);
		}
	}
	assert_true(g.size <= 4096);
	assert_true(g.cleared > 0);
	k = follow(&g, SCOPE, known, 6); /* what is seen often stays */
	assert_int_equal(chain_mismatches(&k), 0);
	grams_done(&g);
}

/* ---- likelihood ratio */

static uint32_t state = 1;

static uint32_t
noise(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

/* What entity `who` does: mostly its own five things, some of everybody's. */
static size_t
block_of(unsigned who, struct llr_item ret[64])
{
	size_t len = 0;

	for (unsigned i = 0; i < 100; i++) {
		uint32_t category = noise(4) > 0 ? 1000 + 10 * who + noise(5) : 1 + noise(20);
		size_t at = 0;

		while (at < len && ret[at].category != category)
			at++;
		if (at == len)
			ret[len++] = (struct llr_item){ category, 0 };
		ret[at].weight++;
	}
	return len;
}

static void
somebody_elses_blocks_score_high_and_its_own_do_not(void **s)
{
	struct llr m[3];
	struct tally others;
	struct llr_item items[64];
	double scores[LLR_BLOCKS], worst = -100, least = 100;
	int r = 0;

	(void)s;
	tally_init(&others, 1000);
	for (unsigned i = 0; i < 3; i++) {
		llr_init(&m[i]);
		assert_true(llr_score(&m[i], &others, items, 0) == 0);
	}
	for (unsigned b = 0; b < LLR_BLOCKS; b++)
		for (unsigned i = 0; i < 3; i++)
			r = llr_learn(&m[i], &others, items, block_of(i, items), scores);
	assert_int_equal(r, 1);
	for (unsigned b = 0; b < 50; b++) {
		double own, other;

		m[0].memory = 0;
		own = llr_score(&m[0], &others, items, block_of(0, items));
		m[0].memory = 0;
		other = llr_score(&m[0], &others, items, block_of(1, items));
		worst = own > worst ? own : worst;
		least = other < least ? other : least;
	}
	assert_true(worst < 3);
	assert_true(least > 5);
	for (unsigned i = 0; i < 3; i++)
		llr_done(&m[i]);
	tally_done(&others);
}

static void
an_intruder_is_remembered_for_a_while(void **s)
{
	struct llr m[2];
	struct tally others;
	struct llr_item items[64];
	double scores[LLR_BLOCKS], alone, after;
	size_t len;

	(void)s;
	tally_init(&others, 1000);
	llr_init(&m[0]);
	llr_init(&m[1]);
	for (unsigned b = 0; b < LLR_BLOCKS; b++)
		for (unsigned i = 0; i < 2; i++)
			assert_true(
			    llr_learn(&m[i], &others, items, block_of(i, items), scores) >= 0);
	len = block_of(0, items);
	alone = llr_score(&m[0], &others, items, len);
	m[0].memory = 10;
	after = llr_score(&m[0], &others, items, len);
	assert_true(fabs(after - alone - 2) < 1e-9);
	for (unsigned i = 0; i < 2; i++)
		llr_done(&m[i]);
	tally_done(&others);
}

static void
a_tally_refuses_what_does_not_fit_and_counts_it(void **s)
{
	struct tally t;

	(void)s;
	tally_init(&t, 10);
	for (uint64_t k = 1; k <= 100; k++)
		assert_int_equal(tally_add(&t, k, 1), 0);
	assert_int_equal(t.len, 10);
	assert_int_equal(t.refused, 90);
	assert_true(t.total == 100);
	assert_true(tally_get(&t, 3) == 1);
	assert_true(tally_get(&t, 50) == 0);
	assert_int_equal(tally_add(&t, 3, 9), 0);
	tally_scale(&t, 0.5, 1);
	assert_int_equal(t.len, 1);
	assert_true(tally_get(&t, 3) == 5);
	assert_true(t.total == 50); /* the others and what was kept */
	tally_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_learnt_in_this_order_is_no_surprise),
		cmocka_unit_test(scopes_do_not_know_of_each_other),
		cmocka_unit_test(probabilities_of_all_steps_sum_to_one),
		cmocka_unit_test(a_frame_forgets_what_is_behind_it),
		cmocka_unit_test(a_flood_of_sequences_stays_within_the_table),
		cmocka_unit_test(somebody_elses_blocks_score_high_and_its_own_do_not),
		cmocka_unit_test(an_intruder_is_remembered_for_a_while),
		cmocka_unit_test(a_tally_refuses_what_does_not_fit_and_counts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
