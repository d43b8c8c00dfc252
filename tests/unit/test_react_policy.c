/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/order.h"
#include "server/config.h"
#include "server/react/modes.h"
#include "server/react/own.h"
#include "server/react/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE 60000000ull

static struct ds_conf_report report;

static struct policy *
policy(const char *text)
{
	struct server_config cfg = { 0 };
	struct policy *p;
	char why[300];
	int r = ds_conf_parse(server_options, &cfg, "x", text, strlen(text), &report, NULL);

	if (r < 0)
		fail_msg("%s", report.errors[0].text);
	if (server_config_check(&cfg, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	p = policy_new(&cfg.react_rules, &cfg.react_never_block);
	assert_non_null(p);
	ds_conf_free(server_options, &cfg);
	return p;
}

static const struct react_args process = { .pid = 7, .start_us = 99, .exe = "/bin/sh" };
static const struct react_args address = { .address = "192.0.2.9" };

static size_t
ask(const struct policy *p, const char *kind, const char *severity, const char *daemon,
    const char *labels, const struct react_args *args, struct policy_answer *ret)
{
	const struct policy_subject s = { kind, severity, daemon, labels, args };

	return policy_ask(p, &s, ret);
}

static void
the_built_in_rules_kill_shells_and_block_who_guesses(void **state)
{
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("");

	(void)state;
	assert_int_equal(ask(p, "new_child", "high", "nginx.service", "", &process, a), 1);
	assert_string_equal(a[0].kind->name, "kill");
	assert_string_equal(a[0].rule, "shell");
	assert_string_equal(a[0].refused, "");
	assert_true(a[0].ttl_us == 0);
	assert_int_equal(ask(p, "login", "high", "ssh.service", "", &address, a), 1);
	assert_string_equal(a[0].kind->name, "block_ip");
	assert_true(a[0].ttl_us == 10 * MINUTE);
	assert_int_equal(ask(p, "new_child", "medium", "nginx.service", "", &process, a), 0);
	assert_int_equal(ask(p, "new_destination", "critical", "nginx", "", &process, a), 0);
	policy_free(p);
}

static void
a_section_changes_single_values_of_a_built_in_rule(void **state)
{
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("[react.guessing]\nscope = fleet\n[react.shell]\nenabled = no\n");

	(void)state;
	assert_int_equal(ask(p, "login", "high", "ssh.service", "", &address, a), 1);
	assert_int_equal(a[0].scope, REACT_FLEET);
	assert_true(a[0].ttl_us == 10 * MINUTE);
	assert_int_equal(ask(p, "new_child", "high", "nginx.service", "", &process, a), 0);
	policy_free(p);
}

static void
a_rule_of_ones_own_names_daemons_labels_and_several_reactions(void **state)
{
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("[react.mine]\nkinds = new_*\nmin_severity = medium\n"
				  "daemons = nginx*\nlabels = web, edge\nreactions = freeze, cut\n"
				  "ttl = 1m\n");

	(void)state;
	assert_int_equal(
	    ask(p, "new_destination", "medium", "nginx.service", "db, edge", &process, a), 2);
	assert_string_equal(a[0].kind->name, "freeze");
	assert_true(a[0].ttl_us == MINUTE);
	assert_string_equal(a[1].kind->name, "cut");
	assert_true(a[1].ttl_us == 0);
	assert_int_equal(
	    ask(p, "new_destination", "medium", "nginx.service", "db,edgy", &process, a), 0);
	assert_int_equal(ask(p, "new_destination", "medium", "sshd", "edge", &process, a), 0);
	policy_free(p);
}

static void
a_rule_and_a_mode_for_nginx_are_for_its_unit(void **state)
{
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("[react.shell]\ndaemons = nginx, postgresql\n");
	const struct mode_row nginx = { .label = "", .daemon = "nginx", .mode = "active" };
	struct modes *m = modes_new();

	(void)state;
	assert_int_equal(ask(p, "new_child", "high", "nginx", "", &process, a), 1);
	assert_int_equal(ask(p, "new_child", "high", "nginx.service", "", &process, a), 1);
	assert_int_equal(
	    ask(p, "new_child", "high", "postgresql@15-main.service", "", &process, a), 1);
	assert_int_equal(ask(p, "new_child", "high", "nginx-old.service", "", &process, a), 0);
	policy_free(p);
	assert_int_equal(modes_put(m, &nginx), 0);
	assert_int_equal(modes_of(m, 1, "", "nginx.service"), REACT_ACTIVE);
	assert_int_equal(modes_of(m, 1, "", "nginx"), REACT_ACTIVE);
	assert_int_equal(modes_of(m, 1, "", "sshd.service"), REACT_MONITOR);
	modes_free(m);
}

static void
what_lacks_a_part_of_its_target_or_must_be_spared_says_why(void **state)
{
	static const struct react_args startless = { .pid = 7, .exe = "/bin/sh" },
				       mapped = { .address = "::ffff:198.51.100.7" };
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("[react]\nnever_block = 198.51.100.0/24, 2001:db8::/32\n");

	(void)state;
	assert_int_equal(ask(p, "new_child", "high", "nginx", "", &startless, a), 1);
	assert_non_null(strstr(a[0].refused, "when the process started"));
	assert_int_equal(ask(p, "login", "high", "sshd", "", &mapped, a), 1);
	assert_non_null(strstr(a[0].refused, "never blocked"));
	assert_true(policy_spares(p, "198.51.100.0/25"));
	assert_true(policy_spares(p, "198.0.0.0/8")); /* covers it */
	assert_true(policy_spares(p, "2001:db8:1::1"));
	assert_true(policy_spares(p, "nonsense"));
	assert_true(policy_spares(p, "0.0.0.0/0"));
	assert_false(policy_spares(p, "198.51.101.7"));
	policy_free(p);
}

static void
nothing_is_planned_where_a_finding_has_nothing_to_act_on(void **state)
{
	static const struct react_args nothing = { 0 }, program = { .exe = "/bin/sh" },
				       hash = { .sha256 = "00" };
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct policy *p = policy("[react.any]\nkinds = integrity\nmin_severity = low\n"
				  "reactions = restart, cut, isolate, plugin\nplugin = note\n");

	(void)state;
	assert_int_equal(ask(p, "new_child", "high", "nginx", "", &program, a), 0);
	assert_int_equal(ask(p, "login", "high", "sshd", "", &nothing, a), 0);
	/* restore_file, restart and cut have no path, unit or connection. */
	assert_int_equal(ask(p, "integrity", "high", "", "", &hash, a), 2);
	assert_string_equal(a[0].kind->name, "isolate");
	assert_string_equal(a[1].kind->name, "plugin");
	assert_string_equal(a[1].plugin, "note");
	policy_free(p);
}

static void
a_lifetime_escalates_up_to_its_bound(void **state)
{
	struct policy_answer a = {
		.ttl_us = 10 * MINUTE, .ttl_max_us = 100 * MINUTE, .ttl_factor = 4
	};

	(void)state;
	assert_true(policy_lifetime(&a, 0, true) == 10 * MINUTE);
	assert_true(policy_lifetime(&a, 10 * MINUTE, true) == 40 * MINUTE);
	assert_true(policy_lifetime(&a, 40 * MINUTE - 70000, true) == 100 * MINUTE);
	assert_true(policy_lifetime(&a, 100 * MINUTE, true) == 100 * MINUTE);
	/* Who is still away is not away longer on the next host. */
	assert_true(policy_lifetime(&a, 10 * MINUTE, false) == 10 * MINUTE);
	assert_true(policy_lifetime(&a, 40 * MINUTE, false) == 40 * MINUTE);
	assert_true(policy_lifetime(&a, UINT64_MAX, false) == 100 * MINUTE);
	a.ttl_us = 200 * MINUTE; /* a bound below the first lifetime does not shorten it */
	assert_true(policy_lifetime(&a, 200 * MINUTE, true) == 200 * MINUTE);
	a.ttl_factor = 1;
	a.ttl_us = 10 * MINUTE;
	assert_true(policy_lifetime(&a, 40 * MINUTE, true) == 10 * MINUTE);
	a.ttl_us = 0;
	assert_true(policy_lifetime(&a, 40 * MINUTE, true) == 0);
}

static void
a_rule_with_a_reaction_that_does_not_exist_is_refused(void **state)
{
	static const char text[] = "[react.x]\nkinds = login\nreactions = shout\n";
	struct server_config cfg = { 0 };
	char why[300];

	(void)state;
	assert_int_equal(
	    ds_conf_parse(server_options, &cfg, "x", text, strlen(text), &report, NULL), 0);
	assert_int_equal(server_config_check(&cfg, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "shout"));
	ds_conf_free(server_options, &cfg);
}

static void
arguments_survive_their_journey_as_json(void **state)
{
	const struct react_args args = { .pid = 7,
		.start_us = 1800000000000001,
		.exe = "/bin/\"x\"",
		.address = "::1",
		.port = 8080,
		.protocol = 17,
		.path = "/etc/x",
		.unit = "nginx.service",
		.session = "203.0.113.9",
		.session_pid = 4711 };
	struct react_args back;
	char json[REACT_ARGS_JSON_MAX];

	(void)state;
	assert_int_equal(react_args_put(&args, json, sizeof(json)), 0);
	assert_int_equal(react_args_get(json, &back), 0);
	assert_memory_equal(&args, &back, sizeof(args));
	assert_int_equal(react_args_get("[]", &back), -EINVAL);
	assert_int_equal(react_args_get("{\"pid\":-4,\"port\":99999999999}", &back), 0);
	assert_true(back.pid == 0 && back.port == 0);
}

static void
a_document_gives_process_source_and_file(void **state)
{
	struct react_args args;

	(void)state;
	react_args_of_document(
	    "{\"process\":{\"pid\":12,\"start_us\":5,\"executable\":\"/bin/sh\"},"
	    "\"source\":{\"ip\":\"192.0.2.1\"},\"file\":{\"path\":\"/etc/a\"}}",
	    &args);
	assert_true(args.pid == 12 && args.start_us == 5);
	assert_string_equal(args.exe, "/bin/sh");
	assert_string_equal(args.address, "192.0.2.1");
	assert_string_equal(args.path, "/etc/a");
	react_args_of_document(
	    "{\"path\":\"/etc/b\",\"source\":{\"ip\":\"192.0.2.1\",\"hostile\":false}}", &args);
	assert_string_equal(args.path, "/etc/b");
	assert_string_equal(args.address, ""); /* came in, from a new place: no attacker yet */
	react_args_of_document("nonsense", &args);
	assert_int_equal(args.pid, 0);
	react_args_of_document(NULL, &args);
	assert_int_equal(args.pid, 0);
}

static void
put(struct modes *m, uint32_t host, const char *label, const char *daemon, const char *mode)
{
	const struct mode_row row = { host, label, daemon, mode, "x", 0 };

	assert_int_equal(modes_put(m, &row), 0);
}

static void
the_most_specific_mode_says(void **state)
{
	struct modes *m = modes_new();
	const struct mode_row bad = { 0, "", "", "fierce", "x", 0 };

	(void)state;
	assert_int_equal(modes_of(m, 1, "web", "nginx.service"), REACT_MONITOR);
	put(m, 0, "", "", "active");
	put(m, 0, "web", "", "prevent");
	put(m, 2, "", "", "monitor");
	put(m, 0, "", "sshd*", "monitor");
	assert_int_equal(modes_of(m, 1, "", "nginx.service"), REACT_ACTIVE);
	assert_int_equal(modes_of(m, 1, "eu,web", "nginx.service"), REACT_PREVENT);
	assert_int_equal(modes_of(m, 2, "eu,web", "nginx.service"), REACT_MONITOR);
	assert_int_equal(modes_of(m, 1, "web", "sshd.service"), REACT_MONITOR);
	put(m, 0, "", "", "");
	assert_int_equal(modes_of(m, 1, "", "nginx.service"), REACT_MONITOR);
	put(m, 0, "eu", "", "active"); /* two labels: the more careful one */
	assert_int_equal(modes_of(m, 1, "eu,web", "nginx.service"), REACT_ACTIVE);
	assert_int_equal(modes_put(m, &bad), -EINVAL);
	modes_free(m);
}

static void
a_block_for_one_daemon_is_another_one_than_for_the_host(void **state)
{
	struct policy *p = policy("[react.guessing]\nreach = daemon\n");
	const struct react_kind *block = react_kind_find("block_ip");
	struct policy_answer a[POLICY_ANSWERS_MAX];
	struct react_args own = address, other = address, back;
	char whole[REACT_TARGET_MAX], one[REACT_TARGET_MAX], two[REACT_TARGET_MAX], json[500];

	(void)state;
	assert_int_equal(ask(p, "login", "high", "sshd", "", &address, a), 1);
	assert_int_equal(a[0].reach, DS_REACH_DAEMON);
	react_target(block, &own, whole);
	react_args_reach(block, a[0].reach, "sshd", &own);
	react_args_reach(block, a[0].reach, "nginx.service", &other);
	react_target(block, &own, one);
	react_target(block, &other, two);
	assert_string_equal(one, "ip:192.0.2.9 for sshd");
	assert_string_not_equal(one, whole);
	assert_string_not_equal(one, two);
	assert_int_equal(react_args_put(&own, json, sizeof(json)), 0);
	assert_int_equal(react_args_get(json, &back), 0);
	assert_int_equal(back.reach, DS_REACH_DAEMON);
	/* What is done to a process knows of no reach. */
	own = process;
	react_args_reach(react_kind_find("kill"), DS_REACH_DAEMON, "sshd", &own);
	assert_int_equal(own.reach, DS_REACH_HOST);
	policy_free(p);
}

static void
nobody_blocks_a_host_from_itself_or_from_the_server(void **state)
{
	static const char *const own[] = { "127.0.0.1", "127.9.9.9", "127.0.0.1/32", "::1",
		"::ffff:127.0.0.1", "0.0.0.0", "0.0.0.0/0", "::", "::/0" };
	char why[200] = "";

	(void)state;
	for (size_t i = 0; i < DS_LEN(own); i++) {
		if (!react_is_own(own[i], why, sizeof(why)))
			fail_msg("%s", own[i]);
		assert_memory_equal(why, own[i], strlen(own[i]));
	}
	assert_false(react_is_own("192.0.2.9", why, sizeof(why)));
	assert_false(react_is_own("2001:db8::/64", why, sizeof(why)));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_for_one_daemon_is_another_one_than_for_the_host),
		cmocka_unit_test(the_built_in_rules_kill_shells_and_block_who_guesses),
		cmocka_unit_test(a_section_changes_single_values_of_a_built_in_rule),
		cmocka_unit_test(a_rule_of_ones_own_names_daemons_labels_and_several_reactions),
		cmocka_unit_test(a_rule_and_a_mode_for_nginx_are_for_its_unit),
		cmocka_unit_test(what_lacks_a_part_of_its_target_or_must_be_spared_says_why),
		cmocka_unit_test(nothing_is_planned_where_a_finding_has_nothing_to_act_on),
		cmocka_unit_test(a_lifetime_escalates_up_to_its_bound),
		cmocka_unit_test(a_rule_with_a_reaction_that_does_not_exist_is_refused),
		cmocka_unit_test(arguments_survive_their_journey_as_json),
		cmocka_unit_test(a_document_gives_process_source_and_file),
		cmocka_unit_test(nobody_blocks_a_host_from_itself_or_from_the_server),
		cmocka_unit_test(the_most_specific_mode_says),
	};

	return cmocka_run_group_tests_name("react_policy", tests, NULL, NULL);
}
