/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/groups.h"
#include "server/detect/knowledge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct machine {
	const char *labels, *daemons, *version;
};

/* Each letter is a daemon. */
static bool
look_at(struct groups *g, const struct machine *m, uint32_t len)
{
	groups_begin(g);
	for (uint32_t i = 0; i < len; i++) {
		assert_int_equal(groups_host(g, i + 1, m[i].labels), 0);
		for (const char *d = m[i].daemons; *d != '\0'; d++)
			groups_daemon(g, (const char[]){ *d, '\0' }, m[i].version);
	}
	return groups_end(g);
}

static void
hosts_with_the_same_daemons_versions_and_labels_are_a_group(void **s)
{
	static const struct machine fleet[] = { { "web", "abc", "1" }, { "web", "abcd", "1" },
		{ "db", "abc", "1" }, { "web", "xyz", "1" }, { "web", "abc", "9" },
		{ "web", "", "" }, { "web", "abc", "1" } };
	struct groups *g = groups_new();

	(void)s;
	assert_true(look_at(g, fleet, 7));
	assert_true(groups_of(g, 1) > 0);
	assert_true(groups_of(g, 2) == groups_of(g, 1)); /* one daemon more */
	assert_true(groups_of(g, 7) == groups_of(g, 1));
	assert_true(groups_of(g, 3) > 0 && groups_of(g, 3) != groups_of(g, 1)); /* labels */
	assert_true(groups_of(g, 4) > 0 && groups_of(g, 4) != groups_of(g, 1)); /* daemons */
	assert_true(groups_of(g, 5) > 0 && groups_of(g, 5) != groups_of(g, 1)); /* versions */
	assert_true(groups_of(g, 6) == 0);
	assert_true(groups_of(g, 8) == 0);
	groups_free(g);
}

static void
another_host_changes_no_group_and_one_that_leaves_begins_it_anew(void **s)
{
	struct machine fleet[] = { { "web", "abc", "1" }, { "web", "abc", "1" },
		{ "web", "abc", "1" } };
	struct groups *g = groups_new();
	uint64_t was;

	(void)s;
	assert_true(look_at(g, fleet, 2));
	was = groups_of(g, 1);
	assert_false(look_at(g, fleet, 2));
	assert_true(look_at(g, fleet, 3));
	assert_true(groups_of(g, 1) == was && groups_of(g, 3) == was);
	fleet[2].labels = "db";
	assert_true(look_at(g, fleet, 3));
	assert_true(groups_of(g, 1) != was && groups_of(g, 2) == groups_of(g, 1));
	assert_true(groups_of(g, 3) != groups_of(g, 1));
	groups_free(g);
}

static void
a_host_of_thousands_of_daemons_is_bounded(void **s)
{
	struct groups *g = groups_new();
	char name[16];

	(void)s;
	groups_begin(g);
	for (uint32_t host = 1; host <= GROUPS_MAX + 10; host++) {
		assert_int_equal(groups_host(g, host, ""), 0);
		for (unsigned i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "%u-%u", host, i);
			groups_daemon(g, name, "");
		}
	}
	assert_true(groups_end(g));
	assert_true(groups_of(g, GROUPS_MAX) > 0);
	assert_true(groups_of(g, GROUPS_MAX + 1) == 0); /* compared with the whole fleet */
	groups_free(g);
}

static void
peers_are_counted_within_the_group_when_it_is_large_enough(void **s)
{
	struct machine fleet[10];
	struct groups *g = groups_new();
	struct knowledge *k = knowledge_new();
	struct fleet_knowledge *f;
	uint64_t class = knowledge_fact("nginx", 0, "", 0),
		 fact = knowledge_fact("nginx", 1, "x", 1);
	struct fleet_peers p;

	(void)s;
	/* Five web servers, of which one showed it, as did three of three others. */
	for (uint32_t i = 0; i < 8; i++)
		fleet[i] = (struct machine){ i < 5 ? "web" : "db", "abc", "1" };
	assert_true(look_at(g, fleet, 8));
	for (uint32_t host = 1; host <= 8; host++) {
		uint64_t group = groups_of(g, host);

		assert_int_equal(knowledge_add_grouped(k, 0, class, group, host, true), 1);
		if (host == 2 || host > 5)
			assert_int_equal(
			    knowledge_add_grouped(k, class, fact, group, host, host == 2), 1);
	}
	f = knowledge_publish(k, g);
	p = fleet_knowledge_peers(f, 1, class, fact, false);
	assert_int_equal(p.of, 4);
	assert_int_equal(p.seen, 1);
	assert_int_equal(p.learnt, 1);
	assert_true(p.is_group);
	p = fleet_knowledge_peers(f, 2, class, fact, true);
	assert_int_equal(p.of, 4);
	/* Two others are no group to compare with. */
	p = fleet_knowledge_peers(f, 6, class, fact, true);
	assert_false(p.is_group);
	assert_int_equal(p.of, 7);
	assert_int_equal(p.seen, 3);
	fleet_knowledge_free(f);
	knowledge_free(k);
	groups_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_with_the_same_daemons_versions_and_labels_are_a_group),
		cmocka_unit_test(another_host_changes_no_group_and_one_that_leaves_begins_it_anew),
		cmocka_unit_test(a_host_of_thousands_of_daemons_is_bounded),
		cmocka_unit_test(peers_are_counted_within_the_group_when_it_is_large_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
