/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What decoys taught raises what is strange anyway, and nothing else. */
#include "server/detect/allowance.h"
#include "server/detect/attacks.h"
#include "server/detect/key.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define HONEYPOT 99u

static struct attack
came(const char *address, const char *decoy, uint64_t time_us)
{
	struct attack a = { .time_us = time_us, .host = HONEYPOT, .host_name = "hp1" };
	uint8_t raw[16];
	unsigned size = strchr(address, ':') != NULL ? 16 : 4;

	assert_int_equal(inet_pton(size == 4 ? AF_INET : AF_INET6, address, raw), 1);
	a.id = attack_source(raw, size, a.address);
	snprintf(a.decoy, sizeof(a.decoy), "%s", decoy);
	return a;
}

/* A program that was started on a honeypot. */
static struct attack
started(const char *path, uint64_t time_us)
{
	struct attack a = { .time_us = time_us, .host = HONEYPOT, .host_name = "hp1" };
	struct key key;

	key_of_program((struct ds_str){ path, (uint32_t)strlen(path) }, KEY_CHILD, &key);
	a.id = attack_behaviour(DS_EVENT_EXEC, key.data, key.size);
	return a;
}

static void
know(struct fixture *f, enum attack_sort sort, struct attack a)
{
	struct attacks *all = attacks_new();

	assert_true(attacks_add(all, sort, &a));
	f->cfg.attacks = ds_snapshot_new(attacks_free);
	assert_int_equal(ds_snapshot_publish(f->cfg.attacks, attacks_copy(all)), 0);
	attacks_free(all);
	detect_configure(f->detect, &f->cfg);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(f->cfg.attacks);
	if (f->cfg.allowed != NULL)
		ds_snapshot_free(f->cfg.allowed);
	return fixture_teardown(state);
}

/* ---- what is found */

static void
an_address_that_came_to_a_decoy_is_told_where_it_would_only_have_waited(void **state)
{
	struct fixture *f = *state;
	const struct finding *found;

	fixture_ready_nginx(f);
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us - 7200 * S));
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.114.9", 443), 0);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 1);
	found = only(f, "new_destination", "high");
	assert_true(found->score > 75);
	assert_non_null(
	    strstr(found->reason, "203.0.113.9 came to the decoy ssh on host hp1 2 hours ago"));
}

static void
what_is_told_anyway_weighs_more_for_it(void **state)
{
	struct fixture *f = *state;
	double before;

	ready(f, "app.service", "/opt/app/app");
	know(f, ATTACK_SOURCE, came("203.0.113.9", "", f->now_us));
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "198.51.100.1", 4444), 1);
	before = only(f, "new_destination", "medium")->score;
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "203.0.113.9", 4445), 1);
	assert_true(only(f, "new_destination", "high")->score > before);
	assert_non_null(
	    strstr(f->verdict.findings[0].reason, "203.0.113.9 came to the honeypot hp1 "));
}

static void
a_declared_deployment_explains_no_attackers_address(void **state)
{
	struct fixture *f = *state;
	struct allowances *a = allowances_new();

	ready(f, "app.service", "/opt/app/app");
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us));
	assert_int_equal(allowances_deploy(a, 1, "app", 0, 0, UINT64_MAX), 0);
	allowances_sort(a);
	f->cfg.allowed = ds_snapshot_new(allowances_free);
	assert_int_equal(ds_snapshot_publish(f->cfg.allowed, a), 0);
	detect_configure(f->detect, &f->cfg);
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "198.51.100.1", 4444), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "203.0.113.9", 4445), 1);
	assert_false(only(f, "new_destination", "high")->notice);
}

static void
a_mark_makes_nothing_strange_that_is_normal(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 0);
	fixture_watch(f, NGINX, 100);
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us));
	/* It went there before; and people go where they like. */
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 0);
	fixture_watch(f, SESSION, 20);
	assert_int_equal(net(f, SESSION, DS_EVENT_CONNECT, "/usr/bin/ssh", "203.0.113.9", 22), 0);
}

static void
a_daemon_that_still_learns_does_not_learn_an_attackers_address(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	fixture_send(f);
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us));
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 0);
	assert_false(f->verdict.profiles[0].learnt);
	assert_true(f->verdict.profiles[0].waits);
}

