/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/key.h"
#include "server/detect/login_say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S    1000000ull
#define HOUR (3600 * S)
#define DAY  (24 * HOUR)

struct fixture {
	struct login_model *model;
	uint64_t now_us;
	uint32_t host;
	uint16_t port; /* of the next logins; 0: not said */
	unsigned found[LOGIN_FINDINGS], all, hostile;
	struct login_found last;
	char last_source[46];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->model = login_model_new(NULL);
	f->now_us = 1700000000ull * S;
	f->host = 3;
	*state = f;
	return f->model != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	login_model_free(f->model);
	free(f);
	return 0;
}

static void
tell(const struct login_found *found, void *ctx)
{
	struct fixture *f = ctx;
	struct finding finding;
	json_t *doc;

	f->found[found->what]++;
	f->all++;
	f->hostile += found->of_source;
	f->last = *found;
	snprintf(f->last_source, sizeof(f->last_source), "%s", found->source);
	/* Whatever is found can be said. */
	assert_int_equal(login_say(found, &finding), 0);
	doc = json_loads(finding.json, 0, NULL);
	assert_non_null(doc);
	assert_true(json_array_size(json_object_get(doc, "explanation")) >= 2);
	assert_true(json_array_size(json_object_get(doc, "threat")) >= 1);
	if (found->source[0] != '\0')
		assert_string_equal(
		    json_string_value(json_object_get(json_object_get(doc, "source"), "ip")),
		    found->source);
	assert_true(strlen(finding.reason) > 20 && strlen(finding.title) > 5);
	json_decref(doc);
	free(finding.json);
}

static int
login(struct fixture *f, const char *user, const char *address, const char *method, bool success)
{
	struct login_event ev = { .host = f->host,
		.host_name = "web1",
		.daemon = "ssh.service",
		.user = user,
		.method = method,
		.success = success,
		.count = 1,
		.port = f->port,
		.time_us = f->now_us };

	if (address[0] != '\0') {
		assert_int_equal(inet_pton(AF_INET, address, ev.address), 1);
		ev.address_size = 4;
	}
	return login_model_take(f->model, &ev, tell, f);
}

static void
fails(struct fixture *f, const char *user, const char *address, unsigned n, uint64_t every_us)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(login(f, user, address, "password", false), 0);
		f->now_us += every_us;
	}
}

/* People who come in every day, for a month. */
static void
everyday(struct fixture *f)
{
	static const struct {
		const char *user, *address;
	} people[] = { { "ann", "10.1.1.5" }, { "bob", "10.1.1.6" }, { "eve", "10.1.2.7" },
		{ "ann", "84.12.7.3" } };

	for (int day = 0; day < 30; day++) {
		for (size_t i = 0; i < sizeof(people) / sizeof(*people); i++)
			assert_true(
			    login(f, people[i].user, people[i].address, "publickey", true) >= 0);
		f->now_us += DAY;
	}
	assert_int_equal(f->all, 0);
}

static void
one_source_that_guesses_is_told_within_seconds_and_seldom_after(void **state)
{
	struct fixture *f = *state;
	uint64_t begun = f->now_us;

	everyday(f);
	begun = f->now_us;
	fails(f, "root", "203.0.113.9", 9, S / 2);
	assert_int_equal(f->found[LOGIN_GUESSING], 1);
	/* No person types that fast: the fourth tells. */
	assert_true(f->last.time_us - begun <= 3 * S / 2);
	assert_string_equal(f->last_source, "203.0.113.9");
	assert_true(f->last.expires_us > f->now_us);
	fails(f, "root", "203.0.113.9", 10, S / 2);
	assert_int_equal(f->all, 1);
	/* After ten seconds, twenty more, forty more: some dozen times a day, whatever it tries. */
	fails(f, "root", "203.0.113.9", 1000, S / 2);
	assert_int_equal(f->all, 6);
	fails(f, "root", "203.0.113.9", 8000, 10 * S);
	assert_in_range(f->all, 11, 15);
	assert_true(
	    login_model_is_hostile(f->model, (const uint8_t *)"\xcb\0\x71\x09", 4, f->now_us));
	assert_false(login_model_is_hostile(
	    f->model, (const uint8_t *)"\xcb\0\x71\x09", 4, f->now_us + 2 * DAY));
}

static void
who_comes_again_after_a_ban_or_on_another_host_is_told_again(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	fails(f, "root", "203.0.113.9", 9, S / 2);
	assert_int_equal(f->all, 1);
	f->host++;
	fails(f, "root", "203.0.113.9", 9, S / 2);
	assert_int_equal(f->all, 2);
	f->now_us += 600 * S; /* the ban is over */
	fails(f, "root", "203.0.113.9", 9, S / 2);
	assert_int_equal(f->all, 3);
	f->now_us += 2400 * S; /* and the next */
	fails(f, "root", "203.0.113.9", 9, S / 2);
	assert_int_equal(f->all, 4);
}

