/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is never blocked by a label of his, and that every host is told. */
#include "tests/unit/react_fixture.h"

#include <stdio.h>
#include <string.h>

static const char balancers[] = "[react]\nnever_block_labels = balancer\n";

struct label {
	uint8_t host;
	const char *labels, *name;
};

static int
put_label(struct world *w, struct store *s, void *ctx)
{
	const struct label *l = ctx;
	struct host_row row = fixture_host(l->host);

	row.labels = l->labels;
	row.name = l->name;
	return w->backend->host_put(s, &row);
}

static void
set_label(struct world *w, uint8_t host, const char *labels, const char *name)
{
	struct label l = { host, labels, name };

	assert_int_equal(in_store(w, put_label, &l), 0);
	react_changed(w->react);
}

/* Each host gets one order, with this list. */
static void
all_are_told(struct world *w, const char *list)
{
	bool told[HOSTS + 1] = { false };

	for (unsigned i = 0; i < HOSTS; i++) {
		const struct sent *s = next_sent(w);

		assert_string_equal(s->order.kind, DS_ORDER_SPARE);
		assert_string_equal(s->order.path, list);
		assert_false(told[s->host]);
		told[s->host] = true;
		answer(w, s->host, result_of(s, DS_OUTCOME_DONE));
	}
	(void)wait_for(w, w->taken, "verified");
}

static void
every_host_is_told_of_a_label_and_of_its_end(void **state)
{
	struct world *w = *state;
	char why[200];

	stop(w);
	atomic_store(&w->sessions, 1u << 2);
	start(w, balancers);
	set_label(w, 2, "web,balancer", "lb two\n10.0.0.0/8");
	all_are_told(w, "192.0.2.2 lb?two?10.0.0.0/8\n"); /* a name is one word, whoever chose it */
	assert_true(react_spares(w->react, "192.0.2.2", why, sizeof(why)));
	atomic_store(&w->sessions, 1u << 3); /* one that is away keeps its address */
	set_label(w, 3, "balancer", "three");
	all_are_told(w, "192.0.2.2 lb?two?10.0.0.0/8\n192.0.2.3 three\n");
	set_label(w, 2, "web", "two");
	all_are_told(w, "192.0.2.3 three\n");
	assert_false(react_spares(w->react, "192.0.2.2", why, sizeof(why)));
	set_label(w, 3, "", "three");
	all_are_told(w, "");
}

static void
the_next_server_spares_whom_the_last_one_did(void **state)
{
	struct world *w = *state;
	char why[200];

	stop(w);
	atomic_store(&w->sessions, 1u << 2);
	start(w, balancers);
	set_label(w, 2, "balancer", "two");
	all_are_told(w, "192.0.2.2 two\n");
	stop(w);
	atomic_store(&w->sessions, 0); /* nobody has come back yet */
	start(w, balancers);
	assert_true(react_spares(w->react, "192.0.2.2", why, sizeof(why)));
	stop(w);
	start(w, ""); /* and when the option is taken away, they are told */
	all_are_told(w, "");
}

static void
without_such_labels_nobody_is_told_anything(void **state)
{
	struct world *w = *state;

	set_mode(w, "active");
	find_shell(w, 1, 7);
	assert_string_equal(next_sent(w)->order.kind, "kill");
	assert_int_equal(w->sent_len, 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(every_host_is_told_of_a_label_and_of_its_end),
		T(the_next_server_spares_whom_the_last_one_did),
		T(without_such_labels_nobody_is_told_anything),
	};

	return cmocka_run_group_tests_name("spare", tests, NULL, NULL);
}