static void
a_mark_ends_by_itself(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us - ATTACK_SOURCE_US));
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 0);
}

static size_t
starts(struct fixture *f, const char *path)
{
	struct ds_event ev = fixture_exec(f, NGINX, path, "/usr/sbin/nginx", path);

	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
what_was_done_on_a_honeypot_weighs_more_elsewhere(void **state)
{
	struct fixture *f = *state;
	double before;

	fixture_ready_nginx(f);
	know(f, ATTACK_BEHAVIOUR, started("/usr/lib/miner", f->now_us));
	assert_int_equal(starts(f, "/usr/lib/other"), 1);
	before = only(f, "new_child", "medium")->score;
	f->now_us += 3600 * S;
	assert_int_equal(starts(f, "/usr/lib/miner"), 1);
	assert_true(only(f, "new_child", "high")->score > before);
	assert_non_null(strstr(f->verdict.findings[0].reason, "the honeypot hp1 showed the same"));
}

static void
a_honeypot_is_no_witness_of_itself(void **state)
{
	struct fixture *f = *state;

	f->from.host = HONEYPOT;
	fixture_ready_nginx(f);
	know(f, ATTACK_BEHAVIOUR, started("/usr/lib/miner", f->now_us));
	assert_int_equal(starts(f, "/usr/lib/miner"), 1);
	only(f, "new_child", "medium");
}

/* Somebody connects to nginx. */
static void
accepts(struct fixture *f, const char *address, uint8_t flags)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_ACCEPT, NGINX);
	uint8_t raw[4];

	assert_int_equal(inet_pton(AF_INET, address, raw), 1);
	ev.flags = flags;
	ev.num[DS_NUM_PROTO] = 6;
	ev.num[DS_NUM_DPORT] = 80;
	ds_event_set_str(&ev, DS_STR_SADDR, raw, 4);
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
}

static void
who_connected_just_before_is_named(void **state)
{
	static const char said[] =
	    "203.0.113.9 came to the decoy ssh on host hp1 2 hours ago, and connected to it just before";
	struct fixture *f = *state;
	double before;

	fixture_ready_nginx(f);
	know(f, ATTACK_SOURCE, came("203.0.113.9", "ssh", f->now_us - 7200 * S));
	accepts(f, "203.0.113.8", 0);
	accepts(f, "203.0.113.9", DS_FLAG_REPEAT); /* only of its network */
	assert_int_equal(starts(f, "/usr/lib/one"), 1);
	before = only(f, "new_child", "medium")->score;
	assert_null(strstr(f->verdict.findings[0].reason, "decoy"));
	accepts(f, "203.0.113.9", 0);
	f->now_us += 59 * S;
	assert_int_equal(starts(f, "/usr/lib/two"), 1);
	assert_true(only(f, "new_child", "medium")->score > before);
	assert_non_null(strstr(f->verdict.findings[0].reason, said));
	f->now_us += 2 * S;
	assert_int_equal(starts(f, "/usr/lib/three"), 1);
	assert_null(strstr(only(f, "new_child", "medium")->reason, "decoy"));
}

static void
a_destination_that_a_visitor_named_only_weighs(void **state)
{
	struct fixture *f = *state;
	double before;

	fixture_ready_nginx(f);
	ready(f, "app.service", "/opt/app/app");
	know(f, ATTACK_NAMED, came("203.0.113.9", "redis", f->now_us));
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 443), 0);
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "198.51.100.1", 4444), 1);
	before = only(f, "new_destination", "medium")->score;
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_CONNECT, "/opt/app/app", "203.0.113.9", 4445), 1);
	assert_true(only(f, "new_destination", "medium")->score > before);
	assert_non_null(strstr(f->verdict.findings[0].reason,
	    "a visitor of the decoy redis on host hp1 named 203.0.113.9 "));
}

/* ---- what visitors say */

static uint64_t
request(const char *text)
{
	return attack_request(text, strlen(text));
}

