/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/evidence.h"
#include "server/detect/login_told.h"
#include "server/store/model_state.h"
#include "tests/unit/detect_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAEMON "app.service"
#define MAIN   "/usr/sbin/app"
#define SLOT   (300 * S)

static const char *const programs[] = { "/usr/bin/awk", "/usr/bin/sort", "/usr/bin/join",
	"/usr/bin/cut", "/usr/bin/tail", "/usr/bin/wc" };
static uint32_t state = 7;

static uint32_t
noise(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static void
start(struct fixture *f, const char *program, uint32_t pid)
{
	struct ds_event ev = fixture_exec(f, DAEMON, program, MAIN, program);

	ev.num[DS_NUM_PID] = pid;
	fixture_add(f, &ev);
	f->now_us += S / 10;
}

static void
reach(struct fixture *f, uint8_t last, uint64_t count)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_CONNECT, DAEMON);
	const uint8_t address[4] = { 10, 0, last, 1 };

	ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
	ds_event_set_str(&ev, DS_STR_EXE, MAIN, strlen(MAIN));
	ev.num[DS_NUM_DPORT] = 443;
	ev.num[DS_NUM_PROTO] = 6;
	ev.count = count;
	ev.flags = count > 1 ? DS_FLAG_REPEAT : 0;
	fixture_add(f, &ev);
}

/* Five minutes of what it always does: jobs that start the same programs in the same order, now and
 * then one less, and connections. */
static void
usual(struct fixture *f)
{
	for (unsigned job = 0; job < 3 + noise(3); job++) {
		uint32_t pid = 1000 + noise(20000);

		for (unsigned i = 0; i < 6; i++)
			if (noise(20) > 0)
				start(f, programs[i], pid);
	}
	reach(f, 1, 1 + noise(9));
	reach(f, 2, 1 + noise(5));
}

static size_t
tick(struct fixture *f)
{
	struct verdict v;
	size_t told;

	assert_int_equal(detect_tick(f->detect, f->now_us, &v), 0);
	told = fixture_told(&v);
	verdict_done(&v);
	return told;
}

static size_t
next_slot(struct fixture *f)
{
	uint64_t next_us = (f->now_us / SLOT + 1) * SLOT;
	size_t told = fixture_send(f) + tick(f);

	/* An agent is heard all the time. */
	while ((f->now_us += 50 * S) < next_us) {
		struct ds_event ev = fixture_event(f, DS_EVENT_RESOURCE, DAEMON);

		fixture_add(f, &ev);
		told += fixture_send(f) + tick(f);
	}
	return told + tick(f);
}

static void
begin(struct fixture *f)
{
	f->cfg.alert_budget = 7;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, DAEMON, "service", MAIN, "1.0-1", 1);
	assert_int_equal(fixture_send(f), 0);
}

static size_t
live(struct fixture *f, unsigned slots)
{
	size_t told = 0;

	for (unsigned i = 0; i < slots; i++) {
		usual(f);
		told += next_slot(f);
	}
	return told;
}

static const struct finding *
fused_finding(const struct fixture *f, const char *kind)
{
	for (size_t i = 0; i < f->verdict.findings_len; i++)
		if (strcmp(f->verdict.findings[i].kind, kind) == 0)
			return &f->verdict.findings[i];
	return NULL;
}

static void
known_programs_in_an_order_never_seen_are_found(void **s)
{
	struct fixture *f = *s;
	const struct finding *found;
	size_t told;

	begin(f);
	live(f, 300);
	told = live(f, 1000); /* half a week: 3.5 are accepted */
	assert_true(told <= 8);
	usual(f);
	for (unsigned i = 0; i < 40; i++)
		start(f, programs[(5 * i + i / 6) % 6], 5);
	assert_true(fixture_send(f) >= 1);
	found = fused_finding(f, "window_outlier");
	assert_non_null(found);
	assert_non_null(strstr(found->json, "\"family\":\"sequence\""));
	assert_non_null(strstr(found->json, "/usr/bin/"));
	assert_non_null(strstr(found->json, "\"p\":"));
	assert_true(found->score >= 40 && found->score <= 100);
}

