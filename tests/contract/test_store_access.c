/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of users, sessions and the audit log, against every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/audit.h"
#include "tests/contract/store_fixture.h"

#include <string.h>

struct seen {
	unsigned users, sessions, rows;
	struct user_row user;
	char password[64], user_name[64];
	uint8_t chain[ACCESS_HASH_SIZE];
	bool broken;
	uint64_t first, last;
};

static int
see_user(const struct user_row *row, void *ctx)
{
	struct seen *s = ctx;

	s->users++;
	s->user = *row;
	strncpy(s->password, row->password, sizeof(s->password) - 1);
	strncpy(s->user_name, row->name, sizeof(s->user_name) - 1);
	return 0;
}

static int
see_session(const struct session_row *row, void *ctx)
{
	(void)row;
	((struct seen *)ctx)->sessions++;
	return 0;
}

static int
see_audit(const struct audit_row *row, void *ctx)
{
	struct seen *s = ctx;
	uint8_t hash[ACCESS_HASH_SIZE];

	audit_hash(s->chain, row, hash);
	s->broken |= memcmp(hash, row->hash, sizeof(hash)) != 0;
	memcpy(s->chain, row->hash, sizeof(s->chain));
	if (s->rows++ == 0)
		s->first = row->number;
	s->last = row->number;
	return 0;
}

static void
put_user(struct fixture *f, const char *name, const char *password)
{
	struct user_row row = { .name = name,
		.role = "operator",
		.password = password,
		.totp = { 1, 2, 3 },
		.has_totp = true,
		.totp_step = 77,
		.created_us = 5,
		.must_change = true };

	assert_int_equal(f->backend->access->user_put(f->store, &row), 0);
}

static void
put_session(struct fixture *f, uint8_t number, const char *user, uint64_t expires_us)
{
	struct session_row row = { .hash = { number }, .user = user, .expires_us = expires_us };

	assert_int_equal(f->backend->access->session_put(f->store, &row), 0);
}

static unsigned
sessions(struct fixture *f)
{
	struct seen seen = { 0 };

	assert_int_equal(
	    f->backend->access->each_session(fixture_reader(f), see_session, &seen), 0);
	return seen.sessions;
}

static void
a_user_is_read_back_whole_and_replaced_by_name(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };

	fixture_begin(f);
	put_user(f, "ada", "$y$one");
	put_user(f, "ada", "$y$two");
	fixture_commit(f);
	assert_int_equal(f->backend->access->each_user(fixture_reader(f), see_user, &seen), 0);
	assert_int_equal(seen.users, f->keeps ? 1 : 0);
	if (!f->keeps)
		return;
	assert_string_equal(seen.password, "$y$two");
	assert_string_equal(seen.user_name, "ada");
	assert_true(seen.user.has_totp && seen.user.totp[2] == 3 && seen.user.totp_step == 77);
	assert_true(seen.user.must_change && !seen.user.disabled);
}

static void
a_deleted_user_has_no_session_left(void **state)
{
	struct fixture *f = *state;

	fixture_begin(f);
	put_user(f, "ada", "$y$");
	put_session(f, 1, "ada", 100);
	put_session(f, 2, "ada", 100);
	put_session(f, 3, "bob", 100);
	fixture_commit(f);
	assert_int_equal(sessions(f), f->keeps ? 3 : 0);
	fixture_begin(f);
	assert_int_equal(f->backend->access->user_delete(f->store, "ada"), 0);
	fixture_commit(f);
	assert_int_equal(sessions(f), f->keeps ? 1 : 0);
}

static void
what_was_asked_under_a_key_is_known_for_a_time(void **state)
{
	struct fixture *f = *state;
	const struct access_store *a = f->backend->access;
	struct request_row one = { .key = { 1 }, .hash = { 7 }, .created_us = 100 };
	struct request_row two = { .key = { 2 }, .hash = { 8 }, .created_us = 200 };
	struct request_row seen = { .key = { 1 } };

	fixture_begin(f);
	assert_int_equal(a->request_put(f->store, &one, 0), 0);
	fixture_commit(f);
	assert_int_equal(a->request_get(fixture_reader(f), &seen), f->keeps ? 1 : 0);
	if (f->keeps)
		assert_true(seen.hash[0] == 7 && seen.created_us == 100);
	fixture_begin(f);
	assert_int_equal(a->request_put(f->store, &two, 150), 0);
	fixture_commit(f);
	assert_int_equal(a->request_get(fixture_reader(f), &seen), 0);
	seen.key[0] = 2;
	assert_int_equal(a->request_get(fixture_reader(f), &seen), f->keeps ? 1 : 0);
}

