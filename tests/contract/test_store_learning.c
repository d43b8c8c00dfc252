/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of struct store_learning, run against every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/compiler.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <string.h>

static int
check_expectation(const struct expectation_row *row, void *ctx)
{
	unsigned *n = ctx;

	assert_string_equal(row->scope, "label");
	assert_string_equal(row->label, "web");
	assert_string_equal(row->class, "nginx");
	assert_int_equal(row->kind, 8);
	assert_int_equal(row->key_size, 4);
	assert_memory_equal(row->key, "a\0bc", 4);
	assert_string_equal(row->alert_id, "alr_1");
	assert_true(row->expires_us == 77);
	*n += row->undone_us == 0 ? 1 : 100;
	return 0;
}

static void
an_expectation_is_read_back_whole_and_undone_once(void **state)
{
	struct fixture *f = *state;
	const struct store_learning *b = f->backend->learning;
	struct expectation_row row = { .scope = "label",
		.label = "web",
		.class = "nginx",
		.kind = 8,
		.key = (const uint8_t *)"a\0bc",
		.key_size = 4,
		.alert_id = "alr_1",
		.verdict = "benign_expected",
		.by = "me",
		.note = "",
		.created_us = 5,
		.expires_us = 77 };
	unsigned n = 0;

	fixture_begin(f);
	assert_int_equal(b->expectation_put(f->store, &row), 0);
	assert_true(row.number > 0);
	fixture_commit(f);
	assert_int_equal(b->each_expectation(fixture_reader(f), check_expectation, &n), 0);
	assert_int_equal(n, f->keeps);
	fixture_begin(f);
	assert_int_equal(b->expectation_undo(f->store, row.number, "you", 9), f->keeps);
	assert_int_equal(b->expectation_undo(f->store, row.number, "you", 10), 0);
	assert_int_equal(b->expectation_undo(f->store, row.number + 1, "you", 10), 0);
	fixture_commit(f);
	n = 0;
	assert_int_equal(b->each_expectation(fixture_reader(f), check_expectation, &n), 0);
	assert_int_equal(n, f->keeps ? 100 : 0);
}

static int
see_deployment(const struct deployment_row *row, void *ctx)
{
	assert_string_equal(row->daemon, "nginx");
	assert_int_equal(row->host, 4);
	assert_true(row->until_us == 100);
	*(uint64_t *)ctx = row->ended_us;
	return 0;
}

static void
a_deployment_ends_once_and_not_after_its_time(void **state)
{
	struct fixture *f = *state;
	const struct store_learning *b = f->backend->learning;
	struct deployment_row row = { .daemon = "nginx",
		.host = 4,
		.label = "",
		.by = "me",
		.note = "",
		.begun_us = 10,
		.until_us = 100 };
	uint64_t ended = 0;

	fixture_begin(f);
	assert_int_equal(b->deployment_put(f->store, &row), 0);
	assert_int_equal(b->deployment_end(f->store, row.number, 100), 0);
	assert_int_equal(b->deployment_end(f->store, row.number, 50), f->keeps);
	assert_int_equal(b->deployment_end(f->store, row.number, 60), 0);
	fixture_commit(f);
	assert_int_equal(b->each_deployment(fixture_reader(f), see_deployment, &ended), 0);
	assert_int_equal(ended, f->keeps ? 50 : 0);
}

static int
see_until(const struct deployment_row *row, void *ctx)
{
	*(uint64_t *)ctx = row->until_us;
	return 0;
}

static void
a_delivery_is_taken_once_under_any_id(void **state)
{
	struct fixture *f = *state;
	const struct store_hooks *b = f->backend->hooks;
	struct delivery_row row = { .forge = "github",
		.digest = (const uint8_t *)"1234",
		.digest_size = 4,
		.delivery = "a" };
	int again = f->keeps ? 0 : 1;

	fixture_begin(f);
	assert_int_equal(b->delivery_put(f->store, &row), 1);
	assert_int_equal(b->delivery_put(f->store, &row), again);
	row.delivery = "b";
	assert_int_equal(b->delivery_put(f->store, &row), again);
	row.digest = (const uint8_t *)"5678";
	assert_int_equal(b->delivery_put(f->store, &row), 1);
	row.forge = "gitlab";
	assert_int_equal(b->delivery_put(f->store, &row), 1);
	fixture_commit(f);
}

static void
the_windows_of_a_change_are_settled_together(void **state)
{
	struct fixture *f = *state;
	const struct store_hooks *b = f->backend->hooks;
	struct deployment_row row = { .daemon = "nginx",
		.label = "",
		.by = "hook",
		.note = "",
		.begun_us = 10,
		.until_us = 100 };
	uint64_t until = 0;

	fixture_begin(f);
	assert_int_equal(f->backend->learning->deployment_put(f->store, &row), 0);
	assert_int_equal(b->window_put(f->store, "web/deployment:1", row.number), 0);
	assert_int_equal(b->windows_open(f->store, "web/deployment:1", 50), f->keeps);
	assert_int_equal(b->windows_open(f->store, "web/deployment:2", 50), 0);
	assert_int_equal(b->windows_open(f->store, "web/deployment:1", 100), 0);
	assert_int_equal(b->windows_settle(f->store, "web/deployment:2", 50, 60), 0);
	assert_int_equal(b->windows_settle(f->store, "web/deployment:1", 50, 60), f->keeps);
	assert_int_equal(b->windows_settle(f->store, "web/deployment:1", 60, 70), 0);
	fixture_commit(f);
	assert_int_equal(
	    f->backend->learning->each_deployment(fixture_reader(f), see_until, &until), 0);
	assert_int_equal(until, f->keeps ? 60 : 0);
}

