/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/daemon.h"

#include <string.h>

static void
a_unit_is_meant_without_its_suffix(void **state)
{
	(void)state;
	assert_true(ds_daemon_fits("nginx", "nginx.service"));
	assert_true(ds_daemon_fits("nginx", "nginx"));
	assert_true(ds_daemon_fits("nginx.service", "nginx.service"));
	assert_false(ds_daemon_fits("nginx.service", "nginx"));
	assert_false(ds_daemon_fits("nginx", "nginx-debug.service"));
	assert_false(ds_daemon_fits("nginx", "nginx.socket"));
}

static void
a_template_is_meant_without_its_instance(void **state)
{
	(void)state;
	assert_true(ds_daemon_fits("postgresql", "postgresql@15-main.service"));
	assert_true(ds_daemon_fits("postgresql@15-main", "postgresql@15-main.service"));
	assert_true(ds_daemon_fits("postgresql", "postgresql@15-main"));
	assert_false(ds_daemon_fits("postgresql@16-main", "postgresql@15-main.service"));
}

static void
a_star_means_what_it_spans(void **state)
{
	(void)state;
	assert_true(ds_daemon_fits("php*", "php8.2-fpm.service"));
	assert_true(ds_daemon_fits("*fpm", "php8.2-fpm.service"));
	assert_true(ds_daemon_fits("*", "sshd/session"));
	assert_true(ds_daemon_fits("container:web-?", "container:web-1"));
	assert_false(ds_daemon_fits("*.service", "nginx"));
}

static void
what_people_start_below_a_daemon_is_another(void **state)
{
	(void)state;
	assert_false(ds_daemon_fits("sshd", "sshd/session"));
	assert_false(ds_daemon_fits("cron", "cron/job"));
	assert_false(ds_daemon_fits("nginx", "container:nginx"));
}

static void
odd_names_fit_nothing_else(void **state)
{
	char huge[4096];

	(void)state;
	assert_false(ds_daemon_fits("", "@x"));
	assert_false(ds_daemon_fits("", DS_UNIT_SUFFIX));
	assert_true(ds_daemon_fits("", ""));
	memset(huge, 'a', sizeof(huge) - 1);
	memcpy(huge + sizeof(huge) - 9, DS_UNIT_SUFFIX, 9);
	assert_false(ds_daemon_fits("b*", huge));
	assert_int_equal(ds_daemon_plain_len("nginx.service"), 5);
	assert_int_equal(ds_daemon_plain_len(DS_UNIT_SUFFIX), strlen(DS_UNIT_SUFFIX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unit_is_meant_without_its_suffix),
		cmocka_unit_test(a_template_is_meant_without_its_instance),
		cmocka_unit_test(a_star_means_what_it_spans),
		cmocka_unit_test(what_people_start_below_a_daemon_is_another),
		cmocka_unit_test(odd_names_fit_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
