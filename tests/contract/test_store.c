/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of struct store_backend, run against every row of its table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/bloom.h"
#include "server/store/store.h"
#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
a_host_keeps_its_number(void **state)
{
	struct fixture *f = *state;
	struct host_row row = fixture_host(1), other = fixture_host(2), again = fixture_host(1);

	fixture_begin(f);
	assert_int_equal(f->backend->host_put(f->store, &row), 0);
	assert_int_equal(f->backend->host_put(f->store, &other), 0);
	again.name = "renamed";
	assert_int_equal(f->backend->host_put(f->store, &again), 0);
	fixture_commit(f);
	assert_int_not_equal(row.number, 0);
	assert_int_not_equal(row.number, other.number);
	assert_int_equal(row.number, again.number);
}

static int
copy_host(const struct host_row *row, void *ctx)
{
	struct host_row *ret = ctx;

	*ret = *row;
	assert_string_equal(row->name, "host-7");
	assert_string_equal(row->machine_id, "machine-7");
	assert_string_equal(row->labels, "web,eu");
	assert_string_equal(row->cert_serial, "0a");
	return 0;
}

static void
a_host_is_read_back_whole(void **state)
{
	struct fixture *f = *state;
	struct host_row row = fixture_host(7), back = { 0 };

	fixture_begin(f);
	assert_int_equal(f->backend->host_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(
	    f->backend->host_get(fixture_reader(f), row.id, copy_host, &back), f->keeps);
	if (!f->keeps)
		return;
	assert_int_equal(back.number, row.number);
	assert_memory_equal(back.id, row.id, sizeof(row.id));
	assert_memory_equal(back.pin, row.pin, sizeof(row.pin));
	assert_int_equal(back.status, HOST_APPROVED);
	assert_true(back.enrolled_us == row.enrolled_us && back.last_seen_us == row.last_seen_us &&
		    back.cert_not_after_us == row.cert_not_after_us);
	row.id[3] ^= 1;
	assert_int_equal(f->backend->host_get(fixture_reader(f), row.id, copy_host, &back), 0);
}

static void
a_token_is_used_as_often_as_allowed_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct token_row row = { .id = "tok_1",
		.label = "x",
		.created_us = 10,
		.expires_us = 1000,
		.uses_max = 2 },
			 used;
	uint8_t wrong[32] = { 1 };

	fixture_begin(f);
	assert_int_equal(f->backend->token_put(f->store, &row), 0);
	assert_int_equal(
	    f->backend->token_use(f->store, "tok_2", row.secret_hash, "192.0.2.1:9", 20, &used),
	    -ENOENT);
	if (f->keeps) {
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", wrong, "192.0.2.1:9", 20, &used),
		    -EACCES);
		assert_int_equal(f->backend->token_use(f->store, "tok_1", row.secret_hash,
				     "192.0.2.1:9", 1000, &used),
		    -ETIME);
		assert_int_equal(f->backend->token_use(
				     f->store, "tok_1", row.secret_hash, "192.0.2.1:9", 20, &used),
		    0);
		assert_int_equal(used.uses, 1);
		assert_int_equal(f->backend->token_use(
				     f->store, "tok_1", row.secret_hash, "192.0.2.1:9", 20, &used),
		    0);
		assert_int_equal(f->backend->token_use(
				     f->store, "tok_1", row.secret_hash, "192.0.2.1:9", 20, &used),
		    -EEXIST);
	}
	fixture_commit(f);
}

static void
a_token_is_used_from_its_networks_only(void **state)
{
	struct fixture *f = *state;
	struct token_row row = { .id = "tok_1",
		.label = "x",
		.cidr = "10.0.0.0/8,2001:db8::/32",
		.created_us = 10,
		.expires_us = 1000,
		.uses_max = 2 },
			 used;

	fixture_begin(f);
	assert_int_equal(f->backend->token_put(f->store, &row), 0);
	if (f->keeps) {
		assert_int_equal(f->backend->token_use(
				     f->store, "tok_1", row.secret_hash, "192.0.2.1:9", 20, &used),
		    -EPERM);
		assert_int_equal(f->backend->token_use(
				     f->store, "tok_1", row.secret_hash, "10.1.2.3:9", 20, &used),
		    0);
		assert_int_equal(used.uses, 1);
	}
	fixture_commit(f);
}