static void
a_path_is_the_same_at_a_decoy_and_in_a_log(void **state)
{
	static const char *const same[] = {
		"GET /cgi-bin/luci HTTP/1.1",
		"GET /cgi-bin/luci?a=;wget",
		"POST /cgi-bin/luci HTTP/1.0",
		"203.0.113.9 - - [01/Jan/2026:00:00:00 +0000] \"GET /cgi-bin/luci HTTP/1.1\" 404 153",
		"open() \"/srv/cgi-bin/luci\" failed, client: 203.0.113.9, request: \"GET /cgi-bin/luci HTTP/1.1\"",
	};
	static const char *const none[] = { "", "GET", "GET /", "GET / HTTP/1.1",
		"GET /favicon.ico HTTP/1.1", "*1 PING", "user anna: GET lost", "get /x" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(same); i++)
		assert_true(request(same[i]) == request(same[0]));
	assert_true(request(same[0]) != 0);
	assert_true(request("GET /cgi-bin/luc HTTP/1.1") != request(same[0]));
	for (size_t i = 0; i < DS_LEN(none); i++)
		assert_int_equal(request(none[i]), 0);
}

static void
addresses_are_found_in_what_is_said(void **state)
{
	static const char text[] =
	    "x 999.1.1.1 SLAVEOF 203.0.113.7 6379 http://198.51.100.2:80/a 1.2.3 1.2.3.4.5 10.0.0.1";
	static const uint8_t found[][4] = { { 203, 0, 113, 7 }, { 198, 51, 100, 2 },
		{ 10, 0, 0, 1 } };
	uint8_t address[4];
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < DS_LEN(found); i++) {
		assert_true(attack_next_named(text, sizeof(text) - 1, &at, address));
		assert_memory_equal(address, found[i], 4);
	}
	assert_false(attack_next_named(text, sizeof(text) - 1, &at, address));
}

/* ---- what is kept */

static void
no_address_that_means_another_machine_on_each_host_is_kept(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1",
		"255.255.255.255", "::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1" };

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		assert_int_equal(came(addresses[i], "ssh", 1).id, 0);
	assert_true(came("10.1.2.3", "ssh", 1).id != 0);
	/* The same machine, however it is written; a network of IPv6 is one machine. */
	assert_true(came("::ffff:10.1.2.3", "", 1).id == came("10.1.2.3", "", 1).id);
	assert_true(came("2001:db8::1", "", 1).id == came("2001:db8::2", "", 1).id);
	assert_true(came("2001:db8:0:1::1", "", 1).id != came("2001:db8::1", "", 1).id);
}

static void
what_an_ordinary_host_does_is_no_attack_before_or_after(void **state)
{
	struct attacks *a = attacks_new();
	struct attack curl = started("/usr/bin/curl", BASE_US),
		      wget = started("/usr/bin/wget", BASE_US);

	(void)state;
	assert_false(attacks_habit(a, curl.id));
	assert_false(attacks_add(a, ATTACK_BEHAVIOUR, &curl));
	assert_true(attacks_add(a, ATTACK_BEHAVIOUR, &wget));
	assert_non_null(attacks_find(a, ATTACK_BEHAVIOUR, wget.id, BASE_US));
	assert_true(attacks_habit(a, wget.id));
	assert_null(attacks_find(a, ATTACK_BEHAVIOUR, wget.id, BASE_US));
	attacks_forget_habits(a);
	assert_true(attacks_add(a, ATTACK_BEHAVIOUR, &curl));
	attacks_free(a);
}

static void
listeners_privileges_and_sockets_of_the_host_are_no_attack(void **state)
{
	static const uint8_t unix_socket[] = "=unix /run/x", port[] = "=tcp port 22",
			     loop[] = "=tcp 127.0.0.0/24 port 1", net[] = "=tcp 10.0.0.0/24 port 1";

	(void)state;
	assert_int_equal(
	    attack_behaviour(DS_EVENT_CONNECT, unix_socket, sizeof(unix_socket) - 1), 0);
	assert_int_equal(attack_behaviour(DS_EVENT_LISTEN, port, sizeof(port) - 1), 0);
	assert_int_equal(attack_behaviour(DS_EVENT_CONNECT, loop, sizeof(loop) - 1), 0);
	assert_int_equal(attack_behaviour(DS_EVENT_SETUID, (const uint8_t *)"=0", 2), 0);
	assert_int_equal(attack_behaviour(DS_EVENT_EXEC, (const uint8_t *)"m/x", 3), 0);
	assert_true(attack_behaviour(DS_EVENT_CONNECT, net, sizeof(net) - 1) != 0);
}

