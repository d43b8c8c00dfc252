/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/knowledge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int
setup(void **state)
{
	*state = knowledge_new();
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	knowledge_free(*state);
	return 0;
}

static struct prevalence
get(const struct knowledge *k, uint64_t fact)
{
	struct fleet_knowledge *f = knowledge_publish(k, NULL);
	struct prevalence p = fleet_knowledge_get(f, fact);

	fleet_knowledge_free(f);
	return p;
}

static void
a_host_counts_once_however_often_it_tells(void **state)
{
	struct knowledge *k = *state;
	uint64_t fact = knowledge_fact("nginx", 1, "c/bin/sh", 8);

	assert_int_equal(knowledge_add(k, fact, 1, false), 1);
	assert_int_equal(knowledge_add(k, fact, 1, false), 0);
	assert_int_equal(knowledge_add(k, fact, 1, true), 1);
	assert_int_equal(knowledge_add(k, fact, 1, true), 0);
	assert_int_equal(knowledge_add(k, fact, 1, false), 0);
	assert_int_equal(knowledge_add(k, fact, 2, false), 1);
	assert_int_equal(get(k, fact).seen, 2);
	assert_int_equal(get(k, fact).learnt, 1);
}

static void
facts_differ_by_class_kind_and_key(void **state)
{
	uint64_t fact = knowledge_fact("nginx", 1, "c/bin/sh", 8);

	(void)state;
	assert_true(fact != knowledge_fact("apache2", 1, "c/bin/sh", 8));
	assert_true(fact != knowledge_fact("nginx", 2, "c/bin/sh", 8));
	assert_true(fact != knowledge_fact("nginx", 1, "c/bin/s", 7));
	assert_true(fact == knowledge_fact("nginx", 1, "c/bin/sh", 8));
}

static void
it_grows_and_keeps_every_count(void **state)
{
	struct knowledge *k = *state;
	struct fleet_knowledge *f;

	for (uint32_t i = 0; i < 20000; i++)
		for (uint32_t host = 0; host < 1 + i % 3; host++)
			assert_int_equal(
			    knowledge_add(k, knowledge_fact("x", 1, &i, 4), host, host == 0), 1);
	f = knowledge_publish(k, NULL);
	for (uint32_t i = 0; i < 20000; i++) {
		struct prevalence p = fleet_knowledge_get(f, knowledge_fact("x", 1, &i, 4));

		assert_int_equal(p.seen, 1 + i % 3);
		assert_int_equal(p.learnt, 1);
	}
	fleet_knowledge_free(f);
	assert_int_equal(knowledge_len(k), 20000);
}

static void
nothing_is_known_of_what_was_never_told(void **state)
{
	assert_int_equal(get(*state, knowledge_fact("nginx", 1, "c/bin/sh", 8)).seen, 0);
	assert_int_equal(fleet_knowledge_get(NULL, 5).seen, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_counts_once_however_often_it_tells),
		TEST(facts_differ_by_class_kind_and_key),
		TEST(it_grows_and_keeps_every_count),
		TEST(nothing_is_known_of_what_was_never_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