static void
a_copy_may_be_rebound_from_what_it_was_copied_from_only(void **state)
{
	struct fixture *f = *state;
	const struct store_identity *b = f->backend->identity;
	struct host_row one = fixture_host(1), two = fixture_host(2), three = fixture_host(3);
	const uint64_t hour_us = UINT64_C(3600) * 1000000;

	fixture_begin(f);
	one.status = two.status = three.status = HOST_APPROVED;
	assert_int_equal(f->backend->host_put(f->store, &one), 0);
	assert_int_equal(f->backend->host_put(f->store, &two), 0);
	assert_int_equal(f->backend->host_put(f->store, &three), 0);
	assert_int_equal(b->mark_copy(f->store, two.id, one.number, 9), 0);
	assert_int_equal(b->mark_copy(f->store, three.id, two.number, 9), 0);
	if (f->keeps) {
		assert_int_equal(b->rebind(f->store, one.number, two.id, hour_us), 0);
		assert_int_equal(b->rebind(f->store, two.number, three.id, hour_us), 0);
		assert_int_equal(b->rebind(f->store, two.number, two.id, hour_us), 0);
		assert_int_equal(b->rebind(f->store, two.number, one.id, hour_us), 1);
		assert_int_equal(b->rebind(f->store, two.number, one.id, hour_us + 1), 0);
		assert_int_equal(b->rebind(f->store, two.number, one.id, 2 * hour_us), 1);
		/* A copy of a copy, whose image is of before the first was rebound. */
		assert_int_equal(b->rebind(f->store, three.number, one.id, hour_us), 1);
		assert_int_equal(
		    f->backend->host_decide(f->store, three.id, HOST_PENDING, NULL), 0);
		assert_int_equal(b->rebind(f->store, three.number, two.id, 3 * hour_us), 0);
	}
	fixture_commit(f);
}

static int
see_status(const struct host_row *row, void *ctx)
{
	*(int *)ctx = row->status;
	return 0;
}

static int
status_of(struct fixture *f, const struct host_row *row)
{
	int status = -1;

	assert_true(f->backend->host_get(fixture_reader(f), row->id, see_status, &status) >= 0);
	return status;
}

static void
hosts_that_come_and_go_are_revoked_and_forgotten(void **state)
{
	struct fixture *f = *state;
	const struct store_identity *b = f->backend->identity;
	struct host_row stays = fixture_host(1), goes = fixture_host(2);
	struct token_row token = { .id = "tok_1",
		.label = "web,rack",
		.expires_us = 50,
		.uses_max = 1,
		.is_ephemeral = true },
			 used = { 0 };
	char label[64];

	stays.status = goes.status = HOST_APPROVED;
	stays.last_seen_us = goes.last_seen_us = 100;
	fixture_begin(f);
	assert_int_equal(f->backend->token_put(f->store, &token), 0);
	assert_int_equal(f->backend->host_put(f->store, &stays), 0);
	assert_int_equal(f->backend->host_put(f->store, &goes), 0);
	assert_int_equal(b->mark_ephemeral(f->store, goes.id), 0);
	assert_int_equal(b->token_label(f->store, "tok_1", label, sizeof(label)), 0);
	if (f->keeps) {
		assert_string_equal(label, "web,rack");
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", token.secret_hash, "::1:9", 20, &used),
		    0);
		assert_true(used.is_ephemeral);
	}
	assert_int_equal(b->tidy(f->store, 100, 10, 200), 0);
	fixture_commit(f);
	if (!f->keeps)
		return;
	assert_int_equal(status_of(f, &goes), HOST_APPROVED);
	fixture_begin(f);
	assert_int_equal(b->tidy(f->store, 101, 10, 200), 0);
	fixture_commit(f);
	assert_int_equal(status_of(f, &goes), HOST_REVOKED);
	assert_int_equal(status_of(f, &stays), HOST_APPROVED);
	fixture_begin(f);
	assert_int_equal(b->tidy(f->store, 101, 101, 200), 0);
	assert_int_equal(b->token_label(f->store, "tok_1", label, sizeof(label)), 0);
	fixture_commit(f);
	assert_string_equal(label, "");
	assert_int_equal(status_of(f, &goes), -1);
	assert_int_equal(status_of(f, &stays), HOST_APPROVED);
}

static int
count_rows(unsigned *n)
{
	++*n;
	return 0;
}

