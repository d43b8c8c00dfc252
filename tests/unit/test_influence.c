/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much one host, and two that know each other, can teach a class. */
#include "lib/clock.h"
#include "server/detect/knowledge.h"
#include "server/fleet/fleet.h"
#include "server/fleet/influence.h"
#include "server/store/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define KEYS    400u
#define WAIT_MS 60000

static void
a_share_is_used_up_once_for_each_host_and_class(void **state)
{
	struct influence *i = influence_new();
	bool first;

	(void)state;
	for (unsigned n = 0; n < 3; n++)
		assert_true(influence_take(i, 1, 10, 3, &first) && !first);
	assert_false(influence_take(i, 1, 10, 3, &first));
	assert_true(first);
	assert_false(influence_take(i, 1, 10, 3, &first));
	assert_false(first);
	assert_true(influence_take(i, 2, 10, 3, &first));
	assert_true(influence_take(i, 1, 11, 3, &first));
	influence_free(i);
}

static uint64_t
fact_of(unsigned key)
{
	return knowledge_fact("nginx", 1, &key, sizeof(key));
}

static void
teach(struct fleet *f, uint32_t host, uint64_t fact)
{
	struct knowledge_news *n = calloc(1, sizeof(*n));

	n->news.sort = NEWS_FACT;
	n->fact = fact;
	n->class_fact = knowledge_fact("nginx", 0, "", 0);
	n->host = host;
	n->learnt = true;
	assert_int_equal(ds_mailbox_put(fleet_mailbox(f), &n->news.mail), 0);
}

/* Waits until the last that was taught is published; how many are common. */
static unsigned
common(struct fleet *f, uint64_t last)
{
	uint64_t until = ds_clock_monotonic_ms() + WAIT_MS;
	unsigned n = 0;
	bool there = false;

	while (!there && ds_clock_monotonic_ms() < until) {
		struct ds_version *v = ds_snapshot_acquire(fleet_knowledge(f));
		const struct fleet_knowledge *k = ds_version_value(v);

		there = fleet_knowledge_get(k, last).seen > 0;
		for (unsigned i = 0; there && i < KEYS; i++) {
			assert_true(fleet_knowledge_get(k, fact_of(i)).seen > 0);
			n += fleet_knowledge_get(k, fact_of(i)).learnt >= 2;
		}
		ds_version_release(v);
		if (!there)
			(void)poll(NULL, 0, 20);
	}
	assert_true(there);
	return n;
}

static void
two_hosts_make_no_more_than_a_share_common(void **state)
{
	const struct store_config store = { .dir = "/nowhere" };
	const struct fleet_config cfg = { .backend = store_lookup("null"),
		.store = &store,
		.silent_after_us = 3600 * DS_US_PER_S };
	char why[200];
	struct fleet *f = fleet_new(&cfg, why, sizeof(why));

	(void)state;
	assert_non_null(f);
	assert_int_equal(fleet_start(f, NULL, NULL), 0);
	/* One alone: nothing is common, however much it teaches. */
	for (unsigned i = 0; i < KEYS; i++)
		teach(f, 1, fact_of(i));
	teach(f, 1, fact_of(KEYS));
	assert_int_equal(common(f, fact_of(KEYS)), 0);
	for (unsigned i = 0; i < KEYS; i++)
		teach(f, 2, fact_of(i));
	teach(f, 2, fact_of(KEYS + 1));
	assert_int_equal(common(f, fact_of(KEYS + 1)), INFLUENCE_MAX);
	/* What others know is nobody's influence: the honest majority is not held up. */
	for (unsigned i = 0; i < INFLUENCE_MAX; i++)
		teach(f, 3, fact_of(i));
	teach(f, 3, fact_of(KEYS + 2));
	assert_int_equal(common(f, fact_of(KEYS + 2)), INFLUENCE_MAX);
	fleet_stop(f);
	fleet_free(f);
}

struct gate {
	struct write_request request;
	sem_t open;
};

static int
wait_at_gate(struct write_request *request, const struct store_backend *b, struct store *s)
{
	(void)b;
	(void)s;
	while (sem_wait(&DS_CONTAINER(request, struct gate, request)->open) < 0)
		;
	return 0;
}

static void
pass_gate(struct write_request *request, int result)
{
	(void)request;
	(void)result;
}

static void
count_told(
    uint32_t host, const char *host_name, const struct finding *finding, uint64_t now_us, void *ctx)
{
	(void)host;
	(void)host_name;
	(void)finding;
	(void)now_us;
	++*(unsigned *)ctx;
}

static void
what_is_committed_after_the_fleet_has_gone_is_told(void **state)
{
	const struct store_config store = { .dir = "/nowhere" };
	struct fleet_config cfg = { .backend = store_lookup("null"),
		.store = &store,
		.silent_after_us = 3600 * DS_US_PER_S,
		.on_committed = count_told };
	struct gate gate = { .request = { .run = wait_at_gate, .done = pass_gate } };
	unsigned told = 0;
	char why[200];
	struct fleet *f;

	(void)state;
	(void)sem_init(&gate.open, 0, 0);
	cfg.committed_ctx = &told;
	cfg.writer = writer_start(cfg.backend, &store, why, sizeof(why));
	assert_non_null(cfg.writer);
	f = fleet_new(&cfg, why, sizeof(why));
	assert_non_null(f);
	assert_int_equal(writer_post(cfg.writer, &gate.request), 0);
	fleet_copied(f, 1, "web1", "192.0.2.1:4711");
	fleet_free(f);
	sem_post(&gate.open);
	writer_stop(cfg.writer);
	assert_int_equal(told, 1);
	sem_destroy(&gate.open);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_is_used_up_once_for_each_host_and_class),
		cmocka_unit_test(two_hosts_make_no_more_than_a_share_common),
		cmocka_unit_test(what_is_committed_after_the_fleet_has_gone_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
