/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of struct store_reactions, run against every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/compiler.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE 60000000ull

static struct reaction_row
reaction(const char *id, uint32_t host, const char *status)
{
	return (struct reaction_row){
		.id = id,
		.kind = "block_ip",
		.host = host,
		.daemon = "ssh.service",
		.alert_id = "alr_1",
		.target = "ip:192.0.2.1",
		.args = "{\"address\":\"192.0.2.1\"}",
		.mode = "applied",
		.status = status,
		.rule = "guessing",
		.reason = "too many failures",
		.by = "policy",
		.approved_by = "",
		.principal = "anna",
		.created_us = fixture_clock_us,
		.updated_us = fixture_clock_us,
		.expires_us = fixture_clock_us + 10 * MINUTE,
	};
}

static struct order_row
order(const char *id, uint32_t host, uint64_t counter)
{
	return (struct order_row){
		.id = id,
		.reaction_id = "rct_1",
		.host = host,
		.counter = counter,
		.created_us = fixture_clock_us,
		.expires_us = fixture_clock_us + MINUTE,
		.bytes = "\0signed",
		.size = 7,
	};
}

static void
put(struct fixture *f, const char *id, uint32_t host, const char *status)
{
	struct reaction_row row = reaction(id, host, status);

	fixture_begin(f);
	assert_int_equal(f->backend->reactions->put(f->store, &row), 0);
	fixture_commit(f);
}

static int
check_reaction(const struct reaction_row *row, void *ctx)
{
	assert_string_equal(row->id, "rct_1");
	assert_string_equal(row->kind, "block_ip");
	assert_int_equal(row->host, 3);
	assert_string_equal(row->daemon, "ssh.service");
	assert_string_equal(row->alert_id, "alr_1");
	assert_string_equal(row->target, "ip:192.0.2.1");
	assert_string_equal(row->args, "{\"address\":\"192.0.2.1\"}");
	assert_string_equal(row->mode, "applied");
	assert_string_equal(row->rule, "guessing");
	assert_string_equal(row->reason, "too many failures");
	assert_string_equal(row->by, "policy");
	assert_string_equal(row->principal, "anna");
	assert_string_equal(row->result, "{}");
	assert_true(row->expires_us == fixture_clock_us + 10 * MINUTE);
	assert_string_equal(row->status, ctx);
	return 0;
}

static void
a_reaction_is_read_back_whole_and_replaced_by_its_id(void **state)
{
	struct fixture *f = *state;
	const struct store_reactions *b = f->backend->reactions;
	char pending[] = "pending", verified[] = "verified";

	put(f, "rct_1", 3, "pending");
	assert_int_equal(b->get(f->reader, "rct_1", check_reaction, pending), f->keeps);
	put(f, "rct_1", 3, "verified");
	assert_int_equal(b->get(f->reader, "rct_1", check_reaction, verified), f->keeps);
	fixture_begin(f);
	assert_int_equal(b->held(f->store, "rct_1", check_reaction, verified), f->keeps);
	assert_int_equal(b->held(f->store, "rct_2", check_reaction, verified), 0);
	fixture_commit(f);
}

struct seen {
	char ids[200];
	unsigned stop_after;
};

static int
see(const struct reaction_row *row, void *ctx)
{
	struct seen *s = ctx;

	snprintf(s->ids + strlen(s->ids), sizeof(s->ids) - strlen(s->ids), "%s ", row->id);
	return 0;
}

static void
assert_listed(struct fixture *f, struct reaction_filter filter, const char *ids)
{
	struct seen s = { "", 0 };

	assert_int_equal(f->backend->reactions->each(f->reader, &filter, see, &s), 0);
	assert_string_equal(s.ids, f->keeps ? ids : "");
}

static void
reactions_are_listed_newest_first_by_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct reaction_row other = reaction("rct_4", 4, "dry_run");

	put(f, "rct_1", 3, "pending");
	put(f, "rct_2", 4, "verified");
	put(f, "rct_3", 3, "failed");
	other.alert_id = "alr_2";
	other.created_us += MINUTE;
	fixture_begin(f);
	assert_int_equal(f->backend->reactions->put(f->store, &other), 0);
	fixture_commit(f);
	assert_listed(f, (struct reaction_filter){ 0 }, "rct_4 rct_3 rct_2 rct_1 ");
	assert_listed(f, (struct reaction_filter){ .limit = 2 }, "rct_4 rct_3 ");
	assert_listed(f, (struct reaction_filter){ .before_id = "rct_3" }, "rct_2 rct_1 ");
	assert_listed(f, (struct reaction_filter){ .host = 3 }, "rct_3 rct_1 ");
	assert_listed(f, (struct reaction_filter){ .status = "verified" }, "rct_2 ");
	assert_listed(f, (struct reaction_filter){ .alert_id = "alr_1" }, "rct_3 rct_2 rct_1 ");
	assert_listed(f, (struct reaction_filter){ .since_us = fixture_clock_us + 1 }, "rct_4 ");
}

