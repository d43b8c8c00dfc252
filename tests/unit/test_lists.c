/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists by what is asked for, and the board of alerts, over the real store: the same as by looking
 * at every row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api/board.h"
#include "server/api/query_list.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS 300u
#define NOW_US (1800000000ull * 1000000)

static uint32_t dice_state;

static uint32_t
dice(uint32_t sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

static const char *const kinds[] = { "new_child", "login", "blind" };
static const char *const severities[] = { "low", "medium", "high", "critical" };
static const char *const states[] = { "open", "acknowledged", "closed" };
static const char *const daemons[] = { "nginx.service", "nginx", "", "Cron%_" };
static const char *const titles[] = { "nginx started /bin/sh on web-1", "a 100%_[x]*? title",
	("Gr\xc3\xb6\xc3\x9f"
	 "e"),
	"" };
static const char *const assignees[] = { "", "Ann", "bob" };

static void
put_host(struct fixture *f, uint32_t n)
{
	static const char *const names[] = { "web-1", "WEB-2", "db_3", "" };
	struct host_row row = fixture_host((uint8_t)(n + 1));

	row.name = names[n % 4];
	row.labels = n % 2 ? "eu,db" : "";
	row.status = (int)(n % 3);
	assert_int_equal(f->backend->host_put(f->store, &row), 0);
}

static void
put_alert(struct fixture *f, uint32_t n)
{
	char id[32];
	struct alert_row row = { .id = id,
		.key = id,
		.host = 1 + dice(5), /* one that is not there, too */
		.kind = kinds[dice(3)],
		.severity = severities[dice(4)],
		.status = states[dice(3)],
		.daemon = daemons[dice(4)],
		.title = titles[dice(4)],
		.reason = titles[dice(4)],
		.assignee = assignees[dice(3)],
		.score = (int)dice(100) - 1,
		.count = dice(9),
		.created_us = NOW_US - dice(100000000),
		.first_us = NOW_US - dice(100000000),
		.last_us = NOW_US - dice(100000000),
		.verdict = dice(5) ? NULL : "{\"verdict\":\"true_positive\"}",
		.json = "{}" };

	snprintf(id, sizeof(id), "alr_%05u", n);
	assert_int_equal(f->backend->alert_put(f->store, &row), 0);
}

static int
setup(void **state)
{
	struct fixture *f;

	*state = NULL; /* the first of store_backends */
	if (fixture_setup(state) != 0)
		return -1;
	f = *state;
	if (!f->keeps)
		return -1;
	dice_state = 1;
	fixture_begin(f);
	for (uint32_t i = 0; i < 4; i++)
		put_host(f, i);
	for (uint32_t i = 0; i < ALERTS; i++)
		put_alert(f, i);
	fixture_commit(f);
	return 0;
}

/* ---- lists */

struct looked {
	const struct query *q;
	size_t given, len;
	char ids[ALERTS][16];
};

/* As alerts_list.c tells the fields of a row; the hosts are those of put_host(). */
static bool
get_field(void *ctx, const char *field, struct query_datum *ret)
{
	static const char *const hosts[] = { "web-1", "WEB-2", "db_3" };
	const struct alert_row *row = ctx;
	struct query_text_of texts[] = {
		{ "id", row->id },
		{ "title", row->title },
		{ "reason", row->reason },
		{ "kind", row->kind },
		{ "severity", row->severity },
		{ "status", row->status },
		{ "service.name", row->daemon },
		{ "assignee", row->assignee },
		{ "host.name", row->host <= 3 ? hosts[row->host - 1] : NULL },
		{ "verdict", row->verdict != NULL ? "true_positive" : NULL },
		{ NULL, NULL },
	};
	const struct {
		const char *name;
		uint64_t v;
	} numbers[] = {
		{ "score", row->score < 0 ? 0 : (uint64_t)row->score },
		{ "count", row->count },
		{ "first_seen", row->first_us },
	};

	for (size_t i = 0; i < DS_LEN(numbers); i++) {
		if (strcmp(numbers[i].name, field) != 0)
			continue;
		*ret = (struct query_datum){ .is_number = true, .number = numbers[i].v };
		return true;
	}
	return query_datum_from(texts, field, ret);
}

static int
look(const struct alert_row *row, void *ctx)
{
	struct looked *l = ctx;

	l->given++;
	if (query_match(l->q, get_field, (void *)(uintptr_t)row))
		snprintf(l->ids[l->len++], sizeof(l->ids[0]), "%s", row->id);
	return 0;
}

/* How many rows the store gave; what matches is the same as when all rows are looked at. */
static size_t
compare(struct fixture *f, const char *text)
{
	struct query_error error;
	struct query *q = query_parse(&query_alerts, text, strlen(text), NOW_US, &error);
	struct looked *all = calloc(1, sizeof(*all)), *some = calloc(1, sizeof(*some));
	struct query_list *what = calloc(1, sizeof(*what));
	size_t given;

	if (q == NULL)
		fail_msg("%s: %s", text, error.text);
	all->q = some->q = q;
	query_list_init(what, q);
	assert_int_equal(f->backend->each_alert(fixture_reader(f), NULL, NULL, 0, look, all), 0);
	assert_int_equal(
	    f->backend->lists->alerts(fixture_reader(f), &what->filter, look, some), 0);
	if (all->len != some->len || memcmp(all->ids, some->ids, sizeof(all->ids)) != 0)
		fail_msg("%s: %zu of all rows, %zu of the list's %zu", text, all->len, some->len,
		    some->given);
	given = some->given;
	query_free(q);
	free(all);
	free(some);
	free(what);
	return given;
}

static void
a_list_has_what_looking_at_every_row_finds(void **state)
{
	static const char *const texts[] = { "", "kind:login", "KIND:Login", "not kind:login",
		"service.name:nginx", "not service.name:nginx", "service.name:*",
		"not service.name:*", "title:*%_[x]*", "title:\"a 100%_[x]*? title\"",
		"reason:*\\**", "title:gr\xc3\xb6*", "host.name:web-1", "host.name:web-*",
		"not host.name:web-1", "host.name:*", "not host.name:*", "assignee:ann",
		"not assignee:ann", "score:>50", "score:0", "not score:>=10", "count:3..5",
		"first_seen:>now-50s", "bin", "Bin", "tive", "yes", "100%_",
		"verdict:true_positive", "not verdict:*", "kind:(login or blind)",
		"severity:high and (status:open or not bob)", "title:**", "id:alr_00007",
		"id:alr_0000*", "score:18446744073709551615" };
	struct fixture *f = *state;

	for (size_t i = 0; i < DS_LEN(texts); i++)
		(void)compare(f, texts[i]);
}

static void
rows_that_cannot_match_are_not_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(compare(f, "kind:nosuch"), 0);
	assert_int_equal(compare(f, "nosuchword"), 0);
	assert_int_equal(compare(f, "host.name:nosuch or score:>200"), 0);
	assert_int_equal(compare(f, "id:alr_00007"), 1);
	assert_true(compare(f, "kind:login and not status:open") < ALERTS / 2);
	assert_int_equal(compare(f, "verdict:nosuch"), ALERTS); /* only who asks can tell */
}

