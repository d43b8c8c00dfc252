/* SPDX-License-Identifier: GPL-2.0-or-later */
/* react_fixture - see react_fixture.h. */
#include "tests/unit/react_fixture.h"

#include "lib/clock.h"
#include "lib/ulid.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static bool
peer_of(void *arg, uint32_t host, char *ret, size_t size)
{
	struct world *w = arg;

	if ((atomic_load(&w->sessions) >> host & 1) == 0)
		return false;
	snprintf(ret, size, "192.0.2.%u:4711", host);
	return true;
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

int
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

void
set_mode(struct world *w, const char *mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%s", mode);
	assert_int_equal(in_store(w, put_mode, text), 0);
	react_changed(w->react);
}

int
put_pause(struct world *w, struct store *s, void *ctx)
{
	const struct setting_row row = { REACT_PAUSED_SETTING, ctx };

	return w->backend->setting_put(s, &row);
}

/* ---- life */

void
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
	snprintf(settings.spared_labels, sizeof(settings.spared_labels), "%s",
	    w->cfg.react_never_block_labels);
	w->react = react_new(&cfg, &settings, why, sizeof(why));
	assert_non_null(w->react);
	assert_int_equal(
	    react_start(w->react, &(struct react_sessions){ take_sent, w, { peer_of, w } }), 0);
}

static int
run_nothing(struct world *w, struct store *s, void *ctx)
{
	(void)w;
	(void)s;
	(void)ctx;
	return 0;
}

void
stop(struct world *w)
{
	react_stop(w->react);
	(void)in_store(w, run_nothing, NULL); /* what it posted is done */
	react_free(w->react);
	w->react = NULL;
}

int
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

int
teardown(void **state)
{
	struct world *w = *state;

	stop(w);
	w->backend->reader_close(w->reader);
	writer_stop(w->writer);
	ds_sign_key_free(w->key);
	ds_conf_free(server_options, &w->cfg);
	sem_destroy(&w->is_sent);
	(void)tree_remove(w->dir);
	free(w);
	return 0;
}

/* ---- what happens */

void
find(struct world *w, uint32_t host, const char *kind, const char *json)
{
	static char text[300];
	struct finding f = { .kind = kind, .severity = "high", .json = text };

	snprintf(text, sizeof(text), "%s", json);
	snprintf(f.daemon, sizeof(f.daemon), "nginx.service");
	snprintf(f.title, sizeof(f.title), "nginx started /bin/sh");
	snprintf(f.alert_id, sizeof(f.alert_id), "alr_1");
	assert_int_equal(react_finding(w->react, host, &f, 0), 0);
}

void
find_shell(struct world *w, uint32_t host, unsigned pid)
{
	char json[200];

	snprintf(json, sizeof(json),
	    "{\"process\":{\"pid\":%u,\"start_us\":77,\"executable\":\"/bin/sh\"}}", pid);
	find(w, host, "new_child", json);
}

const struct sent *
next_sent(struct world *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	if (sem_timedwait(&w->is_sent, &until) < 0)
		fail_msg("no order was sent");
	return &w->sent[w->taken++];
}

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

struct seen
look(struct world *w)
{
	static const struct reaction_filter all = { 0 };
	struct seen s = { .n = 0 };

	assert_int_equal(w->backend->reactions->each(w->reader, &all, see, &s), 0);
	return s;
}

struct seen
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

void
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

struct ds_result
result_of(const struct sent *s, enum ds_outcome outcome)
{
	struct ds_result r = { .outcome = (uint8_t)outcome };

	memcpy(r.order, s->order.id, sizeof(r.order));
	return r;
}

static int
put_undo(struct world *w, struct store *s, void *ctx)
{
	struct undo *u = ctx;
	struct issuer by = react_issuer(w->react);

	return issue_undo(w->backend, s, &by, u->id, "alice", ds_clock_wall_us(), &u->host);
}

int
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
