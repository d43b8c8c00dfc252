/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts and silence over the real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/detect/alerts.h"
#include "server/fleet/silence.h"
#include "server/store/writer.h"
#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US (1800000000ull * 1000000)

/* What a reader says of the one alert. */
struct seen {
	unsigned alerts;
	char id[64], status[32], title[200], verdict[200];
	int score;
	uint64_t count, first_us, last_us;
	json_t *doc;
	char key[200], daemon[64];
};

static int
see(const struct alert_row *row, void *ctx)
{
	struct seen *s = ctx;

	s->alerts++;
	snprintf(s->id, sizeof(s->id), "%s", row->id);
	snprintf(s->status, sizeof(s->status), "%s", row->status);
	snprintf(s->title, sizeof(s->title), "%s", row->title);
	snprintf(s->verdict, sizeof(s->verdict), "%s", row->verdict != NULL ? row->verdict : "");
	snprintf(s->key, sizeof(s->key), "%s", row->key);
	snprintf(s->daemon, sizeof(s->daemon), "%s", row->daemon);
	s->score = row->score;
	s->count = row->count;
	s->first_us = row->first_us;
	s->last_us = row->last_us;
	json_decref(s->doc);
	s->doc = json_loads(row->json, 0, NULL);
	return 0;
}

static struct seen
look(struct fixture *f)
{
	struct seen s = { 0 };

	assert_int_equal(f->backend->each_alert(fixture_reader(f), NULL, NULL, 100, see, &s), 0);
	return s;
}

static struct finding
finding(const char *id, const char *group, double score, uint64_t count)
{
	static char json[4][512];
	static unsigned turn;
	struct finding f = { .kind = "new_child",
		.severity = "high",
		.time_us = NOW_US,
		.count = count,
		.score = score };

	f.json = json[turn++ % 4];
	snprintf(f.json, sizeof(json[0]),
	    "{\"explanation\":[],\"peers\":{\"seen\":%u,\"of\":9},\"behaviours\":[{\"kind\":1,"
	    "\"key\":\"632f62696e2f%02x\"}],\"events\":[{\"pid\":%llu}]}",
	    turn, (unsigned)(0x61 + count % 8), (unsigned long long)count);
	snprintf(f.id, sizeof(f.id), "%s", id);
	snprintf(f.group, sizeof(f.group), "%s", group);
	snprintf(f.daemon, sizeof(f.daemon), "nginx.service");
	snprintf(f.title, sizeof(f.title), "nginx started %s", id);
	snprintf(f.reason, sizeof(f.reason), "because");
	return f;
}

static int
apply_of(struct fixture *f, uint32_t host, struct finding one)
{
	int r;

	fixture_begin(f);
	r = alerts_apply(f->backend, f->store, host, &one, 1, NOW_US + 5);
	fixture_commit(f);
	return r;
}

static int
apply(struct fixture *f, struct finding one)
{
	return apply_of(f, 7, one);
}

static void
findings_of_a_group_grow_one_alert(void **state)
{
	struct fixture *f = *state;
	struct finding first = finding("a", "g", 88, 1);
	json_t *told = json_loads(first.json, 0, NULL);
	struct seen s;

	assert_int_equal(apply(f, first), 1);
	assert_int_equal(apply(f, finding("b", "g", 99, 3)), 1);
	s = look(f);
	/* Those that the reason, which is the first's, speaks of. */
	assert_true(json_equal(json_object_get(s.doc, "peers"), json_object_get(told, "peers")));
	json_decref(told);
	assert_int_equal(s.alerts, 1);
	assert_int_equal(s.count, 4);
	assert_int_equal(s.score, 88); /* the first score is never rewritten */
	assert_string_equal(s.title, "nginx started a");
	assert_int_equal(json_array_size(json_object_get(s.doc, "events")), 2);
	assert_int_equal(json_array_size(json_object_get(s.doc, "behaviours")), 2);
	assert_int_equal(strlen(s.id), 30);
	json_decref(s.doc);
}

static void
what_only_joins_adds_its_features_to_an_open_alert(void **state)
{
	struct fixture *f = *state;
	struct finding more = finding("b", "g", 0, 0);
	struct seen s;

	more.joins = true;
	more.severity = "low";
	assert_int_equal(apply(f, more), 0); /* there is none */
	assert_int_equal(apply(f, finding("a", "g", 88, 1)), 1);
	more = finding("b", "g", 0, 0);
	more.joins = true;
	snprintf(more.json, 512, "{\"explanation\":[{\"feature\":\"x\"}]}");
	assert_int_equal(apply(f, more), 1);
	assert_int_equal(apply(f, more), 0);
	s = look(f);
	assert_int_equal(s.alerts, 1);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.score, 88);
	assert_int_equal(json_array_size(json_object_get(s.doc, "explanation")), 1);
	json_decref(s.doc);
}