static void
a_code_counts_once_and_a_disabled_user_does_not_sign_in(void **state)
{
	struct fixture *f = *state;
	const struct access_store *a = f->backend->access;
	struct user_row off = { .name = "eve", .role = "admin", .password = "x", .disabled = true };
	int yes = f->keeps ? 1 : 0;

	fixture_begin(f);
	put_user(f, "ada", "$y$");
	assert_int_equal(a->user_put(f->store, &off), 0);
	assert_int_equal(a->user_login(f->store, "ada", 9, 78), yes);
	assert_int_equal(a->user_login(f->store, "ada", 9, 78), 0);
	put_user(f, "ada", "$y$ written by who had not seen that code used");
	assert_int_equal(a->user_login(f->store, "ada", 9, 78), 0);
	assert_int_equal(a->user_login(f->store, "ada", 9, 0), yes);
	assert_int_equal(a->user_login(f->store, "eve", 9, 0), 0);
	assert_int_equal(a->user_login(f->store, "bob", 9, 0), 0);
	fixture_commit(f);
}

static void
sessions_end_by_hash_by_user_and_by_time(void **state)
{
	struct fixture *f = *state;
	const struct access_store *a = f->backend->access;
	uint8_t one[ACCESS_HASH_SIZE] = { 1 }, two[ACCESS_HASH_SIZE] = { 2 };

	fixture_begin(f);
	put_session(f, 1, "ada", 100);
	put_session(f, 2, "ada", 100);
	put_session(f, 3, "ada", 100);
	put_session(f, 4, "bob", 50);
	assert_int_equal(a->session_delete(f->store, one), 0);
	assert_int_equal(a->sessions_delete(f->store, "ada", two, 0), 0);
	fixture_commit(f);
	assert_int_equal(sessions(f), f->keeps ? 2 : 0);
	fixture_begin(f);
	assert_int_equal(a->sessions_delete(f->store, NULL, NULL, 50), 0);
	fixture_commit(f);
	assert_int_equal(sessions(f), f->keeps ? 1 : 0);
}

static void
add_audit(struct fixture *f, const char *action)
{
	struct audit_row row = {
		.time_us = 9, .actor = "ada", .action = action, .subject = "alr_1", .detail = "{}"
	};

	assert_int_equal(audit_append(f->backend, f->store, &row), 0);
	assert_true(row.number >= 1);
}

static void
the_audit_log_is_a_chain_without_holes(void **state)
{
	struct fixture *f = *state;
	const struct access_store *a = f->backend->access;
	struct seen up = { 0 }, page = { 0 };
	struct audit_row head = { 0 };

	assert_int_equal(a->audit_head(fixture_reader(f), &head), 0);
	fixture_begin(f);
	add_audit(f, "one");
	add_audit(f, "two");
	fixture_commit(f);
	fixture_reopen(f);
	fixture_begin(f);
	add_audit(f, "three");
	fixture_commit(f);
	assert_int_equal(a->each_audit(fixture_reader(f), false, 0, 10, see_audit, &up), 0);
	assert_int_equal(a->each_audit(fixture_reader(f), true, 3, 1, see_audit, &page), 0);
	assert_int_equal(a->audit_head(fixture_reader(f), &head), f->keeps);
	if (!f->keeps)
		return;
	assert_int_equal(head.number, 3);
	assert_memory_equal(head.hash, up.chain, sizeof(head.hash));
	assert_int_equal(up.rows, 3);
	assert_false(up.broken);
	assert_true(up.first == 1 && up.last == 3);
	assert_true(page.rows == 1 && page.first == 2);
}

static void
a_changed_row_does_not_fit_the_chain(void **state)
{
	static const uint8_t before[ACCESS_HASH_SIZE];
	struct audit_row row = { .number = 1,
		.time_us = 2,
		.actor = "a",
		.action = "b",
		.subject = "c",
		.detail = "d" };
	uint8_t one[ACCESS_HASH_SIZE], two[ACCESS_HASH_SIZE];

	(void)state;
	audit_hash(before, &row, one);
	row.actor = "ab";
	row.action = "";
	audit_hash(before, &row, two);
	assert_memory_not_equal(one, two, sizeof(one));
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	T(a_user_is_read_back_whole_and_replaced_by_name),
	T(a_deleted_user_has_no_session_left),
	T(what_was_asked_under_a_key_is_known_for_a_time),
	T(a_code_counts_once_and_a_disabled_user_does_not_sign_in),
	T(sessions_end_by_hash_by_user_and_by_time),
	T(the_audit_log_is_a_chain_without_holes),
	T(a_changed_row_does_not_fit_the_chain),
};

int
main(void)
{
	return fixture_run(tests, DS_LEN(tests));
}