static void
any_query_finds_what_it_finds_without_the_store(void **state)
{
	static const char *const terms[] = { "kind:login", "severity:(high or low)", "nginx", "Ann",
		"score:>40", "verdict:*", "host.name:web*", "service.name:nginx", "title:*sh*",
		"status:open", "assignee:*" };
	struct fixture *f = *state;
	char text[1000];

	for (unsigned i = 0; i < 200; i++) {
		size_t at = 0;

		for (uint32_t n = 1 + dice(6); n > 0; n--)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s(%s%s)%s",
			    at ? dice(2) ? " and " : " or " : "", dice(3) ? "" : "not ",
			    dice(4) ? "" : "not ", terms[dice(DS_LEN(terms))], "");
		(void)compare(f, text);
	}
}

/* ---- the board */

struct sums {
	uint64_t alerts, open;
	char text[4000];
};

static void
add_alert(const struct board_alert *a, void *ctx)
{
	struct sums *s = ctx;

	s->alerts++;
	s->open += a->is_open;
}

/* What a board says, as text. */
static void
say(struct board *b, struct sums *ret)
{
	size_t at = 0;

	*ret = (struct sums){ 0 };
	assert_int_equal(board_refresh(b, NOW_US), 0);
	board_count(b, add_alert, ret);
	for (unsigned sort = BOARD_CAUSES; sort <= BOARD_HOSTS; sort++) {
		struct board_list l;

		assert_int_equal(board_arrange(b, sort, &l), 0);
		for (size_t i = 0; i < l.len && at < sizeof(ret->text); i++)
			at += (size_t)snprintf(ret->text + at, sizeof(ret->text) - at,
			    "%u:%s,%d,%llu,%llu,%llu\n", sort, l.groups[i]->worst->id,
			    l.groups[i]->score, (unsigned long long)l.groups[i]->alerts,
			    (unsigned long long)l.groups[i]->hosts,
			    (unsigned long long)l.groups[i]->last_us);
		free(l.groups);
	}
}