/* Processes that do as always, but for the last two of their steps. */
static size_t
with_another_end(struct fixture *f, unsigned processes, unsigned a, unsigned b)
{
	static uint32_t pid = 30000;

	usual(f);
	for (unsigned i = 0; i < processes; i++, pid++) {
		for (unsigned k = 0; k < 4; k++)
			start(f, programs[k], pid);
		start(f, programs[a], pid);
		start(f, programs[b], pid);
	}
	return next_slot(f);
}

static void
one_process_of_a_new_order_is_nothing_and_all_of_many_are(void **s)
{
	struct fixture *f = *s;

	begin(f);
	live(f, 1500);
	assert_int_equal(with_another_end(f, 1, 5, 4), 0);
	live(f, 3);
	assert_int_equal(with_another_end(f, 60, 5, 4), 0); /* it is known by now */
	assert_int_equal(with_another_end(f, 60, 5, 3), 1);
}

/* The facts of the fleet's login model, as it publishes them. */
static struct ds_snapshot *
logins_of(struct fixture *f, const char *daemon, bool success)
{
	struct ds_snapshot *told = ds_snapshot_new(free);
	struct login_facts *facts = calloc(1, sizeof(*facts));
	struct login_fact *to = &facts->at[1];

	*to = (struct login_fact){
		.number = 1, .host = f->from.host, .time_us = f->now_us, .success = success
	};
	snprintf(to->daemon, sizeof(to->daemon), "%s", daemon);
	snprintf(to->group, sizeof(to->group), "login:in:7:1");
	snprintf(to->feature, sizeof(to->feature), "network of the account");
	facts->newest = 1;
	assert_int_equal(ds_snapshot_publish(told, facts), 0);
	f->cfg.logins = told;
	detect_configure(f->detect, &f->cfg);
	return told;
}

static void
what_follows_a_strange_login_is_in_its_alert(void **s)
{
	struct fixture *f = *s;
	struct ds_snapshot *told;
	struct detect_state before, after;

	begin(f);
	live(f, 1000);
	usual(f);
	(void)fixture_send(f);
	detect_get_state(f->detect, &before);
	told = logins_of(f, DAEMON, true);
	assert_int_equal(tick(f), 0);
	detect_get_state(f->detect, &after);
	assert_int_equal(after.decisive, before.decisive + 1);
	for (unsigned i = 0; i < 40; i++)
		start(f, programs[(5 * i + i / 6) % 6], 5);
	assert_int_equal(fixture_send(f), 0);
	assert_true(f->verdict.findings_len >= 1);
	assert_true(f->verdict.findings[0].joins);
	assert_string_equal(f->verdict.findings[0].group, "login:in:7:1");
	/* Once, however often it is looked at. */
	assert_int_equal(tick(f), 0);
	detect_get_state(f->detect, &after);
	assert_int_equal(after.decisive, before.decisive + 1);
	f->cfg.logins = NULL;
	detect_configure(f->detect, &f->cfg);
	ds_snapshot_free(told);
}

static void
nobody_hides_behind_failing_logins(void **s)
{
	struct fixture *f = *s;
	struct ds_snapshot *told;

	begin(f);
	live(f, 1000);
	usual(f);
	(void)fixture_send(f);
	told = logins_of(f, DAEMON, false);
	assert_int_equal(tick(f), 0);
	for (unsigned i = 0; i < 40; i++)
		start(f, programs[(5 * i + i / 6) % 6], 5);
	assert_true(fixture_send(f) >= 1);
	assert_non_null(strstr(f->verdict.findings[0].json, "\"family\":\"login\""));
	f->cfg.logins = NULL;
	detect_configure(f->detect, &f->cfg);
	ds_snapshot_free(told);
}

static void
a_destination_that_is_suddenly_busy_is_found(void **s)
{
	struct fixture *f = *s;
	const struct finding *found;

	begin(f);
	live(f, 1000);
	usual(f);
	for (unsigned i = 0; i < 50; i++)
		reach(f, 2, 400);
	assert_true(fixture_send(f) >= 1);
	found = fused_finding(f, "rate_burst");
	assert_non_null(found);
	assert_non_null(strstr(found->json, "10.0.2"));
}

