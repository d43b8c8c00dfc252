/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What agents say of themselves. */
#include "server/store/model_state.h"
#include "tests/unit/detect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define NGINX "nginx.service"

/* What was said of its silence ends: that it stops is an alert of its own. */
static void
assert_calm(struct fixture *f)
{
	assert_int_equal(fixture_send(f), 2);
	assert_true(f->verdict.findings[0].closes);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(f->verdict.findings[i].group, "agent_silent:7");
	assert_false(f->verdict.findings[1].closes);
	assert_string_equal(f->verdict.findings[1].severity, "low");
}

static void
agents_come_and_go_calmly(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = fixture_event(f, DS_EVENT_AGENT_START, "");

	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	f->now_us += 5 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_STOP, "");
	fixture_add(f, &ev);
	assert_calm(f);
	f->now_us += 5 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_START, "");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_true(f->verdict.findings[0].closes);
	f->now_us += 5 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_START, "");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 2);
	assert_string_equal(f->verdict.findings[0].kind, "blind");
	assert_string_equal(f->verdict.findings[0].severity, "low");
}

static void
an_agent_that_is_set_up_is_started_anew_without_an_alert(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = fixture_event(f, DS_EVENT_AGENT_START, "");

	f->from.enrolled_us = f->now_us + 7 * S;
	fixture_add(f, &ev);
	f->now_us += 5 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_STOP, "");
	fixture_add(f, &ev);
	f->now_us += S;
	ev = fixture_event(f, DS_EVENT_AGENT_START, "");
	fixture_add(f, &ev);
	fixture_send(f);
	for (size_t i = 0; i < f->verdict.findings_len; i++)
		assert_true(f->verdict.findings[i].closes);
	f->now_us += 5 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_START, ""); /* killed */
	fixture_add(f, &ev);
	fixture_send(f);
	assert_string_equal(f->verdict.findings[0].kind, "blind");
	f->now_us += S;
	ev = fixture_event(f, DS_EVENT_AGENT_STOP, "");
	fixture_add(f, &ev);
	assert_calm(f);
}

/* A server that remembers no more than what is stored. */
static void
a_server_that_was_away_meanwhile_knows_that_it_stopped(void **state)
{
	const struct daemon_row nginx = { .host = 7, .name = NGINX, .last_seen_us = BASE_US };
	struct fixture *f = *state;
	struct model_state_row row;
	struct ds_event ev = fixture_event(f, DS_EVENT_AGENT_STOP, "");
	uint8_t stored[1];

	fixture_add(f, &ev);
	fixture_send(f);
	assert_int_equal(f->verdict.states_len, 1);
	row = f->verdict.states[0];
	assert_int_equal(row.size, 1);
	memcpy(stored, row.data, 1);
	row.data = stored;
	row.name = "stopped";
	detect_free(f->detect);
	f->detect = detect_new(&f->cfg);
	assert_int_equal(detect_restore_daemon(f->detect, &nginx), 0);
	assert_int_equal(detect_restore_state(f->detect, &row), 0);
	f->now_us += 3600 * S;
	ev = fixture_event(f, DS_EVENT_AGENT_START, "");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_true(f->verdict.findings[0].closes);
	assert_int_equal(f->verdict.states[0].size, 1);
	assert_int_equal(*(const uint8_t *)f->verdict.states[0].data, 0);
}

static void
what_an_agent_says_of_itself_is_no_daemon(void **state)
{
	static const uint8_t kinds[] = { DS_EVENT_AGENT_START, DS_EVENT_AGENT_COST, DS_EVENT_GAP,
		DS_EVENT_AGENT_STOP, DS_EVENT_DECOY };
	struct fixture *f = *state;
	struct ds_event ev;

	for (size_t i = 0; i < DS_LEN(kinds); i++) {
		ev = fixture_event(f, kinds[i], "daemonsec");
		fixture_add(f, &ev);
	}
	fixture_send(f);
	assert_int_equal(f->verdict.daemons_len, 0);
	ev = fixture_exec(f, NGINX, "/usr/bin/helper", "/usr/sbin/nginx", NULL);
	fixture_add(f, &ev);
	fixture_send(f);
	assert_int_equal(f->verdict.daemons_len, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(agents_come_and_go_calmly),
		TEST(an_agent_that_is_set_up_is_started_anew_without_an_alert),
		TEST(a_server_that_was_away_meanwhile_knows_that_it_stopped),
		TEST(what_an_agent_says_of_itself_is_no_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
