/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The react thread over a real store and writer; only the way to the hosts is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/ulid.h"
#include "server/config.h"
#include "server/react/react.h"
#include "server/store/writer.h"
#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOSTS 6u

struct sent {
	uint32_t host;
	struct ds_order order;
};

struct world {
	char dir[64];
	struct store_config store;
	const struct store_backend *backend;
	struct writer *writer;
	struct reader *reader;
	struct ds_sign_key *key;
	struct react *react;
	struct server_config cfg;
	/* what was sent, in order; the react thread fills, the test takes after the semaphore */
	struct sent sent[512];
	unsigned sent_len, taken;
	bool deaf; /* sent into the void */
	sem_t is_sent;
};

static int
take_sent(void *arg, uint32_t host, const void *data, size_t size)
{
	struct world *w = arg;
	struct ds_envelope e;

	if (w->deaf || w->sent_len == DS_LEN(w->sent))
		return 0;
	assert_int_equal(ds_envelope_get(data, size, &e), 0);
	w->sent[w->sent_len].host = host;
	assert_int_equal(ds_order_get(&e, &w->sent[w->sent_len].order), 0);
	w->sent_len++;
	react_sent(w->react, host, data, size);
	sem_post(&w->is_sent);
	return 0;
}

/* ---- the store */

struct put {
	struct write_request request;
	struct world *world;
	int (*run)(struct world *w, struct store *s, void *ctx);
	void *ctx;
	int result;
	sem_t done;
};

static int
run_put(struct write_request *request, const struct store_backend *b, struct store *s)
{
	struct put *p = DS_CONTAINER(request, struct put, request);

	(void)b;
	return p->run(p->world, s, p->ctx);
}

static void
done_put(struct write_request *request, int result)
{
	struct put *p = DS_CONTAINER(request, struct put, request);

	p->result = result;
	sem_post(&p->done);
}

static int
in_store(struct world *w, int (*run)(struct world *w, struct store *s, void *ctx), void *ctx)
{
	struct put p = {
		.request = { .run = run_put, .done = done_put }, .world = w, .run = run, .ctx = ctx
	};

	sem_init(&p.done, 0, 0);
	assert_int_equal(writer_post(w->writer, &p.request), 0);
	while (sem_wait(&p.done) < 0)
		;
	sem_destroy(&p.done);
	return p.result;
}

static int
put_hosts(struct world *w, struct store *s, void *ctx)
{
	(void)ctx;
	for (unsigned i = 1; i <= HOSTS; i++) {
		struct host_row row = fixture_host((uint8_t)i);

		row.labels = i % 2 ? "odd" : "even";
		assert_int_equal(w->backend->host_put(s, &row), 0);
		assert_int_equal(row.number, i);
	}
	return 0;
}

static int
put_mode(struct world *w, struct store *s, void *ctx)
{
	const struct mode_row row = { 0, "", "", ctx, "test", 1 };

	return w->backend->reactions->mode_put(s, &row);
}

static void
set_mode(struct world *w, const char *mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%s", mode);
	assert_int_equal(in_store(w, put_mode, text), 0);
	react_changed(w->react);
}

static int
put_pause(struct world *w, struct store *s, void *ctx)
{
	const struct setting_row row = { REACT_PAUSED_SETTING, ctx };

	return w->backend->setting_put(s, &row);
}

/* ---- life */

static void
start(struct world *w, const char *text)
{
	static struct ds_conf_report report;
	struct react_config cfg = { w->backend, &w->store, w->writer, w->key, NULL };
	struct react_settings settings;
	char why[300];

	ds_conf_free(server_options, &w->cfg);
	w->cfg = (struct server_config){ 0 };
	assert_int_equal(
	    ds_conf_parse(server_options, &w->cfg, "x", text, strlen(text), &report, NULL), 0);
	settings = (struct react_settings){
		.policy = policy_new(&w->cfg.react_rules, &w->cfg.react_never_block),
		.breaker = { (unsigned)w->cfg.react_daemon_max, (unsigned)w->cfg.react_host_max,
		    (unsigned)w->cfg.react_share_max, w->cfg.react_rest_ms },
		.order_ttl_us = w->cfg.react_order_ttl_ms * 1000,
	};
	w->react = react_new(&cfg, &settings, why, sizeof(why));
	assert_non_null(w->react);
	assert_int_equal(react_start(w->react, &(struct react_sessions){ take_sent, NULL, w }), 0);
}