static void
the_same_finding_again_adds_nothing(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	assert_int_equal(apply(f, finding("a", "g", 88, 1)), 1);
	assert_int_equal(apply(f, finding("a", "g", 88, 1)), 0);
	s = look(f);
	assert_int_equal(s.alerts, 1);
	assert_int_equal(s.count, 1);
	json_decref(s.doc);
}

static void
an_alert_tells_a_bounded_number_of_events(void **state)
{
	struct fixture *f = *state;
	struct seen s;
	char id[16];

	for (int i = 0; i < 3 * ALERTS_EVENTS_MAX; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		assert_int_equal(apply(f, finding(id, "g", 88, 1)), 1);
	}
	s = look(f);
	assert_int_equal(s.count, 3 * ALERTS_EVENTS_MAX);
	assert_int_equal(json_array_size(json_object_get(s.doc, "events")), ALERTS_EVENTS_MAX);
	assert_int_equal(json_array_size(json_object_get(s.doc, "behaviours")), 1);
	json_decref(s.doc);
}

static int
change(struct fixture *f, const struct seen *s, const char *status, const char *verdict)
{
	const struct alert_change c = {
		.status = status, .verdict = verdict, .by = "me", .note = "why"
	};
	const struct alert_row row = { .id = s->id,
		.key = s->key,
		.host = 7,
		.daemon = s->daemon,
		.kind = "new_child",
		.status = s->status,
		.severity = "high",
		.title = s->title,
		.reason = "because",
		.json = "{}" };
	int r;

	fixture_begin(f);
	r = alerts_change(f->backend, f->store, &row, &c, NOW_US + 9);
	fixture_commit(f);
	return r;
}

static int
count_profile(const struct profile_row *row, void *ctx)
{
	unsigned *n = ctx;

	assert_true(row->learnt);
	assert_int_equal(row->kind, 1);
	assert_int_equal(row->key_size, 7);
	assert_memory_equal(row->key, "c/bin/", 6);
	++*n;
	return 0;
}

static void
a_benign_verdict_makes_it_normal_and_what_grew_meanwhile_stays(void **state)
{
	struct fixture *f = *state;
	unsigned learnt = 0;
	struct seen s, then;

	apply(f, finding("a", "g", 88, 1));
	s = look(f);
	apply(f, finding("b", "g", 88, 2)); /* the reader did not see this yet */
	assert_int_equal(change(f, &s, "closed", "benign_expected"), 1);
	then = look(f);
	assert_string_equal(then.status, "closed");
	assert_int_equal(then.count, 3);
	assert_non_null(strstr(then.verdict, "benign_expected"));
	assert_int_equal(json_array_size(json_object_get(then.doc, "notes")), 1);
	assert_int_equal(
	    f->backend->each_profile(fixture_reader(f), 7, "nginx.service", count_profile, &learnt),
	    0);
	assert_int_equal(learnt, 2);
	json_decref(s.doc);
	json_decref(then.doc);
}

static void
a_closed_alert_does_not_grow_and_an_acknowledged_one_does(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	apply(f, finding("a", "g", 88, 1));
	s = look(f);
	assert_int_equal(change(f, &s, "acknowledged", NULL), 0);
	apply(f, finding("b", "g", 88, 1));
	json_decref(s.doc);
	s = look(f);
	assert_int_equal(s.alerts, 1);
	assert_int_equal(change(f, &s, "closed", "true_positive"), 0);
	apply(f, finding("c", "g", 88, 1));
	json_decref(s.doc);
	s = look(f);
	assert_int_equal(s.alerts, 2);
	json_decref(s.doc);
}

static void
a_change_that_means_nothing_is_refused(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	apply(f, finding("a", "g", 88, 1));
	s = look(f);
	assert_int_equal(change(f, &s, "gone", NULL), -EINVAL);
	assert_int_equal(change(f, &s, NULL, "perhaps"), -EINVAL);
	json_decref(s.doc);
}

/* ---- silence: the writer is this test */

static struct fixture *writing;

int
writer_post(struct writer *w, struct write_request *req)
{
	int r;

	(void)w;
	fixture_begin(writing);
	r = req->run(req, writing->backend, writing->store);
	fixture_commit(writing);
	req->done(req, r);
	return 0;
}