static int
check_daemon(const struct daemon_row *row, void *ctx)
{
	assert_string_equal(row->name, "nginx");
	assert_string_equal(row->state, "ready");
	assert_string_equal(row->role, "service");
	assert_string_equal(row->image, "img");
	assert_string_equal(row->blockers, "[\"a\"]");
	assert_string_equal(row->starter, "nginx from Debian 12");
	assert_true(row->starter_confidence > 0.89 && row->starter_confidence < 0.91);
	assert_true(row->inode == UINT64_MAX && row->device == 5 && row->events == 77);
	assert_true(row->first_seen_us == 100 && row->last_seen_us == 300 && row->pid == 42);
	assert_true(row->coverage > 0.98 && row->coverage < 1 && row->gone);
	assert_int_equal(row->sha256[31], 9);
	return count_rows(ctx);
}

static void
a_daemon_is_one_row_of_its_host(void **state)
{
	struct fixture *f = *state;
	struct daemon_row row = { .host = 3,
		.name = "nginx",
		.role = "service",
		.image = "img",
		.inode = UINT64_MAX,
		.device = 5,
		.events = 7,
		.first_seen_us = 100,
		.last_seen_us = 200,
		.state = "learning",
		.pid = 42 };
	unsigned n = 0;

	row.sha256[31] = 9;
	fixture_begin(f);
	assert_int_equal(f->backend->daemon_put(f->store, &row), 0);
	row.first_seen_us = 150;
	row.last_seen_us = 300;
	row.events = 77;
	row.state = "ready";
	row.coverage = 0.99;
	row.gone = true;
	row.blockers = "[\"a\"]";
	row.starter = "nginx from Debian 12";
	row.starter_confidence = 0.9;
	assert_int_equal(f->backend->daemon_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 3, check_daemon, &n), 0);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 0, check_daemon, &n), 0);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 4, check_daemon, &n), 0);
	assert_int_equal(n, f->keeps ? 2 : 0);
	fixture_begin(f);
	assert_int_equal(f->backend->daemon_delete(f->store, 4, "nginx"), 0);
	assert_int_equal(f->backend->daemon_delete(f->store, 3, "ngin"), 0);
	fixture_commit(f);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 3, check_daemon, &n), 0);
	assert_int_equal(n, f->keeps ? 3 : 0);
	fixture_begin(f);
	assert_int_equal(f->backend->daemon_delete(f->store, 3, "nginx"), 0);
	fixture_commit(f);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 3, check_daemon, &n), 0);
	assert_int_equal(n, f->keeps ? 3 : 0);
}

static int
check_profile(const struct profile_row *row, void *ctx)
{
	assert_int_equal(row->key_size, 3);
	assert_memory_equal(row->key, "a\0b", 3);
	assert_true(row->count == 9 && row->first_us == 1 && row->last_us == 8 && row->learnt);
	assert_int_equal(row->kind, DS_EVENT_EXEC);
	return count_rows(ctx);
}

static void
a_learnt_key_is_kept_and_forgotten(void **state)
{
	struct fixture *f = *state;
	struct profile_row row = { .host = 3,
		.daemon = "nginx",
		.kind = DS_EVENT_EXEC,
		.key = (const uint8_t *)"a\0b",
		.key_size = 3,
		.count = 1,
		.first_us = 1,
		.last_us = 1 };
	unsigned n = 0;

	fixture_begin(f);
	assert_int_equal(f->backend->profile_put(f->store, &row), 0);
	row.count = 9;
	row.first_us = row.last_us = 8;
	row.learnt = true;
	assert_int_equal(f->backend->profile_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 0, NULL, check_profile, &n), 0);
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 3, NULL, check_profile, &n), 0);
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 3, "nginx", check_profile, &n), 0);
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 3, "sshd", check_profile, &n), 0);
	assert_int_equal(n, f->keeps ? 3 : 0);

	fixture_begin(f);
	assert_int_equal(f->backend->profile_delete(f->store, 3, "sshd"), 0);
	assert_int_equal(f->backend->profile_delete(f->store, 3, NULL), 0);
	fixture_commit(f);
	n = 0;
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 0, NULL, check_profile, &n), 0);
	assert_int_equal(n, 0);
}

static int
check_alert(const struct alert_row *row, void *ctx)
{
	assert_string_equal(row->title, "nginx started /bin/sh");
	assert_string_equal(row->severity, "high");
	assert_string_equal(row->reason, "because");
	assert_string_equal(row->json, "{\"a\":1}");
	assert_null(row->verdict);
	assert_string_equal(row->assignee, "ann");
	assert_true(row->score == 97 && row->created_us == 1 && row->updated_us == 2 &&
		    row->first_us == 3 && row->last_us == 4 && row->count == 5 && row->host == 3);
	return count_rows(ctx);
}

