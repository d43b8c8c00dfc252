/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the react thread does about findings, orders and their results. */
#include "tests/unit/react_fixture.h"

#include "lib/clock.h"
#include "lib/ulid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
in_monitor_a_finding_leaves_a_record_of_what_would_have_been_done(void **state)
{
	struct world *w = *state;
	struct seen s;

	find_shell(w, 1, 7);
	s = wait_for(w, 1, "dry_run");
	assert_string_equal(s.kind, "kill");
	assert_string_equal(s.mode, "dry_run");
	assert_int_equal(w->sent_len, 0);
	find_shell(w, 1, 7); /* the same process again is one record */
	find_shell(w, 1, 8);
	(void)wait_for(w, 2, "dry_run");
}

static void
in_active_an_order_goes_out_and_its_result_closes_it(void **state)
{
	struct world *w = *state;
	const struct sent *sent;
	struct ds_result result;
	struct seen s;
	uint8_t id[16];

	set_mode(w, "active");
	find_shell(w, 3, 7);
	sent = next_sent(w);
	assert_int_equal(sent->host, 3);
	assert_string_equal(sent->order.kind, "kill");
	assert_true(sent->order.pid == 7 && sent->order.start_us == 77);
	assert_string_equal(sent->order.exe, "/bin/sh");
	assert_int_equal(sent->order.mode, DS_ORDER_ACTIVE);
	assert_int_equal(sent->order.host_id[0], fixture_host(3).id[0]);
	assert_true(sent->order.expires_us > ds_clock_wall_us());
	s = wait_for(w, 1, "sent");
	assert_int_equal(ds_ulid_parse("rct_", s.id, id), 0);
	assert_memory_equal(id, sent->order.id, 16);
	result = result_of(sent, DS_OUTCOME_DONE);
	result.evidence = "{\"tree\":[7]}";
	result.evidence_size = strlen(result.evidence);
	answer(w, 2, result); /* another host does not answer for it */
	answer(w, 3, result);
	s = wait_for(w, 1, "verified");
	assert_non_null(strstr(s.result, "\"tree\":[7]"));
	assert_int_equal(undo(w, s.id), -EOPNOTSUPP); /* nobody lives twice */
}

static void
an_effect_is_taken_back_by_an_order_of_its_own(void **state)
{
	struct world *w = *state;
	const struct sent *block, *back;
	struct ds_result result;
	struct seen s;

	set_mode(w, "active");
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}");
	block = next_sent(w);
	assert_string_equal(block->order.kind, "block_ip");
	assert_string_equal(block->order.address, "192.0.2.66");
	assert_true(block->order.lifetime_ms == 600000);
	result = result_of(block, DS_OUTCOME_DONE);
	result.until_us = ds_clock_wall_us() + 600000000;
	answer(w, 1, result);
	s = wait_for(w, 1, "verified");
	assert_true(s.expires_us == result.until_us);
	assert_int_equal(undo(w, s.id), 1);
	back = next_sent(w);
	assert_string_equal(back->order.kind, "undo");
	assert_memory_equal(back->order.target, block->order.id, 16);
	assert_true(back->order.counter > block->order.counter);
	result = result_of(block, DS_OUTCOME_UNDONE);
	memcpy(result.by, back->order.id, 16);
	answer(w, 1, result);
	s = wait_for(w, 1, "undone");
	assert_non_null(strstr(s.result, "alice"));
	assert_int_equal(undo(w, s.id), -EALREADY);
	assert_int_equal(undo(w, "rct_00000000000000000000000000"), -ENOENT);
	find(w, 2, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}"); /* what people decide holds */
	s = wait_for(w, 2, "dry_run");
	assert_non_null(strstr(s.result, "a person took this back"));
}

static void
who_comes_again_stays_away_longer(void **state)
{
	struct world *w = *state;
	const struct sent *first, *second;

	find(w, 3, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}"); /* recorded, not away */
	(void)wait_for(w, 1, "dry_run");
	set_mode(w, "active");
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}");
	first = next_sent(w);
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}"); /* waits already */
	answer(w, 1, result_of(first, DS_OUTCOME_UNDONE));
	(void)wait_for(w, 2, "undone");
	find(w, 2, "login", "{\"source\":{\"ip\":\"::ffff:192.0.2.66\"}}");
	second = next_sent(w);
	assert_string_equal(second->order.address, "192.0.2.66");
	assert_true(second->order.lifetime_ms == 4 * first->order.lifetime_ms);
}