static void
what_is_said_of_one_try_besides_it_is_no_further_try(void **state)
{
	static const char *const said[] = { "invalid user", "password", "closed" };
	struct fixture *f = *state;
	unsigned tries = 0;

	everyday(f);
	/* Connection after connection; the alert comes with the fourth try and counts tries. */
	while (f->all == 0 && tries < 20) {
		f->port = (uint16_t)(40000 + tries++);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(login(f, "ann", "203.0.113.9", said[i], false), 0);
		f->now_us += S / 2;
	}
	assert_int_equal(tries, 4);
	assert_int_equal(f->last.failures, 4);
	/* Two connections side by side, whose lines come one between the other. */
	login_model_renew(f->model);
	for (unsigned i = 0; i < 2; i++)
		for (f->port = 50000; f->port < 50003; f->port++)
			assert_int_equal(
			    login(f, "eve", "198.51.100.7", i ? "closed" : "password", false), 0);
	assert_int_equal(f->all, 1);
	/* A fourth. */
	f->port = 50003;
	assert_int_equal(login(f, "eve", "198.51.100.7", "password", false), 0);
	assert_int_equal(f->all, 2);
	assert_int_equal(f->last.failures, 4);
}

static void
who_goes_on_after_somebody_closed_the_alert_is_told_at_once(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	fails(f, "root", "203.0.113.9", 9, S);
	assert_int_equal(f->found[LOGIN_GUESSING], 1);
	login_model_renew(f->model);
	fails(f, "root", "203.0.113.9", 9, S);
	assert_int_equal(f->found[LOGIN_GUESSING], 2);
}

static void
three_tries_of_one_connection_and_three_of_the_next_are_a_persons(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	fails(f, "ann", "203.0.113.9", 3, S);
	f->now_us += 10 * S;
	fails(f, "ann", "203.0.113.9", 3, S);
	assert_int_equal(f->all, 0);
}

static void
who_mistypes_or_forgets_is_nobody_to_worry_about(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	fails(f, "ann", "10.1.1.5", 3, 2 * S);
	login(f, "ann", "10.1.1.5", "password", true);
	fails(f, "bob", "10.1.1.6", 20, 10 * S); /* a forgotten password, in the office */
	login(f, "bob", "10.1.1.6", "password", true);
	fails(f, "eve", "198.51.7.7", 6, 5 * S); /* in a hotel */
	login(f, "eve", "198.51.7.7", "password", true);
	fails(f, "ane", "10.1.1.5", 4, 2 * S); /* a name mistyped */
	assert_int_equal(f->hostile, 0);
	assert_int_equal(f->found[LOGIN_AFTER], 0);
}

static void
an_office_behind_one_address_is_no_sprayer(void **state)
{
	struct fixture *f = *state;
	char user[16];

	everyday(f);
	for (int i = 0; i < 9; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		fails(f, user, "10.1.1.5", 2, 20 * S);
		login(f, user, "10.1.1.5", "password", true);
	}
	assert_int_equal(f->all, 0);
}

static void
slow_spraying_is_told(void **state)
{
	static const char *const users[] = { "root", "admin", "oracle" };
	struct fixture *f = *state;

	everyday(f);
	for (int i = 0; i < 3; i++)
		fails(f, users[i], "203.0.113.9", 1, 2 * HOUR);
	assert_int_equal(f->hostile, 2); /* and told again as it goes on */
}

static void
many_sources_that_try_one_account_are_all_told(void **state)
{
	struct fixture *f = *state;
	char address[32];

	everyday(f);
	for (int i = 0; i < 10; i++) {
		snprintf(address, sizeof(address), "%d.7.0.1", 101 + i);
		fails(f, "admin", address, 1, HOUR);
	}
	assert_int_equal(f->found[LOGIN_TOGETHER], 10);
	/* And one who then comes in is nobody's colleague. */
	login(f, "admin", "120.7.0.1", "password", true);
	assert_int_equal(f->found[LOGIN_AFTER], 1);
}

static void
sources_that_try_what_nobody_has_are_told_when_they_are_many(void **state)
{
	struct fixture *f = *state;
	char user[16], address[32];

	everyday(f);
	for (int i = 0; i < 9; i++) {
		snprintf(user, sizeof(user), "nobody%d", i);
		snprintf(address, sizeof(address), "%d.7.0.1", 101 + i);
		fails(f, user, address, 1, HOUR);
		/* One of them came in after all. */
		if (i == 4)
			login(f, "eve", address, "publickey", true);
		login_model_tick(f->model, f->now_us, tell, f);
	}
	assert_int_equal(f->found[LOGIN_PROBING], 8);
}