static void
states_are_counted(void **state)
{
	struct fixture *f = *state;
	struct reaction_counts n;

	assert_int_equal(f->backend->reactions->count(f->reader, &n), 0);
	assert_true(n.total == 0 && n.waiting == 0 && n.in_effect == 0);
	put(f, "rct_1", 3, "pending");
	put(f, "rct_2", 3, "sent");
	put(f, "rct_3", 3, "verified");
	put(f, "rct_4", 3, "dry_run");
	assert_int_equal(f->backend->reactions->count(f->reader, &n), 0);
	assert_int_equal(n.total, f->keeps ? 4 : 0);
	assert_int_equal(n.waiting, f->keeps ? 2 : 0);
	assert_int_equal(n.in_effect, f->keeps ? 1 : 0);
	assert_int_equal(n.dry_run, f->keeps ? 1 : 0);
}

static uint64_t
times(struct fixture *f, uint32_t host, const char *target, uint64_t since_us, bool open)
{
	uint64_t n = 99;

	assert_int_equal(f->backend->reactions->times(f->store, host, "block_ip", target, since_us,
			     open, fixture_clock_us + 5 * MINUTE, &n),
	    0);
	return n;
}

static void
how_often_something_was_done_is_known_within_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct reaction_row expired = reaction("rct_3", 3, "expired"),
			    waiting = reaction("rct_4", 4, "pending"),
			    over = reaction("rct_5", 5, "verified");

	over.expires_us = fixture_clock_us + MINUTE; /* passed by the time that is asked for */
	fixture_begin(f);
	assert_int_equal(f->backend->reactions->put(f->store, &expired), 0);
	assert_int_equal(f->backend->reactions->put(f->store, &waiting), 0);
	assert_int_equal(f->backend->reactions->put(f->store, &over), 0);
	assert_int_equal(times(f, 0, "ip:192.0.2.1", 0, false), f->keeps ? 3 : 0);
	assert_int_equal(times(f, 0, "ip:192.0.2.1", 0, true), f->keeps ? 1 : 0);
	assert_int_equal(times(f, 3, "ip:192.0.2.1", 0, true), 0);
	assert_int_equal(times(f, 3, "ip:192.0.2.1", 0, false), f->keeps ? 1 : 0);
	assert_int_equal(times(f, 0, "ip:192.0.2.2", 0, false), 0);
	assert_int_equal(times(f, 0, "ip:192.0.2.1", fixture_clock_us + 1, false), 0);
	fixture_commit(f);
}

static int
see_id(const struct reaction_row *row, void *ctx)
{
	snprintf(ctx, 40, "%s", row->id);
	return 0;
}

static const char *
latest(struct fixture *f, const char *mode, uint64_t since_us)
{
	static char id[40];
	int r;

	id[0] = '\0';
	r = f->backend->reactions->latest(
	    f->store, "block_ip", "ip:192.0.2.1", mode, since_us, see_id, id);
	assert_int_equal(r, id[0] != '\0');
	return id;
}

static void
the_latest_time_is_what_automation_did_and_nobody_took_back(void **state)
{
	struct fixture *f = *state;
	struct reaction_row first = reaction("rct_1", 3, "expired"),
			    second = reaction("rct_2", 4, "verified"),
			    failed = reaction("rct_3", 4, "failed"),
			    wrong = reaction("rct_4", 5, "undone"),
			    by_hand = reaction("rct_5", 5, "verified"),
			    dry = reaction("rct_6", 5, "dry_run");
	struct reaction_row *all[] = { &second, &first, &failed, &wrong, &by_hand, &dry };

	first.created_us = fixture_clock_us;
	second.created_us = fixture_clock_us + 1;
	failed.created_us = wrong.created_us = by_hand.created_us = fixture_clock_us + 2;
	dry.created_us = fixture_clock_us + 3;
	wrong.result = "{\"undo_by\":\"ada\"}";
	by_hand.rule = "";
	dry.mode = "dry_run";
	fixture_begin(f);
	for (size_t i = 0; i < DS_LEN(all); i++)
		assert_int_equal(f->backend->reactions->put(f->store, all[i]), 0);
	assert_string_equal(latest(f, "applied", 0), f->keeps ? "rct_2" : "");
	assert_string_equal(latest(f, "applied", fixture_clock_us + 2), "");
	assert_string_equal(latest(f, "dry_run", 0), f->keeps ? "rct_6" : "");
	fixture_commit(f);
}

static int
see_order(const struct order_row *row, void *ctx)
{
	char *ids = ctx;

	assert_int_equal(row->size, 7);
	assert_memory_equal(row->bytes, "\0signed", 7);
	snprintf(ids + strlen(ids), 100 - strlen(ids), "%s ", row->id);
	return 0;
}