static int
see_rule(const struct rule_row *row, void *ctx)
{
	char *names = ctx;

	size_t len = strlen(names);

	snprintf(names + len, 64 - len, "%s%s", row->id, row->json);
	return 0;
}

static void
rules_are_listed_by_id_replaced_and_removed(void **state)
{
	struct fixture *f = *state;
	const struct store_learning *b = f->backend->learning;
	struct rule_row row = { "b", "t", "file", "1", "me", 1 };
	char names[64] = "";

	fixture_begin(f);
	assert_int_equal(b->rule_put(f->store, &row), 0);
	row.id = "a";
	assert_int_equal(b->rule_put(f->store, &row), 0);
	row.json = "2";
	assert_int_equal(b->rule_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(b->each_rule(fixture_reader(f), see_rule, names), 0);
	assert_string_equal(names, f->keeps ? "a2b1" : "");
	fixture_begin(f);
	assert_int_equal(b->rule_delete(f->store, "a"), f->keeps);
	assert_int_equal(b->rule_delete(f->store, "a"), 0);
	fixture_commit(f);
}

static int
see_version(const struct profile_version_row *row, void *ctx)
{
	unsigned *n = ctx;

	assert_int_equal(row->host, 3);
	assert_string_equal(row->daemon, "nginx");
	assert_int_equal(row->parent, row->number - 1);
	assert_string_equal(row->reason, "package");
	assert_string_equal(row->package_version, "1.24");
	assert_int_equal(row->sha256[31], 9);
	assert_true(row->begun_us == 10 && row->warm_until_us == 20);
	assert_true(row->inherited == 5 && row->explained == 2 && row->told == 1);
	*n += 100 + row->number;
	return 0;
}

static void
versions_of_a_profile_are_replaced_and_only_the_newest_are_kept(void **state)
{
	struct fixture *f = *state;
	const struct store_profile_versions *b = f->backend->versions;
	struct profile_version_row row = { .host = 3,
		.daemon = "nginx",
		.reason = "first",
		.exe = "/usr/sbin/nginx",
		.package = "nginx",
		.package_version = "1.24",
		.image = "",
		.begun_us = 10,
		.warm_until_us = 20,
		.inherited = 5,
		.explained = 2,
		.told = 1 };
	unsigned n = 0;

	row.sha256[31] = 9;
	fixture_begin(f);
	for (row.number = 1; row.number <= PROFILE_VERSIONS_MAX + 2; row.number++) {
		row.parent = row.number - 1;
		assert_int_equal(b->put(f->store, &row), 0);
	}
	row.reason = "package";
	for (row.number = 3; row.number <= PROFILE_VERSIONS_MAX + 2; row.number++) {
		row.parent = row.number - 1;
		assert_int_equal(b->put(f->store, &row), 0);
	}
	fixture_commit(f);
	assert_int_equal(b->each(fixture_reader(f), 3, "nginx", see_version, &n), 0);
	/* eight of them, 3 to 10 */
	assert_int_equal(n, f->keeps ? 852 : 0);
	n = 0;
	assert_int_equal(b->each(fixture_reader(f), 0, NULL, see_version, &n), 0);
	assert_int_equal(n, f->keeps ? 852 : 0);
	n = 0;
	assert_int_equal(b->each(fixture_reader(f), 4, NULL, see_version, &n), 0);
	assert_int_equal(b->each(fixture_reader(f), 3, "cron", see_version, &n), 0);
	assert_int_equal(n, 0);
}

static int
see_key(const struct profile_row *row, void *ctx)
{
	unsigned *n = ctx;

	*n = *n * 10 + row->version;
	return 0;
}

static void
going_back_to_a_version_drops_what_was_first_seen_after_it(void **state)
{
	struct fixture *f = *state;
	struct profile_row row = { .host = 3,
		.daemon = "nginx",
		.kind = 1,
		.key = (const uint8_t *)"abcd",
		.count = 1,
		.first_us = 1,
		.last_us = 1,
		.learnt = true };
	unsigned n = 0;

	fixture_begin(f);
	for (row.version = 1; row.version <= 3; row.version++) {
		row.key_size = row.version;
		assert_int_equal(f->backend->profile_put(f->store, &row), 0);
	}
	assert_int_equal(f->backend->versions->drop_after(f->store, 3, "nginx", 1), 0);
	assert_int_equal(f->backend->versions->drop_after(f->store, 4, "nginx", 0), 0);
	fixture_commit(f);
	assert_int_equal(f->backend->each_profile(fixture_reader(f), 3, "nginx", see_key, &n), 0);
	assert_int_equal(n, f->keeps ? 1 : 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		T(an_expectation_is_read_back_whole_and_undone_once),
		T(a_deployment_ends_once_and_not_after_its_time),
		T(a_delivery_is_taken_once_under_any_id),
		T(the_windows_of_a_change_are_settled_together),
		T(rules_are_listed_by_id_replaced_and_removed),
		T(versions_of_a_profile_are_replaced_and_only_the_newest_are_kept),
		T(going_back_to_a_version_drops_what_was_first_seen_after_it),
	};

	return fixture_run(tests, DS_LEN(tests));
}