static void
what_was_committed_and_not_sent_is_sent_by_the_next_server(void **state)
{
	struct world *w = *state;
	const struct sent *sent;

	w->deaf = true; /* the server dies before the bytes leave */
	set_mode(w, "active");
	find_shell(w, 1, 7);
	(void)wait_for(w, 1, "pending");
	stop(w);
	w->deaf = false;
	start(w, "");
	sent = next_sent(w);
	assert_int_equal(sent->order.pid, 7);
	(void)wait_for(w, 1, "sent");
	react_session(w->react, 1); /* a new connection, no answer yet: once more, the same bytes */
	assert_memory_equal(next_sent(w)->order.id, sent->order.id, 16);
}

static void
a_host_that_remembers_higher_counters_gets_a_higher_one(void **state)
{
	struct world *w = *state;
	const struct sent *first, *again;
	struct ds_result result;

	set_mode(w, "active");
	find_shell(w, 1, 7);
	first = next_sent(w);
	result = result_of(first, DS_OUTCOME_REFUSED);
	result.counter_floor = first->order.counter + 1000000000;
	answer(w, 1, result);
	again = next_sent(w);
	assert_memory_equal(again->order.id, first->order.id, 16);
	assert_true(again->order.counter > result.counter_floor);
	result.counter_floor = again->order.counter + 1; /* twice is told, not tried for ever */
	answer(w, 1, result);
	(void)wait_for(w, 1, "failed");
}

static void
an_order_that_cannot_be_delivered_is_dead_in_time(void **state)
{
	struct world *w = *state;
	struct seen s;

	stop(w);
	w->deaf = true;
	start(w, "[react]\norder_ttl = 1s\n");
	set_mode(w, "active");
	find_shell(w, 1, 7);
	(void)wait_for(w, 1, "pending");
	s = wait_for(w, 1, "expired");
	assert_non_null(strstr(s.result, "could not be reached"));
	w->deaf = false;
	react_session(w->react, 1);
	find_shell(w, 1, 8);
	assert_int_equal(next_sent(w)->order.pid, 8); /* not the dead one */
}

static void
a_pause_stops_all_automation_at_once(void **state)
{
	char paused[] = "{\"by\":\"alice\"}", none[] = "";
	struct world *w = *state;
	struct seen s;

	set_mode(w, "active");
	assert_int_equal(in_store(w, put_pause, paused), 0);
	react_changed(w->react);
	find_shell(w, 1, 7);
	s = wait_for(w, 1, "dry_run");
	assert_non_null(strstr(s.result, "paused"));
	assert_int_equal(in_store(w, put_pause, none), 0);
	react_changed(w->react);
	find_shell(w, 1, 8);
	assert_int_equal(next_sent(w)->order.pid, 8);
}

static void
a_ban_reaches_the_group_or_the_fleet_when_the_policy_says_so(void **state)
{
	struct world *w = *state;
	bool seen[HOSTS + 1] = { false };

	stop(w);
	start(w, "[react.guessing]\nscope = group\n");
	set_mode(w, "active");
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}");
	for (int i = 0; i < 3; i++) {
		const struct sent *sent = next_sent(w);

		seen[sent->host] = true;
		assert_true(sent->order.lifetime_ms == 600000); /* as long on each */
		answer(w, sent->host, result_of(sent, DS_OUTCOME_DONE));
	}
	assert_true(seen[1] && seen[3] && seen[5]);
	stop(w);
	start(w, "[react.guessing]\nscope = fleet\n[react]\nnever_block = 198.51.100.0/24\n");
	find(w, 1, "login", "{\"source\":{\"ip\":\"198.51.100.4\"}}");
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.67\"}}");
	for (unsigned i = 0; i < HOSTS; i++)
		assert_string_equal(next_sent(w)->order.address, "192.0.2.67");
}

struct told {
	char title[64], status[16], json[4096];
};

static int
see_alert(const struct alert_row *row, void *ctx)
{
	struct told *told = ctx;

	snprintf(told->title, sizeof(told->title), "%s", row->title);
	snprintf(told->status, sizeof(told->status), "%s", row->status);
	snprintf(told->json, sizeof(told->json), "%s", row->json);
	return 0;
}

/* The only alert, once it has that status. */
static struct told
wait_for_alert(struct world *w, const char *status)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct told told = { .status = "" };

	for (unsigned i = 0; i < 20000 && strcmp(told.status, status) != 0; i++) {
		assert_int_equal(
		    w->backend->each_alert(w->reader, NULL, NULL, 0, see_alert, &told), 0);
		nanosleep(&moment, NULL);
	}
	assert_string_equal(told.status, status);
	return told;
}

/* Three are done, and more than that are due. */
static void
trip(struct world *w)
{
	start(w, "[react]\ndaemon_max = 3\n");
	set_mode(w, "active");
	for (unsigned pid = 10; pid < 20; pid++)
		find_shell(w, 1, pid);
	for (unsigned i = 0; i < 3; i++)
		(void)next_sent(w);
}