static void
a_success_after_guessing_anywhere_is_critical(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	fails(f, "ann", "203.0.113.9", 9, S);
	f->host = 4;
	login(f, "ann", "203.0.113.9", "password", true);
	assert_int_equal(f->found[LOGIN_AFTER], 1);
	assert_string_equal(f->last.severity, "critical");
	assert_int_equal(f->last.host, 4);
}

static void
a_known_account_from_elsewhere_is_told_if_it_has_habits(void **state)
{
	struct fixture *f = *state;
	char address[32];

	everyday(f);
	login(f, "bob", "198.51.100.7", "publickey", true);
	assert_int_equal(f->found[LOGIN_FROM], 1);
	/* Told, so not learnt: the second time is told as well. */
	f->now_us += 2 * DAY;
	login(f, "bob", "198.51.100.7", "publickey", true);
	assert_int_equal(f->found[LOGIN_FROM], 2);
	/* Once a person says it is he: normal. */
	login_model_known(f->model, "bob", "198.51.0.0/16", 2, f->now_us, f->now_us);
	login(f, "bob", "198.51.100.8", "publickey", true);
	assert_int_equal(f->found[LOGIN_FROM], 2);
	/* Who travels all the time has no habits. */
	for (int i = 0; i < 12; i++) {
		snprintf(address, sizeof(address), "%d.9.0.1", 101 + i);
		login_model_known(f->model, "max", address, 1, f->now_us, f->now_us);
	}
	login(f, "max", "150.1.1.1", "publickey", true);
	assert_int_equal(f->found[LOGIN_FROM], 2);
}

static void
a_new_colleague_in_the_office_is_welcome_and_a_stranger_is_told(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	login(f, "newbie", "10.1.1.9", "publickey", true);
	assert_int_equal(f->all, 0);
	login(f, "support", "198.51.100.7", "password", true);
	assert_int_equal(f->found[LOGIN_FIRST], 1);
}

static void
su_and_sudo_are_told_when_somebody_guesses(void **state)
{
	struct fixture *f = *state;

	fails(f, "root", "", 3, 5 * S);
	assert_int_equal(f->all, 0);
	fails(f, "root", "", 10, S);
	assert_int_equal(f->all, 1);
	assert_string_equal(f->last_source, "");
}

static void
a_million_sources_stay_bounded(void **state)
{
	struct fixture *f = *state;
	struct login_event ev = { .host = 1,
		.host_name = "h",
		.daemon = "d",
		.method = "password",
		.address_size = 4,
		.count = 1 };
	char user[32];

	for (uint32_t i = 0; i < 300000; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		ev.user = user;
		ev.time_us = f->now_us + i * 1000;
		memcpy(ev.address, &i, 4);
		assert_int_equal(login_model_take(f->model, &ev, tell, f), 0);
	}
	assert_false(login_model_is_hostile(f->model, (const uint8_t *)"\0\0\0\0", 4, 0));
}

static void
a_key_is_read_back(void **state)
{
	char user[LOGIN_NAME_MAX + 1], network[64];
	struct key key;

	(void)state;
	login_key("a b", "10.0.0.0/24", &key);
	assert_true(login_key_read(key.data, key.size, user, network));
	assert_string_equal(user, "a b");
	assert_string_equal(network, "10.0.0.0/24");
	assert_false(login_key_read((const uint8_t *)"=x", 2, user, network));
	assert_false(login_key_read((const uint8_t *)"", 0, user, network));
}

static void
an_hour_unlike_those_of_other_days_is_told(void **state)
{
	struct fixture *f = *state;
	char user[24], address[32];

	everyday(f);
	for (int hour = 0; hour < 24 * 6; hour++) {
		snprintf(user, sizeof(user), "n%d", hour);
		snprintf(address, sizeof(address), "%d.%d.0.1", 101 + hour % 50, hour / 50);
		fails(f, user, address, 1, HOUR);
	}
	assert_int_equal(f->found[LOGIN_BURST], 0);
	for (int i = 0; i < 400; i++) {
		snprintf(user, sizeof(user), "m%d", i);
		snprintf(address, sizeof(address), "%d.%d.0.1", 20 + i % 60, 100 + i / 60);
		fails(f, user, address, 1, S);
	}
	f->now_us += HOUR;
	fails(f, "x", "99.1.1.1", 1, HOUR);
	assert_int_equal(f->found[LOGIN_BURST], 1);
}

/* ---- decoys */

static void
visits(struct fixture *f, const char *user, const char *address, const char *wanted)
{
	struct login_event ev = { .host = f->host,
		.host_name = "web1",
		.daemon = "daemonsec",
		.user = user,
		.method = "redis",
		.wanted = wanted,
		.decoy = true,
		.address_size = 4,
		.count = 1,
		.time_us = f->now_us };

	assert_int_equal(inet_pton(AF_INET, address, ev.address), 1);
	assert_int_equal(login_model_take(f->model, &ev, tell, f), 0);
	f->now_us += S;
}

