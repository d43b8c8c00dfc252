/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ingest_fixture - see ingest_fixture.h. */
#include "tests/unit/ingest_fixture.h"

#include "lib/clock.h"
#include "tests/unit/tree.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const struct ds_conn_limits ds_conn_default_limits = { .idle_ms = 90000 };
struct ds_conn *last_conn;

struct ds_conn *
ds_conn_new(struct event_base *base, struct ds_tls *tls, bool is_server, int fd,
    const struct ds_conn_ops *ops, const struct ds_conn_limits *limits, void *ctx)
{
	struct ds_conn *c = calloc(1, sizeof(*c));

	(void)base;
	(void)tls;
	(void)is_server;
	(void)fd;
	(void)limits;
	c->ops = ops;
	c->ctx = ctx;
	ds_buf_init(&c->out, 1u << 20);
	last_conn = c;
	return c;
}

/* Kept until the test is over, so that it can look. */
void
ds_conn_free(struct ds_conn *c)
{
	if (c)
		c->gone = true;
}

void
ds_conn_detach(struct ds_conn *c)
{
	(void)c;
}

int
ds_conn_attach(struct ds_conn *c, struct event_base *base, const struct ds_conn_ops *ops, void *ctx)
{
	(void)base;
	c->ops = ops;
	c->ctx = ctx;
	return 0;
}

int
ds_conn_send(struct ds_conn *c, uint8_t type, uint8_t flags, const void *payload, size_t size)
{
	return ds_frame_put(&c->out, type, flags, payload, size);
}

void
ds_conn_finish(struct ds_conn *c)
{
	c->finished = true;
}

void
ds_conn_pause(struct ds_conn *c)
{
	c->paused = true;
}

void
ds_conn_resume(struct ds_conn *c)
{
	c->paused = false;
}

unsigned char *
ds_conn_peer_cert(const struct ds_conn *c, size_t *ret_size)
{
	unsigned char *copy;

	if (!c->cert)
		return NULL;
	copy = OPENSSL_malloc(c->cert->size);
	memcpy(copy, c->cert->der, c->cert->size);
	*ret_size = c->cert->size;
	return copy;
}

const char *
ds_conn_peer_name(const struct ds_conn *c)
{
	(void)c;
	return "192.0.2.1:4711";
}

uint64_t
ds_conn_bytes_in(const struct ds_conn *c)
{
	(void)c;
	return 1;
}

uint64_t
ds_conn_bytes_out(const struct ds_conn *c)
{
	(void)c;
	return 1;
}

/* A write that the test waits for. */
struct put {
	struct write_request request;
	const struct host_row *host;
	const struct token_row *token;
	int result, done_fd;
};

static int
run_put(struct write_request *request, const struct store_backend *b, struct store *s)
{
	struct put *p = DS_CONTAINER(request, struct put, request);
	struct host_row host;

	if (p->token)
		return b->token_put(s, p->token);
	host = *p->host;
	return b->host_put(s, &host);
}

static void
done_put(struct write_request *request, int result)
{
	struct put *p = DS_CONTAINER(request, struct put, request);
	uint64_t one = 1;

	p->result = result;
	assert_int_equal(write(p->done_fd, &one, sizeof(one)), sizeof(one));
}