static void
compare_boards(struct fixture *f, struct board *kept)
{
	struct board *fresh = board_new(f->backend, fixture_reader(f));
	struct sums a, b;

	assert_non_null(fresh);
	say(kept, &a);
	say(fresh, &b);
	assert_int_equal(a.alerts, b.alerts);
	assert_int_equal(a.open, b.open);
	assert_string_equal(a.text, b.text);
	board_free(fresh);
}

static void
a_board_kept_up_to_date_is_as_one_made_anew(void **state)
{
	struct fixture *f = *state;
	struct board *kept = board_new(f->backend, fixture_reader(f));

	assert_non_null(kept);
	compare_boards(f, kept);
	for (unsigned turn = 0; turn < 30; turn++) {
		fixture_begin(f);
		for (uint32_t n = dice(20); n > 0; n--)
			put_alert(f, dice(ALERTS + 100));
		fixture_commit(f);
		compare_boards(f, kept);
	}
	board_free(kept);
}

static void
a_board_reads_all_after_more_changes_than_it_takes_over(void **state)
{
	struct fixture *f = *state;
	struct board *kept = board_new(f->backend, fixture_reader(f));

	compare_boards(f, kept);
	fixture_begin(f);
	for (uint32_t n = 0; n < 2500; n++)
		put_alert(f, dice(ALERTS));
	fixture_commit(f);
	compare_boards(f, kept);
	board_free(kept);
}

static void
counts_follow_every_change(void **state)
{
	struct fixture *f = *state;
	struct fleet_counts n;
	struct sums s = { 0 };
	struct board *b = board_new(f->backend, fixture_reader(f));

	for (unsigned turn = 0; turn < 10; turn++) {
		fixture_begin(f);
		put_alert(f, dice(ALERTS + 100));
		fixture_commit(f);
		say(b, &s);
		assert_int_equal(f->backend->fleet_counts(fixture_reader(f), &n), 0);
		assert_int_equal(n.alerts_open, s.open);
		assert_int_equal(n.alerts_open + n.alerts_acknowledged + n.alerts_closed, s.alerts);
	}
	assert_int_equal(n.hosts, 4);
	assert_int_equal(n.hosts_pending, 2);
	assert_int_equal(n.hosts_revoked, 1);
	board_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
		T(a_list_has_what_looking_at_every_row_finds),
		T(rows_that_cannot_match_are_not_read),
		T(any_query_finds_what_it_finds_without_the_store),
		T(a_board_kept_up_to_date_is_as_one_made_anew),
		T(a_board_reads_all_after_more_changes_than_it_takes_over),
		T(counts_follow_every_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