static int
run_nothing(struct world *w, struct store *s, void *ctx)
{
	(void)w;
	(void)s;
	(void)ctx;
	return 0;
}

static void
stop(struct world *w)
{
	react_stop(w->react);
	(void)in_store(w, run_nothing, NULL); /* what it posted is done */
	react_free(w->react);
	w->react = NULL;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char why[300], path[100];

	snprintf(w->dir, sizeof(w->dir), "%s/ds-react-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	w->store = (struct store_config){
		.dir = w->dir, .retention_us = 1ull << 50, .max_bytes = 1 << 30
	};
	w->backend = store_lookup("sqlite");
	w->writer = writer_start(w->backend, &w->store, why, sizeof(why));
	assert_non_null(w->writer);
	assert_int_equal(w->backend->reader_open(&w->store, &w->reader), 0);
	snprintf(path, sizeof(path), "%s/order.key", w->dir);
	w->key = ds_sign_key_open(path, true, why, sizeof(why));
	assert_non_null(w->key);
	sem_init(&w->is_sent, 0, 0);
	assert_int_equal(in_store(w, put_hosts, NULL), 0);
	start(w, "");
	*state = w;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	stop(w);
	w->backend->reader_close(w->reader);
	writer_stop(w->writer);
	ds_sign_key_free(w->key);
	ds_conf_free(server_options, &w->cfg);
	sem_destroy(&w->is_sent);
	nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

/* ---- what happens */

static void
find(struct world *w, uint32_t host, const char *kind, const char *json)
{
	static char text[300];
	struct finding f = { .kind = kind, .severity = "high", .json = text };

	snprintf(text, sizeof(text), "%s", json);
	snprintf(f.daemon, sizeof(f.daemon), "nginx.service");
	snprintf(f.title, sizeof(f.title), "nginx started /bin/sh");
	snprintf(f.alert_id, sizeof(f.alert_id), "alr_1");
	react_finding(w->react, host, &f);
}

static void
find_shell(struct world *w, uint32_t host, unsigned pid)
{
	char json[200];

	snprintf(json, sizeof(json),
	    "{\"process\":{\"pid\":%u,\"start_us\":77,\"executable\":\"/bin/sh\"}}", pid);
	find(w, host, "new_child", json);
}

static const struct sent *
next_sent(struct world *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	if (sem_timedwait(&w->is_sent, &until) < 0)
		fail_msg("no order was sent");
	return &w->sent[w->taken++];
}

struct seen {
	char id[REACTION_ID_SIZE], kind[24], status[16], mode[16], result[4096], by[80];
	uint64_t created_us, expires_us;
	uint32_t host;
	unsigned n;
};

static int
see(const struct reaction_row *row, void *ctx)
{
	struct seen *s = ctx;

	if (s->n++ > 0)
		return 0;
	snprintf(s->id, sizeof(s->id), "%s", row->id);
	snprintf(s->kind, sizeof(s->kind), "%s", row->kind);
	snprintf(s->status, sizeof(s->status), "%s", row->status);
	snprintf(s->mode, sizeof(s->mode), "%s", row->mode);
	snprintf(s->result, sizeof(s->result), "%s", row->result);
	s->created_us = row->created_us;
	s->expires_us = row->expires_us;
	s->host = row->host;
	return 0;
}

static struct seen
look(struct world *w)
{
	static const struct reaction_filter all = { 0 };
	struct seen s = { .n = 0 };

	assert_int_equal(w->backend->reactions->each(w->reader, &all, see, &s), 0);
	return s;
}

/* The newest reaction once there are `n` and it has the status. */
static struct seen
wait_for(struct world *w, unsigned n, const char *status)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct seen s = look(w);

	for (unsigned i = 0; i < 20000 && (s.n != n || strcmp(s.status, status) != 0); i++) {
		nanosleep(&moment, NULL);
		s = look(w);
	}
	assert_int_equal(s.n, n);
	assert_string_equal(s.status, status);
	return s;
}

