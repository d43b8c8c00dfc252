/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api/departures.h"

#include <stdio.h>
#include <string.h>

static struct profile_row
row_of(uint32_t host, uint8_t kind, const char *key, bool learnt)
{
	return (struct profile_row){ .host = host,
		.daemon = "nginx",
		.kind = kind,
		.key = (const uint8_t *)key,
		.key_size = strlen(key),
		.count = 1,
		.first_us = 10,
		.last_us = 20,
		.learnt = learnt };
}

static void
add(struct departures *d, uint32_t host, uint8_t kind, const char *key)
{
	const struct profile_row row = row_of(host, kind, key, false);

	assert_int_equal(departures_add(d, &row), 0);
}

static void
peer(struct departures *d, uint32_t host, uint8_t kind, const char *key, bool learnt)
{
	const struct profile_row row = row_of(host, kind, key, learnt);

	assert_int_equal(departures_compare(d, &row), 0);
}

static void
what_one_peer_has_learnt_is_no_departure(void **state)
{
	struct departures d;

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	add(&d, 1, DS_EVENT_EXEC, "c/usr/bin/dash");
	add(&d, 1, DS_EVENT_EXEC, "c/usr/bin/id");
	d.all[0].last_host = d.all[1].last_host = 0;
	peer(&d, 2, DS_EVENT_EXEC, "c/usr/bin/id", true);
	peer(&d, 2, DS_EVENT_EXEC, "c/usr/bin/dash", false);
	peer(&d, 3, DS_EVENT_EXEC, "c/usr/bin/dash", false);
	assert_int_equal(d.len, 2);
	assert_true(departure_is_one(&d.all[0]));
	assert_int_equal(d.all[0].seen, 2);
	assert_false(departure_is_one(&d.all[1]));
	assert_int_equal(d.normal[DS_EVENT_EXEC].len, 1);
	assert_string_equal(d.normal[DS_EVENT_EXEC].named[0], "/usr/bin/id");
	departures_done(&d);
}

static void
instances_of_one_host_count_once(void **state)
{
	struct departures d;

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	add(&d, 1, DS_EVENT_CONNECT, "=tcp 192.0.2.0/24 port 80");
	add(&d, 1, DS_EVENT_CONNECT, "=tcp 192.0.2.0/24 port 80");
	assert_int_equal(d.len, 1);
	assert_int_equal(d.all[0].hosts, 1);
	assert_true(d.all[0].count == 2);
	d.all[0].last_host = 0;
	peer(&d, 2, DS_EVENT_CONNECT, "=tcp 192.0.2.0/24 port 80", true);
	peer(&d, 2, DS_EVENT_CONNECT, "=tcp 192.0.2.0/24 port 80", true);
	assert_int_equal(d.all[0].learnt, 1);
	departures_done(&d);
}

static void
its_own_starts_are_no_behaviour(void **state)
{
	struct departures d;

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	add(&d, 1, DS_EVENT_EXEC, "s/usr/sbin/nginx");
	add(&d, 1, DS_EVENT_EXEC, "m/usr/sbin/nginx");
	add(&d, 1, DS_EVENT_RESOURCE, "=x");
	add(&d, 1, DS_EVENT_EXEC, "");
	assert_int_equal(d.len, 0);
	departures_done(&d);
}

static void
what_is_no_news_is_counted_and_nothing_normal_is_nothing_to_compare_with(void **state)
{
	const struct profile_row again = row_of(1, DS_EVENT_EXEC, "c/usr/bin/id", false),
				 own = row_of(1, DS_EVENT_EXEC, "s/usr/sbin/nginx", false);
	struct departures d;

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	departures_pass(&d, &again);
	departures_pass(&d, &own);
	assert_int_equal(d.old, 1);
	assert_int_equal(d.len, 0);
	peer(&d, 2, DS_EVENT_EXEC, "c/usr/bin/id", false);
	assert_int_equal(departures_normal(&d), 0);
	peer(&d, 2, DS_EVENT_EXEC, "c/usr/bin/id", true);
	peer(&d, 3, DS_EVENT_EXEC, "c/usr/bin/id", true);
	peer(&d, 3, DS_EVENT_LISTEN, "=tcp port 80", true);
	assert_int_equal(departures_normal(&d), 2);
	departures_done(&d);
}

static void
a_shell_is_graver_than_a_program_and_one_with_the_network_as_input_gravest(void **state)
{
	static const struct {
		uint8_t kind;
		const char *key, *severity, *title;
	} cases[] = {
		{ DS_EVENT_EXEC, "c/usr/bin/dash", "high", "nginx started /usr/bin/dash" },
		{ DS_EVENT_EXEC, "c/opt/helper", "medium", "nginx started /opt/helper" },
		{ DS_EVENT_EXEC, "c/tmp/x", "high", "nginx started /tmp/x" },
		{ DS_EVENT_EXEC, "r/usr/bin/dash", "critical",
		    "nginx started /usr/bin/dash (its input is the network)" },
		{ DS_EVENT_FILE_WRITE, "!wrote /etc/cron.d/x", "high",
		    "nginx wrote /etc/cron.d/x" },
		{ DS_EVENT_LISTEN, "=tcp port 99", "high", "nginx listened on tcp port 99" },
	};
	struct departure_said said;
	struct departures d;

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		add(&d, 1, cases[i].kind, cases[i].key);
		assert_int_equal(d.len, i + 1);
		departure_say(&d.all[i], "nginx", &said);
		assert_string_equal(said.severity, cases[i].severity);
		assert_string_equal(said.title, cases[i].title);
	}
	departures_done(&d);
}

static void
more_than_fits_is_said(void **state)
{
	struct departures d;
	char key[40];

	(void)state;
	assert_int_equal(departures_init(&d), 0);
	for (unsigned i = 0; i <= DEPARTURES_MAX; i++) {
		assert_int_equal(d.is_full, 0);
		snprintf(key, sizeof(key), "c/opt/p-%u", i);
		add(&d, 1, DS_EVENT_EXEC, key);
	}
	assert_true(d.is_full);
	assert_int_equal(d.len, DEPARTURES_MAX);
	departures_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_peer_has_learnt_is_no_departure),
		cmocka_unit_test(instances_of_one_host_count_once),
		cmocka_unit_test(its_own_starts_are_no_behaviour),
		cmocka_unit_test(
		    a_shell_is_graver_than_a_program_and_one_with_the_network_as_input_gravest),
		cmocka_unit_test(
		    what_is_no_news_is_counted_and_nothing_normal_is_nothing_to_compare_with),
		cmocka_unit_test(more_than_fits_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