static struct silence *
watch_one(struct fixture *f, const struct fleet_config *cfg, struct host_row *host)
{
	struct silence *s;

	writing = f;
	fixture_begin(f);
	assert_int_equal(f->backend->host_put(f->store, host), 0);
	fixture_commit(f);
	s = silence_new(cfg);
	assert_int_equal(silence_load(s, 1000), 0);
	return s;
}

static void
a_silent_agent_is_told_once_and_taken_back(void **state)
{
	struct fixture *f = *state;
	struct fleet_config cfg = { .backend = f->backend, .store = &f->cfg };
	struct host_row host = fixture_host(1);
	struct silence *s;
	struct seen seen;

	s = watch_one(f, &cfg, &host);
	for (uint64_t ms = 2000; ms < 91000; ms += 1000) {
		silence_begin(s, ms);
		silence_judge(s, 90000);
	}
	assert_int_equal(look(f).alerts, 0); /* each has the whole time to connect */
	silence_begin(s, 92000);
	silence_judge(s, 90000);
	silence_begin(s, 300000);
	silence_judge(s, 90000);
	seen = look(f);
	assert_int_equal(seen.alerts, 1);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.status, "open");
	assert_non_null(strstr(seen.title, "is silent"));
	json_decref(seen.doc);
	silence_begin(s, 301000);
	assert_int_equal(silence_heard(host.number, NOW_US, s), 0);
	silence_judge(s, 90000);
	seen = look(f);
	assert_string_equal(seen.status, "closed");
	json_decref(seen.doc);
	/* Connected, but its newest frame stays the same: a stopped process. */
	for (uint64_t ms = 302000; ms < 400000; ms += 1000) {
		silence_begin(s, ms);
		assert_int_equal(silence_heard(host.number, NOW_US, s), 0);
		silence_judge(s, 90000);
	}
	seen = look(f);
	assert_int_equal(seen.alerts, 2);
	json_decref(seen.doc);
	silence_free(s);
}

static void
say_stopped(struct fixture *f, uint32_t host, uint8_t stopped)
{
	const struct model_state_row row = {
		.host = host, .name = MODEL_STATE_STOPPED, .data = &stopped, .size = 1
	};

	fixture_begin(f);
	assert_int_equal(f->backend->model_state->put(f->store, &row), 0);
	fixture_commit(f);
}

static void
an_agent_that_said_that_it_stops_is_not_told_as_silent(void **state)
{
	struct fixture *f = *state;
	struct fleet_config cfg = { .backend = f->backend, .store = &f->cfg };
	struct host_row host = fixture_host(1);
	char group[40];
	struct silence *s;
	struct seen seen;

	s = watch_one(f, &cfg, &host);
	snprintf(group, sizeof(group), "agent_silent:%u", host.number);
	say_stopped(f, host.number, 1);
	/* It is heard for the first time, and what was heard was this. */
	assert_int_equal(apply_of(f, host.number, finding("stop", group, 10, 1)), 1);
	silence_begin(s, 2000);
	assert_int_equal(silence_heard(host.number, NOW_US, s), 0);
	seen = look(f);
	assert_string_equal(seen.status, "open");
	/* Somebody has seen that; it stays away. */
	assert_int_equal(change(f, &seen, "closed", NULL), 0);
	json_decref(seen.doc);
	silence_begin(s, 100000);
	silence_judge(s, 90000);
	seen = look(f);
	assert_int_equal(seen.alerts, 1);
	assert_string_equal(seen.status, "closed");
	json_decref(seen.doc);
	/* It was back meanwhile. */
	say_stopped(f, host.number, 0);
	silence_begin(s, 101000);
	assert_int_equal(silence_heard(host.number, NOW_US + 1, s), 0);
	silence_begin(s, 200000);
	silence_judge(s, 90000);
	seen = look(f);
	assert_int_equal(seen.alerts, 2);
	json_decref(seen.doc);
	silence_free(s);
}

static int
setup(void **state)
{
	uintptr_t i = 0;

	while (strcmp(store_backends[i]->name, "sqlite") != 0)
		i++;
	*state = (void *)i;
	return fixture_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(findings_of_a_group_grow_one_alert),
		TEST(what_only_joins_adds_its_features_to_an_open_alert),
		TEST(the_same_finding_again_adds_nothing),
		TEST(an_alert_tells_a_bounded_number_of_events),
		TEST(a_benign_verdict_makes_it_normal_and_what_grew_meanwhile_stays),
		TEST(a_closed_alert_does_not_grow_and_an_acknowledged_one_does),
		TEST(a_change_that_means_nothing_is_refused),
		TEST(a_silent_agent_is_told_once_and_taken_back),
		TEST(an_agent_that_said_that_it_stops_is_not_told_as_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