static void
answer(struct world *w, uint32_t host, struct ds_result result)
{
	struct ds_buf b;

	result.time_us = ds_clock_wall_us();
	result.is_verified = 1;
	snprintf(result.kind, sizeof(result.kind), "kill");
	ds_buf_init(&b, DS_RESULT_MAX);
	assert_int_equal(ds_result_put(&b, &result), 0);
	react_result(w->react, host, b.data, b.len);
	ds_buf_done(&b);
}

static struct ds_result
result_of(const struct sent *s, enum ds_outcome outcome)
{
	struct ds_result r = { .outcome = (uint8_t)outcome };

	memcpy(r.order, s->order.id, sizeof(r.order));
	return r;
}

struct undo {
	char id[REACTION_ID_SIZE];
	uint32_t host;
};

static int
put_undo(struct world *w, struct store *s, void *ctx)
{
	struct undo *u = ctx;
	struct issuer by = react_issuer(w->react);

	return issue_undo(w->backend, s, &by, u->id, "alice", ds_clock_wall_us(), &u->host);
}

static int
undo(struct world *w, const char *id)
{
	struct undo u;
	int r;

	snprintf(u.id, sizeof(u.id), "%s", id);
	r = in_store(w, put_undo, &u);
	if (r >= 0)
		react_kick(w->react, u.host);
	return r;
}

/* ---- tests */

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
	struct seen s;

	set_mode(w, "active");
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}");
	first = next_sent(w);
	find(w, 1, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}"); /* waits already */
	answer(w, 1, result_of(first, DS_OUTCOME_UNDONE));
	s = wait_for(w, 1, "undone");
	find(w, 2, "login", "{\"source\":{\"ip\":\"192.0.2.66\"}}");
	second = next_sent(w);
	assert_true(second->order.lifetime_ms == 4 * first->order.lifetime_ms);
	(void)s;
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

static int
see_alert(const struct alert_row *row, void *ctx)
{
	snprintf(ctx, 64, "%s", row->title);
	return 0;
}

static void
too_many_reactions_stop_automation_and_are_told(void **state)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct world *w = *state;
	char title[64] = "";

	stop(w);
	start(w, "[react]\ndaemon_max = 3\n");
	set_mode(w, "active");
	for (unsigned pid = 10; pid < 20; pid++)
		find_shell(w, 1, pid);
	for (unsigned i = 0; i < 3; i++)
		(void)next_sent(w);
	for (unsigned i = 0; i < 20000 && !title[0]; i++) {
		assert_int_equal(
		    w->backend->each_alert(w->reader, NULL, NULL, 0, see_alert, title), 0);
		nanosleep(&moment, NULL);
	}
	assert_string_equal(title, "automatic reactions stopped on this daemon");
	react_reset_breaker(w->react);
	find_shell(w, 1, 30);
	assert_int_equal(next_sent(w)->order.pid, 30);
	assert_int_equal(look(w).n, 4);
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
	for (unsigned i = 0; i < 64; i++)
		answer(w, 1, result_of(&w->sent[i], DS_OUTCOME_DONE));
	for (unsigned i = 0; i < 64; i++)
		(void)next_sent(w);
	assert_true(w->sent_len <= 192);
	assert_int_equal(w->backend->reactions->count(w->reader, &n), 0);
	assert_int_equal(n.total, 10000);
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
		T(ten_thousand_orders_at_once_go_out_a_window_at_a_time),
	};

	return cmocka_run_group_tests_name("react", tests, NULL, NULL);
}
