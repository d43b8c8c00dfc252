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

#define DAY  86400000000ull
#define HOUR 3600000000ull

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
	    f->backend->token_use(f->store, "tok_2", row.secret_hash, 20, &used), -ENOENT);
	if (f->keeps) {
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", wrong, 20, &used), -EACCES);
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", row.secret_hash, 1000, &used), -ETIME);
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", row.secret_hash, 20, &used), 0);
		assert_int_equal(used.uses, 1);
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", row.secret_hash, 20, &used), 0);
		assert_int_equal(
		    f->backend->token_use(f->store, "tok_1", row.secret_hash, 20, &used), -EEXIST);
	}
	fixture_commit(f);
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
	assert_int_equal(f->backend->daemon_put(f->store, &row), 0);
	fixture_commit(f);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 3, check_daemon, &n), 0);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 0, check_daemon, &n), 0);
	assert_int_equal(f->backend->each_daemon(fixture_reader(f), 4, check_daemon, &n), 0);
	assert_int_equal(n, f->keeps ? 2 : 0);
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
	assert_true(row->score == 97 && row->created_us == 1 && row->updated_us == 2 &&
		    row->first_us == 3 && row->last_us == 4 && row->count == 5 && row->host == 3);
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
		.json = "{\"a\":1}" };
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

static void
a_segment_sent_twice_is_stored_once(void **state)
{
	struct fixture *f = *state;
	struct segment_row one = fixture_segment(f, 1, 5, 1), two = fixture_segment(f, 1, 5, 2);
	struct ds_cursor c;

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &one), 1);
	assert_int_equal(f->backend->segment_put(f->store, &one), 0);
	assert_int_equal(f->backend->segment_put(f->store, &two), 1);
	fixture_commit(f);
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &one), 0);
	assert_int_equal(f->backend->segment_put(f->store, &two), 0);
	assert_int_equal(f->backend->cursor_get(f->store, 1, one.lane, &c), 0);
	assert_true(c.epoch == 5 && c.seq == 2);
	fixture_commit(f);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
}

static void
a_spool_made_anew_starts_over_even_if_its_clock_went_back(void **state)
{
	struct fixture *f = *state;
	struct segment_row old = fixture_segment(f, 1, 900, 40), new = fixture_segment(f, 1, 5, 1);
	struct ds_cursor c;

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &old), 1);
	assert_int_equal(f->backend->segment_put(f->store, &new), 1);
	assert_int_equal(f->backend->cursor_get(f->store, 1, new.lane, &c), 0);
	assert_true(c.epoch == 5 && c.seq == 1);
	fixture_commit(f);
}

static void
cursors_outlive_midnight_and_a_clock_that_goes_back(void **state)
{
	struct fixture *f = *state;
	uint64_t start = fixture_clock_us;
	static const int64_t jumps[] = { 1, 365, -365, -1, 0 };
	uint64_t seq = 0;

	for (size_t i = 0; i < DS_LEN(jumps); i++) {
		struct segment_row row = fixture_segment(f, 1, 5, ++seq);

		fixture_clock_us = (uint64_t)((int64_t)start + jumps[i] * (int64_t)DAY);
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		fixture_commit(f);
		fixture_reopen(f);
		if (!f->keeps)
			return;
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 0);
		fixture_commit(f);
	}
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), DS_LEN(jumps));
}

static void
a_segment_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct segment_row row = fixture_segment(f, 4, 5, 6);
	struct segment_row back = { 0 };

	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	fixture_commit(f);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, &back), f->keeps);
	if (!f->keeps)
		return;
	assert_true(back.host == 4 && back.epoch == 5 && back.seq == 6 && back.lane == row.lane);
	assert_true(
	    back.received_us == row.received_us && back.len == row.len && back.kinds == row.kinds);
	assert_true(back.time_min_us == row.time_min_us && back.time_max_us == row.time_max_us);
	assert_int_equal(f->last_packed_size, row.packed_size);
	assert_memory_equal(f->last_packed, row.packed, row.packed_size);
}

static void
the_index_excludes_what_cannot_match(void **state)
{
	struct fixture *f = *state;
	uint32_t host = 2, none = 9, both[] = { 1, 2 };
	uint32_t daemon = bloom_daemon_hash("d2", 2);
	uint64_t string = bloom_hash("s2", 2),
		 strings[2] = { bloom_hash("s2", 2), bloom_hash("s3", 2) };
	struct segment_filter by_host = { .hosts = &host, .hosts_len = 1 },
			      by_none = { .hosts = &none, .hosts_len = 1 },
			      by_both = { .hosts = both, .hosts_len = 2 },
			      by_daemon = { .daemon_hashes = &daemon, .daemon_hashes_len = 1 },
			      by_string = { .strings = &string, .strings_len = 1 },
			      by_strings = { .strings = strings, .strings_len = 2 },
			      by_kind = { .kinds = 1ull << DS_EVENT_LOGIN }, by_time = { 0 };

	if (!f->keeps)
		return;
	fixture_begin(f);
	for (uint32_t i = 1; i <= 3; i++) {
		struct segment_row row = fixture_segment(f, i, 5, 1);

		row.time_min_us = i * HOUR;
		row.time_max_us = i * HOUR + 10;
		row.kinds = i == 3 ? 1ull << DS_EVENT_LOGIN : 1ull << DS_EVENT_EXEC;
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
	}
	fixture_commit(f);
	by_time.time_min_us = 2 * HOUR + 5;
	by_time.time_max_us = 2 * HOUR + 6;
	assert_int_equal(fixture_count(f, &by_host, NULL), 1);
	assert_int_equal(f->stats.segments, 3);
	assert_int_equal(f->stats.excluded, 2);
	assert_int_equal(fixture_count(f, &by_none, NULL), 0);
	assert_int_equal(fixture_count(f, &by_both, NULL), 2);
	assert_int_equal(fixture_count(f, &by_daemon, NULL), 1);
	assert_int_equal(fixture_count(f, &by_string, NULL), 1);
	assert_int_equal(fixture_count(f, &by_strings, NULL), 0);
	assert_int_equal(fixture_count(f, &by_kind, NULL), 1);
	assert_int_equal(fixture_count(f, &by_time, NULL), 1);
	by_host.time_max_us = HOUR;
	assert_int_equal(fixture_count(f, &by_host, NULL), 0);
}

