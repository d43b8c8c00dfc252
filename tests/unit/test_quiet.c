/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When people are left in peace, by their own clock, and when they are told what waited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notify/route.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define HOUR_US 3600000000ull

static void
set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static void
quiet_hours_may_go_over_midnight(void **state)
{
	struct channel_config cfg = { .quiet = (char *)(uintptr_t) "" };

	(void)state;
	set_zone(":UTC");
	assert_false(route_is_quiet(&cfg, 0));
	cfg.quiet = (char *)(uintptr_t) "22:00-07:00";
	assert_true(route_is_quiet(&cfg, 23 * HOUR_US));
	assert_true(route_is_quiet(&cfg, 6 * HOUR_US));
	assert_false(route_is_quiet(&cfg, 7 * HOUR_US));
	cfg.quiet = (char *)(uintptr_t) "08:30-09:00";
	assert_true(route_is_quiet(&cfg, 8 * HOUR_US + HOUR_US / 2));
	assert_false(route_is_quiet(&cfg, 9 * HOUR_US));
	cfg.quiet = (char *)(uintptr_t) "25:00-09:00";
	assert_false(route_is_quiet(&cfg, 1));
}

/* 2026: summer time begins in Berlin on 29 March and ends on 25 October, at 01:00 UTC. */
static void
quiet_hours_are_those_of_the_time_zone_in_summer_too(void **state)
{
	static const struct {
		uint64_t at_s; /* 05:30 UTC */
		bool quiet;
	} days[] = { { 1774675800, true }, { 1774762200, false }, { 1792819800, false },
		{ 1792906200, true } };
	struct channel_config cfg = { .quiet = (char *)(uintptr_t) "" };

	(void)state;
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
		skip();
	set_zone(":Europe/Berlin");
	cfg.quiet = (char *)(uintptr_t) "22:00-07:00";
	for (size_t i = 0; i < DS_LEN(days); i++) {
		assert_int_equal(route_is_quiet(&cfg, days[i].at_s * 1000000), days[i].quiet);
		assert_true(route_is_quiet(&cfg, (days[i].at_s - 3600) * 1000000));
		assert_false(route_is_quiet(&cfg, (days[i].at_s + 3600) * 1000000));
	}
}

static void
a_digest_comes_when_quiet_hours_end_and_then_now_and_then(void **state)
{
	struct channel_config cfg = { .quiet = (char *)(uintptr_t) "" };
	struct route_digest d = { .told_us = 21 * HOUR_US };

	(void)state;
	set_zone(":UTC");
	cfg.quiet = (char *)(uintptr_t) "22:00-07:00";
	cfg.digest_ms = 3600000;
	assert_false(route_digest_due(&cfg, &d, 21 * HOUR_US + HOUR_US / 2));
	assert_false(route_digest_due(&cfg, &d, 23 * HOUR_US));
	d.told_us = 30 * HOUR_US + HOUR_US / 2;
	assert_false(route_digest_due(&cfg, &d, 31 * HOUR_US - 1));
	assert_true(route_digest_due(&cfg, &d, 31 * HOUR_US));
	d.told_us = 31 * HOUR_US;
	assert_false(route_digest_due(&cfg, &d, 31 * HOUR_US + 1));
	assert_true(route_digest_due(&cfg, &d, 32 * HOUR_US));
	d.told_us = 40 * HOUR_US; /* the clock went back */
	assert_true(route_digest_due(&cfg, &d, 33 * HOUR_US));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_hours_may_go_over_midnight),
		cmocka_unit_test(quiet_hours_are_those_of_the_time_zone_in_summer_too),
		cmocka_unit_test(a_digest_comes_when_quiet_hours_end_and_then_now_and_then),
	};

	return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}