static bool
is_hostile(struct fixture *f, const char *address)
{
	uint8_t a[16] = { 0 };

	assert_int_equal(inet_pton(AF_INET, address, a), 1);
	return login_model_is_hostile(f->model, a, 4, f->now_us);
}

static void
who_came_to_a_decoy_before_a_restart_is_hostile_still(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 203, 0, 113, 7 };
	struct fixture *f = *state;

	everyday(f);
	login_model_hostile(f->model, mapped, f->now_us - DAY / 2);
	assert_true(is_hostile(f, "203.0.113.7"));
	assert_int_equal(login(f, "ann", "203.0.113.7", "password", true), 0);
	assert_int_equal(f->found[LOGIN_AFTER], 1);
	f->now_us += 3 * DAY;
	assert_false(is_hostile(f, "203.0.113.7"));
}

static void
a_stranger_at_a_decoy_is_hostile_everywhere_and_told_again_when_he_shows_what_he_wants(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	visits(f, "", "203.0.113.9", "");
	assert_int_equal(f->found[LOGIN_DECOY], 1);
	assert_string_equal(f->last.severity, "low");
	assert_true(is_hostile(f, "203.0.113.9"));
	visits(f, "", "203.0.113.9", "CONFIG SET dir /root/.ssh");
	visits(f, "", "203.0.113.9", "SAVE");
	visits(f, "", "203.0.113.9", "");
	assert_int_equal(f->found[LOGIN_DECOY], 2);
	assert_string_equal(f->last.severity, "medium");
	assert_true(f->last.expires_us > 0);

	f->host = 7;
	assert_int_equal(login(f, "ann", "203.0.113.9", "publickey", true), 0);
	assert_int_equal(f->found[LOGIN_AFTER], 1);
	assert_string_equal(f->last.severity, "critical");
}

static void
somebody_at_work_who_mistypes_a_port_is_not_hostile_until_he_goes_on(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	visits(f, "", "10.1.1.5", "");
	visits(f, "ann", "10.1.1.5", "");
	assert_int_equal(f->found[LOGIN_DECOY], 1);
	assert_string_equal(f->last.severity, "low");
	assert_int_equal(f->last.expires_us, 0);
	assert_false(is_hostile(f, "10.1.1.5"));
	visits(f, "root", "10.1.1.5", "");
	visits(f, "admin", "10.1.1.5", "");
	assert_int_equal(f->found[LOGIN_DECOY], 2);
	assert_string_equal(f->last.severity, "medium");
	assert_true(is_hostile(f, "10.1.1.5"));
}

static void
what_happens_at_decoys_is_never_part_of_what_is_normal(void **state)
{
	struct fixture *f = *state;

	everyday(f);
	for (int i = 0; i < 100; i++)
		visits(f, "zoe", "203.0.113.9", "in");
	assert_false(login(f, "zoe", "203.0.113.200", "publickey", true) > 0);
	assert_int_equal(f->found[LOGIN_FIRST], 1);
	assert_int_equal(f->found[LOGIN_BURST], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_came_to_a_decoy_before_a_restart_is_hostile_still),
		TEST(one_source_that_guesses_is_told_within_seconds_and_seldom_after),
		TEST(what_is_said_of_one_try_besides_it_is_no_further_try),
		TEST(who_comes_again_after_a_ban_or_on_another_host_is_told_again),
		TEST(who_goes_on_after_somebody_closed_the_alert_is_told_at_once),
		TEST(three_tries_of_one_connection_and_three_of_the_next_are_a_persons),
		TEST(who_mistypes_or_forgets_is_nobody_to_worry_about),
		TEST(an_office_behind_one_address_is_no_sprayer),
		TEST(slow_spraying_is_told),
		TEST(many_sources_that_try_one_account_are_all_told),
		TEST(sources_that_try_what_nobody_has_are_told_when_they_are_many),
		TEST(a_success_after_guessing_anywhere_is_critical),
		TEST(a_known_account_from_elsewhere_is_told_if_it_has_habits),
		TEST(a_new_colleague_in_the_office_is_welcome_and_a_stranger_is_told),
		TEST(su_and_sudo_are_told_when_somebody_guesses),
		TEST(a_million_sources_stay_bounded),
		TEST(a_key_is_read_back),
		TEST(an_hour_unlike_those_of_other_days_is_told),
		TEST(
		    a_stranger_at_a_decoy_is_hostile_everywhere_and_told_again_when_he_shows_what_he_wants),
		TEST(somebody_at_work_who_mistypes_a_port_is_not_hostile_until_he_goes_on),
		TEST(what_happens_at_decoys_is_never_part_of_what_is_normal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