static void
open_orders_come_back_in_the_order_of_their_counters(void **state)
{
	struct fixture *f = *state;
	const struct store_reactions *b = f->backend->reactions;
	struct order_row second = order("ord_1", 3, 12), first = order("ord_2", 3, 11),
			 other = order("ord_3", 4, 5);
	char all[100] = "", one[100] = "", left[100] = "";
	uint64_t counter;

	fixture_begin(f);
	assert_int_equal(b->order_put(f->store, &second), 0);
	assert_int_equal(b->order_put(f->store, &first), 0);
	assert_int_equal(b->order_put(f->store, &other), 0);
	assert_int_equal(b->last_counter(f->store, 3, &counter), 0);
	assert_int_equal(counter, f->keeps ? 12 : 0);
	assert_int_equal(b->last_counter(f->store, 9, &counter), 0);
	assert_int_equal(counter, 0);
	fixture_commit(f);
	assert_int_equal(b->each_open(f->reader, 0, see_order, all), 0);
	assert_string_equal(all, f->keeps ? "ord_2 ord_1 ord_3 " : "");
	assert_int_equal(b->each_open(f->reader, 3, see_order, one), 0);
	assert_string_equal(one, f->keeps ? "ord_2 ord_1 " : "");
	fixture_begin(f);
	assert_int_equal(b->order_close(f->store, "ord_2"), 0);
	assert_int_equal(b->order_held(f->store, "ord_2", see_order, left), f->keeps);
	left[0] = '\0';
	fixture_commit(f);
	assert_int_equal(b->each_open(f->reader, 3, see_order, left), 0);
	assert_string_equal(left, f->keeps ? "ord_1 " : "");
}

static int
see_mode(const struct mode_row *row, void *ctx)
{
	char *text = ctx;

	snprintf(text + strlen(text), 200 - strlen(text), "%u/%s/%s=%s ", row->host, row->label,
	    row->daemon, row->mode);
	return 0;
}

static void
a_mode_is_said_replaced_and_taken_back(void **state)
{
	struct fixture *f = *state;
	const struct store_reactions *b = f->backend->reactions;
	struct mode_row fleet = { .label = "", .daemon = "", .mode = "active", .by = "x" },
			nginx = { .label = "web", .daemon = "nginx", .mode = "prevent", .by = "x" };
	char before[200] = "", after[200] = "";

	fixture_begin(f);
	assert_int_equal(b->mode_put(f->store, &fleet), 0);
	assert_int_equal(b->mode_put(f->store, &nginx), 0);
	fixture_commit(f);
	assert_int_equal(b->each_mode(f->reader, see_mode, before), 0);
	assert_string_equal(before, f->keeps ? "0//=active 0/web/nginx=prevent " : "");
	fleet.mode = "monitor";
	nginx.mode = "";
	fixture_begin(f);
	assert_int_equal(b->mode_put(f->store, &fleet), 0);
	assert_int_equal(b->mode_put(f->store, &nginx), 0);
	fixture_commit(f);
	assert_int_equal(b->each_mode(f->reader, see_mode, after), 0);
	assert_string_equal(after, f->keeps ? "0//=monitor " : "");
}

static void
only_what_is_over_is_forgotten(void **state)
{
	struct fixture *f = *state;
	const struct store_reactions *b = f->backend->reactions;

	put(f, "rct_1", 3, "pending");
	put(f, "rct_2", 3, "verified");
	put(f, "rct_3", 3, "failed");
	fixture_begin(f);
	assert_int_equal(b->prune(f->store, fixture_clock_us, 10), 0);
	assert_int_equal(b->prune(f->store, fixture_clock_us + 60 * MINUTE, 1), f->keeps);
	assert_int_equal(b->prune(f->store, fixture_clock_us + 60 * MINUTE, 10), f->keeps);
	fixture_commit(f);
	assert_listed(f, (struct reaction_filter){ 0 }, "rct_1 ");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		T(a_reaction_is_read_back_whole_and_replaced_by_its_id),
		T(reactions_are_listed_newest_first_by_what_is_asked_for),
		T(states_are_counted),
		T(how_often_something_was_done_is_known_within_the_transaction),
		T(the_latest_time_is_what_automation_did_and_nobody_took_back),
		T(open_orders_come_back_in_the_order_of_their_counters),
		T(a_mode_is_said_replaced_and_taken_back),
		T(only_what_is_over_is_forgotten),
	};
	/* Every test for every backend, in one plan of TAP. */
	static struct CMUnitTest all[DS_LEN(tests) * 4];
	static char names[DS_LEN(tests) * 4][160];
	size_t n = 0;

	for (size_t i = 0; store_backends[i]; i++)
		for (size_t j = 0; j < DS_LEN(tests) && n < DS_LEN(all); j++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", store_backends[i]->name,
			    tests[j].name);
			all[n] = tests[j];
			all[n].name = names[n];
			all[n].initial_state = (void *)(uintptr_t)i;
		}
	return _cmocka_run_group_tests("contract of reactions", all, n, NULL, NULL);
}