static void
a_backlog_is_no_burst(void **s)
{
	struct fixture *f = *s;

	begin(f);
	live(f, 1000);
	usual(f);
	assert_int_equal(fixture_send(f), 0);
	f->now_us -= 3600 * S;
	for (unsigned i = 0; i < 50; i++)
		reach(f, 2, 400);
	(void)fixture_send(f);
	/* That there is so much of it is another matter. */
	assert_null(fused_finding(f, "rate_burst"));
}

static void
a_start_of_the_agent_cuts_processes_off_also_when_the_clock_went_back(void **s)
{
	struct fixture *f = *s;

	begin(f);
	live(f, 600);
	usual(f);
	assert_int_equal(fixture_send(f), 0);
	for (unsigned i = 0; i < 12; i++) {
		struct ds_event ev = fixture_event(f, DS_EVENT_AGENT_STOP, "");

		fixture_add(f, &ev);
		f->now_us -= i % 2 * 3600 * S; /* every other time */
		ev = fixture_event(f, DS_EVENT_AGENT_START, "");
		fixture_add(f, &ev);
		/* The same process again, as if there had been nothing in between. */
		start(f, programs[i * 5 % 6], 5);
	}
	(void)fixture_send(f);
	assert_null(fused_finding(f, "window_outlier"));
}

static void
what_a_gap_cuts_through_is_not_scored(void **s)
{
	struct fixture *f = *s;
	struct ds_event gap;

	begin(f);
	live(f, 600);
	usual(f);
	gap = fixture_event(f, DS_EVENT_GAP, "");
	gap.num[DS_NUM_DURATION_US] = S;
	fixture_add(f, &gap);
	for (unsigned i = 0; i < 6; i++) {
		struct ds_event more = gap;

		/* Each step follows a gap: there is no order to judge. */
		start(f, programs[5 - i], 5);
		more.time_us = f->now_us;
		fixture_add(f, &more);
	}
	assert_int_equal(fixture_send(f), 0);
}

static void
sessions_are_not_judged(void **s)
{
	struct fixture *f = *s;

	fixture_declare(f, DAEMON, "session", "/usr/bin/bash", "1.0-1", 1);
	assert_int_equal(fixture_send(f), 0);
	live(f, 300);
	for (unsigned i = 0; i < 40; i++)
		start(f, programs[noise(6)], 5);
	assert_int_equal(fixture_send(f), 0);
}

/* ---- what is kept */

#define ROWS_MAX 64

struct rows {
	struct {
		char name[300];
		uint32_t host;
		uint8_t *data;
		size_t size;
	} at[ROWS_MAX];
	size_t len;
};

static void
keep_rows(struct rows *r, const struct verdict *v)
{
	for (size_t i = 0; i < v->states_len; i++) {
		size_t at = 0;

		while (at < r->len && strcmp(r->at[at].name, v->states[i].name) != 0)
			at++;
		assert_true(at < ROWS_MAX);
		if (at == r->len)
			r->len++;
		else
			free(r->at[at].data);
		snprintf(r->at[at].name, sizeof(r->at[at].name), "%s", v->states[i].name);
		r->at[at].host = v->states[i].host;
		r->at[at].size = v->states[i].size;
		r->at[at].data = malloc(v->states[i].size + 1);
		memcpy(r->at[at].data, v->states[i].data, v->states[i].size);
	}
}

static void
free_rows(struct rows *r)
{
	for (size_t i = 0; i < r->len; i++)
		free(r->at[i].data);
	*r = (struct rows){ 0 };
}

/* Everything that is due by then. */
static void
save_all(struct detect *d, uint64_t now_us, struct rows *ret)
{
	for (int i = 0; i < 2; i++, now_us += 301 * S) {
		struct verdict v;

		assert_int_equal(detect_tick(d, now_us, &v), 0);
		keep_rows(ret, &v);
		verdict_done(&v);
	}
}

static struct model_state_row
row_of(const struct rows *r, size_t i, size_t size)
{
	return (struct model_state_row){
		.host = r->at[i].host, .name = r->at[i].name, .data = r->at[i].data, .size = size
	};
}

