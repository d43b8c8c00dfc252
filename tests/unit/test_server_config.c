/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/config.h"

#include <errno.h>
#include <string.h>

static int
load(struct server_config *cfg, const char *text)
{
	static struct ds_conf_report report;

	*cfg = (struct server_config){ 0 };
	report = (struct ds_conf_report){ 0 };
	return ds_conf_parse(server_options, cfg, "test", text, strlen(text), &report, NULL);
}

static void
the_defaults_are_usable(void **state)
{
	struct server_config cfg;
	char why[200];

	(void)state;
	assert_int_equal(load(&cfg, ""), 0);
	assert_int_equal(server_config_check(&cfg, why, sizeof(why)), 0);
	assert_string_equal(cfg.listen, "0.0.0.0:7443");
	assert_string_equal(server_config_engine(&cfg), "sqlite");
	assert_int_equal(cfg.retention_ms, 30ull * 24 * 3600 * 1000);
	assert_int_equal(cfg.max_size, 20ull << 30);
	assert_float_equal(server_config_unseen_max(&cfg), 0.01, 1e-9);
	ds_conf_free(server_options, &cfg);
}

static void
an_alert_budget_is_counted_a_week(void **state)
{
	struct server_config cfg;
	char why[200];

	(void)state;
	assert_int_equal(load(&cfg, "[detect]\nalert_budget = 2/host/day\n"), 0);
	assert_int_equal(server_config_check(&cfg, why, sizeof(why)), 0);
	assert_float_equal(server_config_alert_budget(&cfg), 14, 1e-9);
	ds_conf_free(server_options, &cfg);
}

static void
what_no_row_can_say_is_refused_with_a_sentence(void **state)
{
	static const char *const texts[] = { "[detect]\nalert_budget = few\n",
		"[detect]\nalert_budget = 0/host/week\n", "[detect]\nunseen_max = 1.5\n",
		"[api]\ntls_cert = /x.pem\n", "[server]\ntime_zone = Europe/Nowhere\n",
		"[server]\ntime_zone = ../../../etc/passwd\n", "[server]\ntime_zone = Europe\n" };
	struct server_config cfg;
	char why[200];

	(void)state;
	for (size_t i = 0; i < DS_LEN(texts); i++) {
		why[0] = '\0';
		assert_int_equal(load(&cfg, texts[i]), 0);
		assert_int_equal(server_config_check(&cfg, why, sizeof(why)), -EINVAL);
		assert_true(strlen(why) > 10);
		ds_conf_free(server_options, &cfg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_usable),
		cmocka_unit_test(an_alert_budget_is_counted_a_week),
		cmocka_unit_test(what_no_row_can_say_is_refused_with_a_sentence),
	};

	return cmocka_run_group_tests_name("server_config", tests, NULL, NULL);
}