static void
too_many_reactions_stop_automation_and_are_told(void **state)
{
	struct world *w = *state;

	stop(w);
	trip(w);
	assert_string_equal(wait_for_alert(w, "open").title,
	    "automatic reactions stopped on nginx.service of host-1");
	react_reset_breaker(w->react);
	find_shell(w, 1, 30);
	assert_int_equal(next_sent(w)->order.pid, 30);
	assert_int_equal(look(w).n, 4);
	assert_non_null(strstr(wait_for_alert(w, "closed").json, "a person ended its rest"));
}

static void
a_stop_that_a_server_before_told_is_over(void **state)
{
	struct world *w = *state;

	stop(w);
	trip(w);
	(void)wait_for_alert(w, "open");
	stop(w);
	start(w, "");
	assert_non_null(strstr(wait_for_alert(w, "closed").json, "its rest is over"));
}

struct many {
	unsigned from, n;
};

static int
put_many(struct world *w, struct store *s, void *ctx)
{
	struct issuer by = react_issuer(w->react);
	struct many *m = ctx;

	for (unsigned i = m->from; i < m->from + m->n; i++) {
		struct issue_plan p = { .host = 1,
			.kind = react_kind_find("block_ip"),
			.order_mode = DS_ORDER_OPERATOR,
			.by = "alice",
			.ttl_us = 60000000,
			.ttl_max_us = 60000000,
			.ttl_factor = 1 };

		snprintf(p.args.address, sizeof(p.args.address), "10.0.%u.%u", i / 256, i % 256);
		snprintf(p.args.session, sizeof(p.args.session), "203.0.113.9");
		p.args.session_pid = 4711;
		assert_int_equal(issue_reaction(w->backend, s, &by, &p, ds_clock_wall_us()), 1);
	}
	return 0;
}

static void
ten_thousand_orders_at_once_go_out_a_window_at_a_time(void **state)
{
	struct world *w = *state;
	struct many all = { 0, 10000 };
	struct reaction_counts n;

	assert_int_equal(in_store(w, put_many, &all), 0);
	react_kick(w->react, 1);
	for (unsigned i = 0; i < 64; i++)
		(void)next_sent(w);
	assert_int_equal(w->sent_len, 64);
	assert_string_equal(w->sent[0].order.session_address, "203.0.113.9");
	assert_int_equal(w->sent[0].order.session_pid, 4711);
	for (unsigned i = 0; i < 64; i++)
		answer(w, 1, result_of(&w->sent[i], DS_OUTCOME_DONE));
	for (unsigned i = 0; i < 64; i++)
		(void)next_sent(w);
	assert_true(w->sent_len <= 192);
	assert_int_equal(w->backend->reactions->count(w->reader, &n), 0);
	assert_int_equal(n.total, 10000);
}

/* A finding that a transaction stores, which comes to an end as `ctx` says. */
static int
store_finding(struct world *w, struct store *s, void *ctx)
{
	static char json[] = "{\"process\":{\"pid\":7,\"start_us\":77,\"executable\":\"/bin/sh\"}}";
	struct finding f = { .kind = "new_child",
		.severity = "high",
		.daemon = "nginx.service",
		.alert_id = "alr_2",
		.json = json };

	(void)s;
	assert_int_equal(react_finding(w->react, 2, &f, writer_transaction(w->writer)), 1);
	return *(int *)ctx;
}

static void
nothing_is_done_about_what_could_not_be_stored(void **state)
{
	struct world *w = *state;
	int end = -EIO;

	set_mode(w, "active");
	assert_int_equal(in_store(w, store_finding, &end), end);
	find_shell(w, 3, 8);
	assert_int_equal(next_sent(w)->host, 3);
	end = 0;
	assert_int_equal(in_store(w, store_finding, &end), end);
	assert_int_equal(next_sent(w)->host, 2);
	assert_int_equal(w->sent_len, 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(in_monitor_a_finding_leaves_a_record_of_what_would_have_been_done),
		T(in_active_an_order_goes_out_and_its_result_closes_it),
		T(an_effect_is_taken_back_by_an_order_of_its_own),
		T(who_comes_again_stays_away_longer),
		T(what_was_committed_and_not_sent_is_sent_by_the_next_server),
		T(a_host_that_remembers_higher_counters_gets_a_higher_one),
		T(an_order_that_cannot_be_delivered_is_dead_in_time),
		T(a_pause_stops_all_automation_at_once),
		T(a_ban_reaches_the_group_or_the_fleet_when_the_policy_says_so),
		T(too_many_reactions_stop_automation_and_are_told),
		T(a_stop_that_a_server_before_told_is_over),
		T(ten_thousand_orders_at_once_go_out_a_window_at_a_time),
		T(nothing_is_done_about_what_could_not_be_stored),
	};

	return cmocka_run_group_tests_name("react", tests, NULL, NULL);
}