static int
by_size(const void *a, const void *b)
{
	return (*(const size_t *)a > *(const size_t *)b) -
	       (*(const size_t *)a < *(const size_t *)b);
}

/* How many bytes the rows have, whatever their order within a row. */
static void
assert_same_rows(const struct rows *a, const struct rows *b)
{
	size_t sizes[2][ROWS_MAX];

	assert_int_equal(a->len, b->len);
	for (size_t i = 0; i < a->len; i++) {
		sizes[0][i] = a->at[i].size;
		sizes[1][i] = b->at[i].size;
	}
	qsort(sizes[0], a->len, sizeof(size_t), by_size);
	qsort(sizes[1], b->len, sizeof(size_t), by_size);
	for (size_t i = 0; i < a->len; i++)
		assert_int_equal(sizes[0][i], sizes[1][i]);
}

static void
what_models_learnt_comes_back(void **s)
{
	struct fixture *f = *s;
	struct rows before = { 0 }, after = { 0 };
	struct detect *d = detect_new(&f->cfg);
	struct detect_state was, is;
	bool with_daemon = false;

	begin(f);
	live(f, 300);
	save_all(f->detect, f->now_us + 900 * S, &before);
	assert_true(before.len > 4);
	for (size_t i = 0; i < before.len; i++) {
		struct model_state_row row = row_of(&before, i, before.at[i].size);

		with_daemon |= row.host == 7;
		assert_int_equal(detect_restore_state(d, &row), 0);
	}
	assert_true(with_daemon);
	detect_get_state(f->detect, &was);
	detect_get_state(d, &is);
	assert_true(is.calibrated > 200 && is.calibrated == was.calibrated);
	assert_true(is.tests == was.tests);
	/* All but the daemon's own, which comes back with the daemon. */
	save_all(d, f->now_us + 2000 * S, &after);
	for (size_t i = 0; i < before.len; i++)
		if (before.at[i].host != 0) {
			free(before.at[i].data);
			before.at[i] = before.at[--before.len];
		}
	assert_same_rows(&before, &after);
	free_rows(&before);
	free_rows(&after);
	detect_free(d);
}

static void
a_row_that_is_damaged_or_of_the_future_is_refused(void **s)
{
	struct fixture *f = *s;
	struct rows rows = { 0 };
	struct detect_state before, after;

	begin(f);
	live(f, 60);
	save_all(f->detect, f->now_us + 900 * S, &rows);
	detect_get_state(f->detect, &before);
	for (size_t i = 0; i < rows.len; i++) {
		struct model_state_row row = row_of(&rows, i, rows.at[i].size);

		rows.at[i].data[0] = 9;
		assert_int_equal(detect_restore_state(f->detect, &row), -EPROTONOSUPPORT);
		rows.at[i].data[0] = 0;
		assert_int_equal(detect_restore_state(f->detect, &row), -EBADMSG);
		rows.at[i].data[0] = 1;
		for (size_t size = 0; size < DS_MIN(row.size, (size_t)300); size++) {
			const struct model_state_row cut = row_of(&rows, i, size);

			/* Grams are a list: whatever whole ones are there are taken. */
			if (strcmp(row.name, "grams") != 0)
				assert_int_equal(detect_restore_state(f->detect, &cut), -EBADMSG);
			else
				(void)(detect_restore_state(f->detect, &cut) < 0);
		}
	}
	detect_get_state(f->detect, &after);
	assert_true(after.calibrated == before.calibrated);
	free_rows(&rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_programs_in_an_order_never_seen_are_found,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    one_process_of_a_new_order_is_nothing_and_all_of_many_are, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    a_destination_that_is_suddenly_busy_is_found, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    what_follows_a_strange_login_is_in_its_alert, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    nobody_hides_behind_failing_logins, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    a_backlog_is_no_burst, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    a_start_of_the_agent_cuts_processes_off_also_when_the_clock_went_back,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    what_a_gap_cuts_through_is_not_scored, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    sessions_are_not_judged, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    what_models_learnt_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_row_that_is_damaged_or_of_the_future_is_refused,
		    fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