static void
the_longest_unheard_of_goes_first(void **state)
{
	struct attacks *a = attacks_new();
	size_t len;

	(void)state;
	for (uint32_t i = 0; i < ATTACK_SOURCES_MAX + 100; i++) {
		uint8_t raw[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		struct attack one = { .time_us = BASE_US + i };

		one.id = attack_source(raw, 4, one.address);
		assert_true(attacks_add(a, ATTACK_SOURCE, &one));
	}
	(void)attacks_list(a, ATTACK_SOURCE, &len);
	assert_int_equal(len, ATTACK_SOURCES_MAX);
	assert_null(attacks_find(a, ATTACK_SOURCE, came("10.0.0.99", "", 0).id, BASE_US + 1000000));
	assert_non_null(
	    attacks_find(a, ATTACK_SOURCE, came("10.0.0.100", "", 0).id, BASE_US + 1000000));
	attacks_free(a);
}

static void
what_is_known_comes_back_from_the_store_and_rubbish_does_not(void **state)
{
	struct attacks *a = attacks_new(), *b = attacks_new();
	struct attack one = came("203.0.113.9", "ssh", BASE_US), two = started("/x", BASE_US);
	const struct attack *found;
	struct ds_buf data, view;
	size_t len;

	(void)state;
	assert_true(attacks_add(a, ATTACK_SOURCE, &one));
	assert_true(attacks_add(a, ATTACK_BEHAVIOUR, &two));
	ds_buf_init(&data, 1u << 20);
	assert_int_equal(attacks_pack(a, &data), 0);
	/* What a server before wrote ends with the second sort. */
	for (size_t i = 0; i < data.len - 2; i++) {
		ds_buf_view(&view, data.data, i);
		assert_true(attacks_unpack(b, &view) < 0);
		(void)attacks_list(b, ATTACK_SOURCE, &len);
		assert_int_equal(len, 0);
	}
	ds_buf_view(&view, data.data, data.len - 2);
	assert_int_equal(attacks_unpack(b, &view), 0);
	ds_buf_clear(&data);
	assert_true(attacks_add(a, ATTACK_REQUEST, &two));
	assert_true(attacks_add(a, ATTACK_NAMED, &one));
	assert_int_equal(attacks_pack(a, &data), 0);
	ds_buf_view(&view, data.data, data.len);
	assert_int_equal(attacks_unpack(b, &view), 0);
	assert_non_null(attacks_find(b, ATTACK_REQUEST, two.id, BASE_US));
	assert_non_null(attacks_find(b, ATTACK_NAMED, one.id, BASE_US));
	found = attacks_find(b, ATTACK_SOURCE, one.id, BASE_US);
	assert_non_null(found);
	assert_string_equal(found->decoy, "ssh");
	assert_string_equal(found->host_name, "hp1");
	assert_memory_equal(found->address, one.address, 16);
	assert_non_null(attacks_find(b, ATTACK_BEHAVIOUR, two.id, BASE_US));
	ds_buf_done(&data);
	attacks_free(a);
	attacks_free(b);
}

#define FOUND(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FOUND(an_address_that_came_to_a_decoy_is_told_where_it_would_only_have_waited),
		FOUND(what_is_told_anyway_weighs_more_for_it),
		FOUND(a_declared_deployment_explains_no_attackers_address),
		FOUND(a_mark_makes_nothing_strange_that_is_normal),
		FOUND(a_daemon_that_still_learns_does_not_learn_an_attackers_address),
		FOUND(a_mark_ends_by_itself),
		FOUND(what_was_done_on_a_honeypot_weighs_more_elsewhere),
		FOUND(a_honeypot_is_no_witness_of_itself),
		FOUND(who_connected_just_before_is_named),
		FOUND(a_destination_that_a_visitor_named_only_weighs),
		cmocka_unit_test(a_path_is_the_same_at_a_decoy_and_in_a_log),
		cmocka_unit_test(addresses_are_found_in_what_is_said),
		cmocka_unit_test(no_address_that_means_another_machine_on_each_host_is_kept),
		cmocka_unit_test(what_an_ordinary_host_does_is_no_attack_before_or_after),
		cmocka_unit_test(listeners_privileges_and_sockets_of_the_host_are_no_attack),
		cmocka_unit_test(the_longest_unheard_of_goes_first),
		cmocka_unit_test(what_is_known_comes_back_from_the_store_and_rubbish_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