static int
check_brief(const struct alert_row *row, void *ctx)
{
	assert_string_equal(row->title, "nginx started /bin/sh");
	assert_string_equal(row->daemon, "nginx");
	assert_null(row->reason);
	assert_null(row->json);
	assert_true(row->score == 97 && row->first_us == 3 && row->last_us == 4 && row->host == 3);
	return count_rows(ctx);
}

static struct alert_row
some_alert(const char *id, const char *status)
{
	return (struct alert_row){ .id = id,
		.key = id,
		.host = 3,
		.daemon = "nginx",
		.kind = "new_child",
		.status = status,
		.severity = "high",
		.title = "nginx started /bin/sh",
		.reason = "because",
		.score = 97,
		.created_us = 1,
		.updated_us = 2,
		.first_us = 3,
		.last_us = 4,
		.count = 5,
		.json = "{\"a\":1}",
		.assignee = "ann" };
}

static void
alerts_are_listed_newest_first_by_status(void **state)
{
	struct fixture *f = *state;
	const struct store_backend *b = f->backend;
	struct alert_row one = some_alert("alr_1", "open"), two = some_alert("alr_2", "closed"),
			 three = some_alert("alr_3", "open");
	unsigned n = 0;

	fixture_begin(f);
	assert_int_equal(b->alert_put(f->store, &one), 0);
	assert_int_equal(b->alert_put(f->store, &two), 0);
	assert_int_equal(b->alert_put(f->store, &three), 0);
	assert_int_equal(b->alert_put(f->store, &three), 0);
	/* Within the transaction, before it is committed. */
	assert_int_equal(b->alert_by_key(f->store, "alr_1", check_alert, &n), f->keeps);
	assert_int_equal(b->alert_by_key(f->store, "alr_2", check_alert, &n), 0);
	fixture_commit(f);
	n = 0;
	assert_int_equal(b->each_alert(fixture_reader(f), NULL, NULL, 0, check_alert, &n), 0);
	assert_int_equal(n, f->keeps ? 3 : 0);
	assert_int_equal(b->each_alert(fixture_reader(f), "open", NULL, 10, check_alert, &n), 0);
	assert_int_equal(n, f->keeps ? 5 : 0);
	assert_int_equal(b->each_alert(fixture_reader(f), "open", "alr_3", 10, check_alert, &n), 0);
	assert_int_equal(b->each_alert(fixture_reader(f), NULL, "alr_2", 10, check_alert, &n), 0);
	assert_int_equal(n, f->keeps ? 7 : 0);
	assert_int_equal(b->alert_get(fixture_reader(f), "alr_2", check_alert, &n), f->keeps);
	assert_int_equal(b->alert_get(fixture_reader(f), "alr_9", check_alert, &n), 0);
	n = 0;
	assert_int_equal(b->each_alert_brief(fixture_reader(f), 4, check_brief, &n), 0);
	assert_int_equal(n, f->keeps ? 2 : 0); /* those that are open */
	assert_int_equal(b->each_alert_brief(fixture_reader(f), 3, check_brief, &n), 0);
	assert_int_equal(n, f->keeps ? 5 : 0); /* and one that came since then */
}

static int
count_any_host(const struct host_row *row, void *ctx)
{
	(void)row;
	return count_rows(ctx);
}

static void
hosts_and_alerts_are_counted_and_read_from_a_number_on(void **state)
{
	struct fixture *f = *state;
	const struct store_backend *b = f->backend;
	struct host_row one = { .id = { 1 }, .name = "a", .status = HOST_APPROVED },
			two = { .id = { 2 }, .name = "b", .status = HOST_PENDING };
	struct alert_row open = some_alert("alr_1", "open"), shut = some_alert("alr_2", "closed");
	struct fleet_counts n;
	unsigned seen = 0;

	fixture_begin(f);
	assert_int_equal(b->host_put(f->store, &one), 0);
	assert_int_equal(b->host_put(f->store, &two), 0);
	assert_int_equal(b->alert_put(f->store, &open), 0);
	assert_int_equal(b->alert_put(f->store, &shut), 0);
	fixture_commit(f);
	assert_int_equal(b->fleet_counts(fixture_reader(f), &n), 0);
	assert_int_equal(n.hosts, f->keeps ? 2 : 0);
	assert_int_equal(n.hosts_pending, f->keeps ? 1 : 0);
	assert_int_equal(n.alerts_open, f->keeps ? 1 : 0);
	assert_int_equal(n.alerts_closed, f->keeps ? 1 : 0);
	assert_int_equal(
	    b->each_host_after(fixture_reader(f), one.number, count_any_host, &seen), 0);
	assert_int_equal(seen, f->keeps ? 1 : 0);
}

