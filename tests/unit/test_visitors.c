/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Common ports that are told all the same, and which are not. */
#include "server/detect/visitors.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APP "app.service"
#define EXE "/opt/app/app"

/* nginx takes a connection. */
static void
visit(struct fixture *f, const char *address)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_ACCEPT, NGINX);
	uint8_t raw[16];
	unsigned size = strchr(address, ':') != NULL ? 16 : 4;

	assert_int_equal(inet_pton(size == 4 ? AF_INET : AF_INET6, address, raw), 1);
	ev.num[DS_NUM_PID] = 77;
	ev.num[DS_NUM_PROTO] = 6;
	ev.num[DS_NUM_DPORT] = 443;
	set(&ev, DS_STR_EXE, "/usr/sbin/nginx");
	ds_event_set_str(&ev, DS_STR_SADDR, raw, size);
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
}

static size_t
connected(struct fixture *f, const char *address, unsigned port)
{
	return net(f, APP, DS_EVENT_CONNECT, EXE, address, port);
}

static void
who_came_just_before_is_told_on_any_port(void **state)
{
	struct fixture *f = *state;
	const struct finding *found;

	fixture_ready_nginx(f);
	ready(f, APP, EXE);
	visit(f, "203.0.113.9");
	f->now_us += 60 * S;
	assert_int_equal(connected(f, "203.0.114.9", 443), 0);
	assert_int_equal(connected(f, "203.0.113.9", 443), 1);
	found = only(f, "new_destination", "medium");
	assert_string_equal(found->title,
	    "app connected to 203.0.113.9:443, which had just connected to this host");
	assert_non_null(strstr(found->reason, "had connected to this host just before"));
	assert_non_null(strstr(found->json, "T1071"));
	/* The same again is one more of it. */
	assert_int_equal(connected(f, "203.0.113.9", 443), 1);
}

static void
a_visit_of_long_ago_and_one_from_within_the_site_are_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	ready(f, APP, EXE);
	visit(f, "203.0.113.9");
	visit(f, "10.1.2.3");
	assert_int_equal(connected(f, "10.1.2.3", 443), 0);
	f->now_us += VISITORS_US + S;
	assert_int_equal(connected(f, "203.0.113.9", 443), 0);
}

static void
those_who_talk_both_ways_and_proxies_may_answer(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	fixture_declare(f, APP, "service", EXE, "1", 1);
	assert_int_equal(net(f, APP, DS_EVENT_LISTEN, EXE, "0.0.0.0", 25), 0);
	fixture_watch(f, APP, 100);
	visit(f, "203.0.113.9");
	assert_int_equal(connected(f, "203.0.113.9", 25), 0);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "203.0.113.9", 80), 0);
}

static void
visits_are_bounded_and_those_of_ipv6_count(void **state)
{
	uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	struct visitors *v = NULL;
	unsigned known = 0;

	(void)state;
	assert_false(visitors_has(v, address, 16, S));
	for (unsigned i = 0; i < 10000; i++) {
		address[6] = (uint8_t)(i >> 8);
		address[7] = (uint8_t)i;
		visitors_note(&v, address, 16, BASE_US + i);
		assert_true(visitors_has(v, address, 16, BASE_US + i));
	}
	for (unsigned i = 0; i < 10000; i++) {
		address[6] = (uint8_t)(i >> 8);
		address[7] = (uint8_t)i;
		known += visitors_has(v, address, 16, BASE_US + 20000);
	}
	assert_in_range(known, 1, VISITORS_PLACES);
	free(v);
}

static void
the_first_address_of_the_outside_after_a_day_is_told(void **state)
{
	struct fixture *f = *state;

	ready(f, APP, EXE);
	assert_int_equal(connected(f, "10.1.2.3", 5432), 0);
	f->now_us += DAY;
	fixture_watch(f, APP, 30);
	/* Names and the time are asked of whom the host is told to. */
	assert_int_equal(connected(f, "203.0.113.53", 53), 0);
	assert_int_equal(connected(f, "203.0.113.53", 123), 0);
	assert_int_equal(connected(f, "10.7.7.7", 443), 0);
	assert_int_equal(connected(f, "203.0.113.9", 443), 1);
	assert_non_null(strstr(
	    only(f, "new_destination", "medium")->reason, "the first address outside of the site"));
}

static void
who_has_business_outside_goes_on(void **state)
{
	struct fixture *f = *state;

	fixture_declare(f, APP, "service", EXE, "1", 1);
	assert_int_equal(connected(f, "203.0.113.9", 443), 0);
	fixture_watch(f, APP, 100);
	f->now_us += DAY;
	fixture_watch(f, APP, 30);
	assert_int_equal(connected(f, "198.51.100.1", 443), 0);
	assert_int_equal(connected(f, "198.51.100.1", 80), 0);
}

/* What it began with is not learnt until other days show it. */
static void
who_began_on_the_first_day_has_business_outside(void **state)
{
	struct fixture *f = *state;

	ready(f, APP, EXE);
	assert_int_equal(connected(f, "203.0.113.9", 443), 0);
	assert_true(f->verdict.profiles[0].waits);
	f->now_us += DAY;
	fixture_watch(f, APP, 30);
	assert_int_equal(connected(f, "198.51.100.1", 443), 0);
	assert_int_equal(connected(f, "192.0.2.1", 80), 0);
}

static void
several_new_ports_within_minutes_are_told(void **state)
{
	static const unsigned ports[] = { 22, 80, 443, 3306, 5432 };
	struct fixture *f = *state;

	ready(f, APP, EXE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(connected(f, "10.1.2.3", ports[i]), 0);
	assert_int_equal(connected(f, "10.1.9.3", ports[3]), 0); /* a port that was counted */
	assert_int_equal(connected(f, "10.1.2.3", ports[4]), 1);
	assert_non_null(strstr(only(f, "new_destination", "medium")->reason, "several ports"));
}

static void
several_new_ports_over_an_hour_are_not_told(void **state)
{
	static const unsigned ports[] = { 22, 80, 443, 3306, 5432, 6379, 8080 };
	struct fixture *f = *state;

	ready(f, APP, EXE);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(connected(f, "10.1.2.3", ports[i]), 0);
		f->now_us += 180 * S;
	}
}

static void
who_connects_to_ports_of_all_sorts_may_go_on(void **state)
{
	struct fixture *f = *state;
	char address[32];

	fixture_declare(f, APP, "service", EXE, "1", 1);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(address, sizeof(address), "10.%u.1.1", i);
		assert_int_equal(connected(f, address, 40000 + i * 7), 0);
	}
	fixture_watch(f, APP, 100);
	assert_int_equal(connected(f, "10.99.1.1", 51413), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_came_just_before_is_told_on_any_port),
		TEST(a_visit_of_long_ago_and_one_from_within_the_site_are_nothing),
		TEST(those_who_talk_both_ways_and_proxies_may_answer),
		TEST(visits_are_bounded_and_those_of_ipv6_count),
		TEST(the_first_address_of_the_outside_after_a_day_is_told),
		TEST(who_has_business_outside_goes_on),
		TEST(who_began_on_the_first_day_has_business_outside),
		TEST(several_new_ports_within_minutes_are_told),
		TEST(several_new_ports_over_an_hour_are_not_told),
		TEST(who_connects_to_ports_of_all_sorts_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