static int
page_one(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct segment_filter *f = ctx;

	(void)row;
	f->after_day = at->day;
	f->after_number = at->number;
	return 1;
}

static void
check_paging(struct fixture *f, bool newest_first, unsigned expected)
{
	struct segment_filter filter = { .newest_first = newest_first };
	uint64_t last = newest_first ? UINT64_MAX : 0;
	unsigned n = 0;

	while (f->backend->each_segment(fixture_reader(f), &filter, page_one, &filter, NULL) == 1) {
		uint64_t at = filter.after_day << 32 | filter.after_number;

		assert_true(newest_first ? at < last : at > last);
		last = at;
		n++;
	}
	assert_int_equal(n, expected);
}

static void
a_scan_resumes_where_it_stopped_in_both_directions(void **state)
{
	struct fixture *f = *state;
	uint64_t start = fixture_clock_us, seq = 0;

	for (unsigned day = 0; day < 3; day++) {
		fixture_clock_us = start + day * DAY;
		fixture_begin(f);
		for (unsigned i = 0; i < 4; i++) {
			struct segment_row row = fixture_segment(f, 1 + i % 2, 5, ++seq);

			assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		}
		fixture_commit(f);
	}
	check_paging(f, false, f->keeps ? 12 : 0);
	check_paging(f, true, f->keeps ? 12 : 0);
}

static void
totals_tell_what_is_stored(void **state)
{
	struct fixture *f = *state;
	struct segment_row a = fixture_segment(f, 1, 5, 1), b = fixture_segment(f, 2, 5, 1);
	struct store_totals t;

	a.time_min_us = 50;
	b.time_max_us = 5000000000000000;
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &a), 1);
	assert_int_equal(f->backend->segment_put(f->store, &b), 1);
	fixture_commit(f);
	assert_int_equal(f->backend->totals(fixture_reader(f), &t), 0);
	assert_int_equal(t.segments, f->keeps ? 2 : 0);
	assert_int_equal(t.events, f->keeps ? a.len + b.len : 0);
	if (!f->keeps)
		return;
	assert_true(t.oldest_us == 50 && t.newest_us == 5000000000000000 && t.days == 1);
	assert_true(t.bytes > 0 && t.control_bytes > 0);
}

static void
put_days(struct fixture *f, unsigned days)
{
	uint64_t start = fixture_clock_us;

	for (unsigned i = 0; i < days; i++) {
		struct segment_row row = fixture_segment(f, 1, 5, i + 1);

		fixture_clock_us = start + i * DAY;
		fixture_begin(f);
		assert_int_equal(f->backend->segment_put(f->store, &row), 1);
		fixture_commit(f);
		/* The clock is watched all the while: none of this is a jump. */
	}
}

static void
days_past_retention_go_and_cursors_stay(void **state)
{
	struct fixture *f = *state;
	struct segment_row row;

	put_days(f, 6);
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 4 : 0);
	row = fixture_segment(f, 1, 5, 6);
	fixture_begin(f);
	assert_int_equal(f->backend->segment_put(f->store, &row), 0);
	fixture_commit(f);
}

static void
a_clock_that_jumps_a_year_costs_no_history(void **state)
{
	struct fixture *f = *state;

	put_days(f, 2);
	fixture_maintain(f, fixture_clock_us);
	fixture_maintain(f, fixture_clock_us + 365 * DAY);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
	fixture_reopen(f);
	fixture_maintain(f, fixture_clock_us + 365 * DAY);
	assert_int_equal(fixture_count(f, &(struct segment_filter){ 0 }, NULL), f->keeps ? 2 : 0);
}

static void
the_oldest_days_make_room(void **state)
{
	struct fixture *f = *state;

	if (!f->keeps)
		return;
	put_days(f, 3);
	f->cfg.max_bytes = 1;
	fixture_reopen(f);
	fixture_maintain(f, fixture_clock_us);
	assert_true(fixture_count(f, &(struct segment_filter){ 0 }, NULL) <= 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		T(a_host_keeps_its_number),
		T(a_host_is_read_back_whole),
		T(a_token_is_used_as_often_as_allowed_and_no_more),
		T(a_daemon_is_one_row_of_its_host),
		T(a_learnt_key_is_kept_and_forgotten),
		T(alerts_are_listed_newest_first_by_status),
		T(a_finding_told_twice_is_one),
		T(a_setting_is_replaced),
		T(what_is_not_committed_is_not_there),
		T(a_mark_undoes_one_request_only),
		T(a_segment_sent_twice_is_stored_once),
		T(a_spool_made_anew_starts_over_even_if_its_clock_went_back),
		T(cursors_outlive_midnight_and_a_clock_that_goes_back),
		T(a_segment_comes_back_as_it_was),
		T(the_index_excludes_what_cannot_match),
		T(a_scan_resumes_where_it_stopped_in_both_directions),
		T(totals_tell_what_is_stored),
		T(days_past_retention_go_and_cursors_stay),
		T(a_clock_that_jumps_a_year_costs_no_history),
		T(the_oldest_days_make_room),
	};

	return fixture_run(tests, DS_LEN(tests));
}