static int
check_finding(const struct finding_row *row, void *ctx)
{
	assert_string_equal(row->id, "fnd_1");
	assert_string_equal(row->json, "{}");
	return count_rows(ctx);
}

static void
a_finding_told_twice_is_one(void **state)
{
	struct fixture *f = *state;
	struct finding_row row = { .id = "fnd_1",
		.alert_id = "alr_1",
		.host = 3,
		.daemon = "nginx",
		.kind = "new_child",
		.json = "{}",
		.time_us = 4,
		.score = 9.5 };
	unsigned n = 0;

	fixture_begin(f);
	assert_int_equal(f->backend->finding_put(f->store, &row), 1);
	if (f->keeps)
		assert_int_equal(f->backend->finding_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(
	    f->backend->each_finding(fixture_reader(f), "alr_1", check_finding, &n), 0);
	assert_int_equal(n, f->keeps);
}

static void
a_setting_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct setting_row row = { "mode", "monitor" };
	char value[32];

	fixture_begin(f);
	assert_int_equal(f->backend->setting_put(f->store, &row), 0);
	row.value = "active";
	assert_int_equal(f->backend->setting_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(
	    f->backend->setting_get(fixture_reader(f), "none", value, sizeof(value)), -ENOENT);
	if (!f->keeps)
		return;
	assert_int_equal(
	    f->backend->setting_get(fixture_reader(f), "mode", value, sizeof(value)), 0);
	assert_string_equal(value, "active");
	assert_int_equal(f->backend->setting_get(fixture_reader(f), "mode", value, 3), -ENOBUFS);
}

static void
what_is_not_committed_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct segment_row seg = fixture_segment(f, 1, 5, 1);
	struct setting_row row = { "a", "1" };
	struct ds_cursor c;
	char value[8];

	fixture_begin(f);
	assert_int_equal(f->backend->setting_put(f->store, &row), 0);
	assert_int_equal(f->backend->segment_put(f->store, &seg), 1);
	assert_int_equal(
	    f->backend->setting_get(fixture_reader(f), "a", value, sizeof(value)), -ENOENT);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), 0);
	f->backend->rollback(f->store);
	if (!f->keeps)
		return;
	fixture_begin(f);
	assert_int_equal(f->backend->cursor_get(f->store, 1, DS_LANE_URGENT, &c), 0);
	assert_int_equal(c.seq, 0);
	fixture_commit(f);
}

static void
a_mark_undoes_one_request_only(void **state)
{
	struct fixture *f = *state;
	struct segment_row a = fixture_segment(f, 1, 5, 1), b = fixture_segment(f, 2, 5, 1);
	struct ds_cursor c;

	if (!f->keeps)
		return;
	fixture_begin(f);
	assert_int_equal(f->backend->mark(f->store), 0);
	assert_int_equal(f->backend->segment_put(f->store, &a), 1);
	assert_int_equal(f->backend->unmark(f->store, true), 0);
	assert_int_equal(f->backend->mark(f->store), 0);
	assert_int_equal(f->backend->segment_put(f->store, &b), 1);
	assert_int_equal(f->backend->unmark(f->store, false), 0);
	fixture_commit(f);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), 1);
	assert_int_equal(f->backend->reader_cursor(fixture_reader(f), 1, a.lane, &c), 0);
	assert_int_equal(c.seq, 1);
	assert_int_equal(f->backend->reader_cursor(fixture_reader(f), 2, b.lane, &c), 0);
	assert_int_equal(c.seq, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		T(a_host_keeps_its_number),
		T(a_host_is_read_back_whole),
		T(a_token_is_used_as_often_as_allowed_and_no_more),
		T(a_token_is_used_from_its_networks_only),
		T(a_copy_may_be_rebound_from_what_it_was_copied_from_only),
		T(hosts_that_come_and_go_are_revoked_and_forgotten),
		T(a_daemon_is_one_row_of_its_host),
		T(a_learnt_key_is_kept_and_forgotten),
		T(alerts_are_listed_newest_first_by_status),
		T(hosts_and_alerts_are_counted_and_read_from_a_number_on),
		T(a_finding_told_twice_is_one),
		T(a_setting_is_replaced),
		T(what_is_not_committed_is_not_there),
		T(a_mark_undoes_one_request_only),
	};

	return fixture_run(tests, DS_LEN(tests));
}