void
put_rows(struct world *w, const struct host_row *host, const struct token_row *token)
{
	struct put p = { { .run = run_put, .done = done_put }, host, token, 0, eventfd(0, 0) };
	uint64_t one;

	assert_int_equal(writer_post(w->in.cfg.writer, &p.request), 0);
	assert_int_equal(read(p.done_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(p.result, 0);
	close(p.done_fd);
}

void
put_host(struct world *w, int status)
{
	struct host_row row = fixture_host(1);

	memcpy(row.id, w->host_id, sizeof(row.id));
	row.status = status;
	put_rows(w, &row, NULL);
}

int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *names[] = { "localhost" };
	char why[300], pki[80];

	snprintf(w->dir, sizeof(w->dir), "%s/ds-ingest-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	w->store = (struct store_config){
		.dir = w->dir, .retention_us = 1ull << 50, .max_bytes = 1 << 30
	};
	w->in.cfg = (struct ingest_config){ .workers = 1,
		.backend = store_lookup("sqlite"),
		.store = &w->store,
		.silent_after_us = 90000000,
		.detect = { .learn_min_us = 1000000, .unseen_max = 0.01, .keys_max = 100 } };
	w->in.cfg.writer = writer_start(w->in.cfg.backend, &w->store, why, sizeof(why));
	assert_non_null(w->in.cfg.writer);
	snprintf(pki, sizeof(pki), "%s/pki", w->dir);
	w->in.pki = pki_open(pki, names, 1, ds_clock_wall_us(), why, sizeof(why));
	assert_non_null(w->in.pki);
	w->in.workers_len = 1;
	assert_int_equal(worker_prepare(&w->in.workers[0], &w->in, 0, eventfd(0, EFD_NONBLOCK), why,
			     sizeof(why)),
	    0);
	w->key = ds_tls_key_new();
	w->csr = ds_tls_request(w->key, &w->csr_size);
	w->host_id[0] = 7;
	assert_int_equal(
	    pki_issue(w->in.pki, w->csr, w->csr_size, w->host_id, ds_clock_wall_us(), &w->cert), 0);
	*state = w;
	return 0;
}

int
teardown(void **state)
{
	struct world *w = *state;
	struct worker *worker = &w->in.workers[0];

	while (worker->sessions)
		session_free(worker->sessions);
	writer_stop(w->in.cfg.writer);
	worker_end(worker);
	pki_cert_done(&w->cert);
	pki_free(w->in.pki);
	OPENSSL_free(w->csr);
	ds_tls_key_free(w->key);
	ds_buf_done(&last_conn->out);
	free(last_conn);
	last_conn = NULL;
	(void)tree_remove(w->dir);
	free(w);
	return 0;
}

struct ds_conn *
connect_as(struct world *w, struct pki_cert *cert)
{
	static const struct ds_conn_end end = { 0, "peer closed" };

	if (last_conn) {
		if (!last_conn->gone)
			last_conn->ops->closed(last_conn, &end, last_conn->ctx);
		ds_buf_done(&last_conn->out);
		free(last_conn);
	}
	assert_non_null(session_new(&w->in.workers[0], -1, 1));
	last_conn->cert = cert;
	assert_int_equal(last_conn->ops->ready(last_conn, last_conn->ctx), 0);
	return last_conn;
}

int
give(struct ds_conn *c, uint8_t type, const struct ds_buf *payload)
{
	struct ds_frame f = { .type = type, .payload = payload->data, .size = payload->len };

	return c->ops->frame(c, &f, c->ctx);
}

int
say_hello(struct ds_conn *c, uint64_t epoch)
{
	struct ds_hello h = { .version_min = 1,
		.version_max = 1,
		.epoch = epoch,
		.now_us = ds_clock_wall_us(),
		.hostname = "web-1" };
	struct ds_buf b;
	int r;

	ds_buf_init(&b, 65536);
	assert_int_equal(ds_hello_put(&b, &h), 0);
	r = give(c, DS_FRAME_HELLO, &b);
	ds_buf_done(&b);
	return r;
}

void
send_batch(struct ds_conn *c, uint64_t epoch, uint64_t seq)
{
	struct ds_batch_frame m = { .lane = DS_LANE_URGENT, .epoch = epoch, .seq = seq };
	struct ds_event ev = {
		.time_us = 5, .count = 1, .kind = DS_EVENT_EXEC, .daemon = { "d", 1 }
	};
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct ds_buf packed, payload;

	ds_buf_init(&packed, 65536);
	ds_buf_init(&payload, 65536);
	ev.num[DS_NUM_PID] = seq;
	ds_event_set_str(&ev, DS_STR_EXE, "/bin/true", 9);
	assert_int_equal(ds_batch_add(b, &ev), 0);
	assert_int_equal(ds_batch_pack(b, 1, &packed), 0);
	m.packed = packed.data;
	m.size = packed.len;
	assert_int_equal(ds_batch_frame_put(&payload, &m), 0);
	assert_int_equal(give(c, DS_FRAME_BATCH, &payload), 0);
	ds_buf_done(&packed);
	ds_buf_done(&payload);
	ds_batch_builder_free(b);
}

struct ds_frame
expect(struct world *w, struct ds_conn *c, uint8_t type)
{
	struct ds_frame f = { 0 };
	size_t need;

	for (unsigned i = 0; i < 10 && ds_frame_get(&c->out, &f, &need) == 0; i++)
		event_base_loop(w->in.workers[0].base, EVLOOP_ONCE);
	assert_int_equal(f.type, type);
	return f;
}

void
expect_error(struct world *w, struct ds_conn *c, unsigned code)
{
	struct ds_frame f = expect(w, c, DS_FRAME_ERROR);
	struct ds_error e;

	assert_int_equal(ds_error_get(f.payload, f.size, &e), 0);
	assert_int_equal(e.code, code);
	assert_true(c->finished);
}

void
expect_ack(struct world *w, struct ds_conn *c, uint64_t epoch, uint64_t seq)
{
	struct ds_ack a = { 0 };

	while (a.seq < seq) {
		struct ds_frame f = expect(w, c, DS_FRAME_ACK);

		assert_int_equal(ds_ack_get(f.payload, f.size, &a), 0);
	}
	assert_true(a.epoch == epoch && a.seq == seq && a.lane == DS_LANE_URGENT);
}

uint64_t
welcome_seq(struct world *w, struct ds_conn *c, uint64_t epoch)
{
	struct ds_welcome m;
	struct ds_frame f;

	assert_int_equal(say_hello(c, epoch), 0);
	f = expect(w, c, DS_FRAME_WELCOME);
	assert_int_equal(ds_welcome_get(f.payload, f.size, &m), 0);
	assert_int_equal(m.version, 1);
	assert_true(m.cursor[0].epoch == epoch && m.renew_after_us > ds_clock_wall_us());
	return m.cursor[DS_LANE_URGENT].seq;
}
