/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/label.h"
#include "server/detect/detect.h"
#include "server/fleet/allow.h"
#include "server/fleet/waves.h"
#include "server/store/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000ull

struct seen {
	struct fleet_config cfg;
	struct waves *waves;
	unsigned told;
	char group[200], title[200];
	size_t hosts;
};

/* On the writer's thread; the test looks only after it has ended. */
static void
on_committed(
    uint32_t host, const char *host_name, const struct finding *f, uint64_t now_us, void *ctx)
{
	struct seen *s = ctx;
	json_t *doc = json_loads(f->json, 0, NULL);

	(void)host;
	(void)host_name;
	(void)now_us;
	s->told++;
	assert_string_equal(f->kind, "fleet_wave");
	snprintf(s->group, sizeof(s->group), "%s", f->group);
	snprintf(s->title, sizeof(s->title), "%s", f->title);
	s->hosts = json_array_size(json_object_get(doc, "hosts"));
	json_decref(doc);
}

static int
setup(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));
	char why[200];
	static const struct store_config store;

	s->cfg = (struct fleet_config){ .backend = store_lookup("null"),
		.store = &store,
		.on_committed = on_committed,
		.committed_ctx = s };
	s->cfg.writer = writer_start(s->cfg.backend, &store, why, sizeof(why));
	s->waves = waves_new(&s->cfg);
	*state = s;
	return s->cfg.writer != NULL && s->waves != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct seen *s = *state;

	waves_free(s->waves);
	free(s);
	return 0;
}

static void
tell(struct seen *s, uint32_t host, uint64_t fact, uint64_t time_us, uint32_t group)
{
	struct told_news n = { .fact = fact,
		.host = host,
		.time_us = time_us,
		.severity = "high",
		.host_name = "h",
		.class = "nginx",
		.daemon = "nginx.service",
		.title = "nginx started /bin/sh" };

	waves_take(s->waves, &n, group);
}

static void
end(struct seen *s)
{
	writer_stop(s->cfg.writer);
}

static void
three_hosts_of_a_few_are_a_wave_that_grows(void **state)
{
	struct seen *s = *state;

	tell(s, 1, 7, 1000 * S, 10);
	tell(s, 1, 7, 1001 * S, 10);
	tell(s, 2, 7, 1002 * S, 10);
	tell(s, 3, 7, 1003 * S, 10);
	tell(s, 3, 7, 1004 * S, 10);
	tell(s, 4, 7, 1005 * S, 10);
	end(s);
	assert_int_equal(s->told, 2);
	assert_int_equal(s->hosts, 4);
	assert_non_null(strstr(s->title, "on 4 hosts at once"));
}

static void
of_many_hosts_a_twentieth_is_needed(void **state)
{
	struct seen *s = *state;

	for (uint32_t host = 1; host <= 9; host++)
		tell(s, host, 7, 1000 * S + host, 200);
	end(s);
	assert_int_equal(s->told, 0);
}

static void
one_after_the_other_over_hours_is_none(void **state)
{
	struct seen *s = *state;

	for (uint32_t host = 1; host <= 20; host++)
		tell(s, host, 7, (uint64_t)host * 900 * S, 20);
	end(s);
	assert_int_equal(s->told, 0);
}

static void
different_things_are_no_wave(void **state)
{
	struct seen *s = *state;

	for (uint32_t host = 1; host <= 20; host++)
		tell(s, host, 100 + host, 1000 * S, 20);
	end(s);
	assert_int_equal(s->told, 0);
}

static void
labels_are_found_whole(void **state)
{
	(void)state;
	assert_true(ds_label_has("web, prod", "prod"));
	assert_true(ds_label_has("web,prod", "web"));
	assert_false(ds_label_has("website,prod", "web"));
	assert_false(ds_label_has("", "web"));
	assert_false(ds_label_has("web", ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(three_hosts_of_a_few_are_a_wave_that_grows),
		TEST(of_many_hosts_a_twentieth_is_needed),
		TEST(one_after_the_other_over_hours_is_none),
		TEST(different_things_are_no_wave),
		cmocka_unit_test(labels_are_found_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
