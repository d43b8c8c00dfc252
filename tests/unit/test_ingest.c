/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions over a connection that is not one: what a worker answers to frames.  The worker has no
 * thread here; the store and its writer are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/order.h"
#include "server/ingest/worker.h"
#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The connection: keeps what is sent. */
struct ds_conn {
	const struct ds_conn_ops *ops;
	void *ctx;
	struct ds_buf out;
	struct pki_cert *cert;
	bool paused, finished, gone;
};

const struct ds_conn_limits ds_conn_default_limits = { .idle_ms = 90000 };
static struct ds_conn *last_conn;

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

struct world {
	char dir[64];
	struct store_config store;
	struct ingest in;
	struct pki_cert cert;
	uint8_t host_id[DS_HOST_ID_SIZE];
	struct ds_tls_key *key;
	unsigned char *csr;
	size_t csr_size;
};

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

static void
put_rows(struct world *w, const struct host_row *host, const struct token_row *token)
{
	struct put p = { { .run = run_put, .done = done_put }, host, token, 0, eventfd(0, 0) };
	uint64_t one;

	assert_int_equal(writer_post(w->in.cfg.writer, &p.request), 0);
	assert_int_equal(read(p.done_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(p.result, 0);
	close(p.done_fd);
}

static void
put_host(struct world *w, int status)
{
	struct host_row row = fixture_host(1);

	memcpy(row.id, w->host_id, sizeof(row.id));
	row.status = status;
	put_rows(w, &row, NULL);
}

static int
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
	nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static struct ds_conn *
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

static int
give(struct ds_conn *c, uint8_t type, const struct ds_buf *payload)
{
	struct ds_frame f = { .type = type, .payload = payload->data, .size = payload->len };

	return c->ops->frame(c, &f, c->ctx);
}

static int
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

static void
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

/* The next frame sent, waiting for the writer if there is none yet; its payload stays in the
 * buffer. */
static struct ds_frame
expect(struct world *w, struct ds_conn *c, uint8_t type)
{
	struct ds_frame f = { 0 };
	size_t need;

	for (unsigned i = 0; i < 10 && ds_frame_get(&c->out, &f, &need) == 0; i++)
		event_base_loop(w->in.workers[0].base, EVLOOP_ONCE);
	assert_int_equal(f.type, type);
	return f;
}

static void
expect_error(struct world *w, struct ds_conn *c, unsigned code)
{
	struct ds_frame f = expect(w, c, DS_FRAME_ERROR);
	struct ds_error e;

	assert_int_equal(ds_error_get(f.payload, f.size, &e), 0);
	assert_int_equal(e.code, code);
	assert_true(c->finished);
}

static void
expect_ack(struct world *w, struct ds_conn *c, uint64_t epoch, uint64_t seq)
{
	struct ds_ack a = { 0 };

	while (a.seq < seq) {
		struct ds_frame f = expect(w, c, DS_FRAME_ACK);

		assert_int_equal(ds_ack_get(f.payload, f.size, &a), 0);
	}
	assert_true(a.epoch == epoch && a.seq == seq && a.lane == DS_LANE_URGENT);
}

static uint64_t
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

static void
a_known_host_is_welcomed(void **state)
{
	struct world *w = *state;

	put_host(w, HOST_APPROVED);
	assert_int_equal(welcome_seq(w, connect_as(w, &w->cert), 9), 0);
}

struct told {
	uint32_t session, result, sent, host;
	uint64_t pid;
	size_t size;
	char data[16];
};

static void
tell_committed(const struct ingest_news *news, void *ctx)
{
	struct told *t = ctx;
	struct ds_buf b;
	struct ds_event ev;

	ds_buf_view(&b, news->events, news->events_size);
	while (ds_buf_left(&b) > 0) {
		assert_int_equal(ds_ipc_get_event(&b, &ev), 0);
		assert_int_equal(ev.kind, DS_EVENT_EXEC);
		t->pid = ev.num[DS_NUM_PID];
		t->host = news->from->host;
	}
}

static void
what_is_on_disk_is_told(void **state)
{
	struct world *w = *state;
	struct told told = { 0 };
	struct ds_conn *c;

	w->in.cfg.on_committed = tell_committed;
	w->in.cfg.committed_ctx = &told;
	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	send_batch(c, 9, 1);
	expect_ack(w, c, 9, 1);
	assert_int_equal(told.pid, 0); /* nobody asked for such events */
	w->in.cfg.told_kinds = UINT64_C(1) << DS_EVENT_EXEC;
	send_batch(c, 9, 2);
	expect_ack(w, c, 9, 2);
	assert_int_equal(told.pid, 2);
	assert_int_equal(told.host, 1);
	told.pid = 0;
	send_batch(c, 9, 2); /* resent: told once */
	expect_ack(w, c, 9, 2);
	assert_int_equal(told.pid, 0);
}

static void
tell_sent(uint32_t host, const void *data, size_t size, void *ctx)
{
	struct told *t = ctx;

	t->sent = host;
	assert_int_equal(size, 5);
	assert_memory_equal(data, "order", 5);
}

static void
tell_session(uint32_t host, const uint8_t host_id[DS_HOST_ID_SIZE], void *ctx)
{
	assert_int_equal(host_id[0], 7);
	((struct told *)ctx)->session = host;
}

static void
tell_result(uint32_t host, const void *data, size_t size, void *ctx)
{
	struct told *t = ctx;

	t->result = host;
	t->size = size;
	assert_true(size <= sizeof(t->data));
	memcpy(t->data, data, size);
}

static void
an_order_goes_to_its_host_and_the_result_comes_back(void **state)
{
	struct world *w = *state;
	struct told told = { 0 };
	struct ds_frame f;
	struct ds_conn *c;
	struct ds_buf b;

	w->in.cfg.on_session = tell_session;
	w->in.cfg.on_result = tell_result;
	w->in.cfg.on_sent = tell_sent;
	w->in.cfg.order_ctx = &told;
	put_host(w, HOST_APPROVED);
	assert_int_equal(ingest_send_order(&w->in, 1, "early", 5), 0); /* nobody is there */
	event_base_loop(w->in.workers[0].base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	assert_int_equal(told.session, 1);
	assert_int_equal(ingest_send_order(&w->in, 2, "other", 5), 0);
	assert_int_equal(ingest_send_order(&w->in, 1, "order", 5), 0);
	f = expect(w, c, DS_FRAME_ORDER);
	assert_int_equal(f.size, 5);
	assert_memory_equal(f.payload, "order", 5);
	assert_int_equal(told.sent, 1);
	ds_buf_view(&b, "result", 6);
	b.len = 6;
	assert_int_equal(give(c, DS_FRAME_RESULT, &b), 0);
	assert_int_equal(told.result, 1);
	assert_memory_equal(told.data, "result", 6);
	assert_int_equal(ingest_send_order(&w->in, 1, "", DS_ORDER_MAX + 1), -EFBIG);
}

static void
an_unknown_a_pending_and_a_revoked_host_are_told_so(void **state)
{
	struct world *w = *state;
	struct ds_conn *c = connect_as(w, &w->cert);

	expect_error(w, c, DS_WIRE_IDENTITY);
	put_host(w, HOST_PENDING);
	c = connect_as(w, &w->cert);
	assert_int_equal(say_hello(c, 9), 0);
	expect_error(w, c, DS_WIRE_PENDING);
	put_host(w, HOST_REVOKED);
	c = connect_as(w, &w->cert);
	assert_int_equal(say_hello(c, 9), 0);
	expect_error(w, c, DS_WIRE_REVOKED);
}

static void
a_batch_is_acknowledged_and_a_repeated_one_too(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;
	struct store_totals t;
	struct reader *r;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	send_batch(c, 9, 1);
	send_batch(c, 9, 2);
	send_batch(c, 9, 2);
	expect_ack(w, c, 9, 2);
	send_batch(c, 9, 1);
	expect_ack(w, c, 9, 2);
	assert_int_equal(w->in.duplicates, 2);
	assert_int_equal(w->in.cfg.backend->reader_open(&w->store, &r), 0);
	assert_int_equal(w->in.cfg.backend->totals(r, &t), 0);
	assert_int_equal(t.events, 2);
	w->in.cfg.backend->reader_close(r);
}

static void
a_session_goes_on_where_the_last_one_ended(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	send_batch(c, 9, 1);
	expect_ack(w, c, 9, 1);
	assert_int_equal(welcome_seq(w, connect_as(w, &w->cert), 9), 1);
	/* A spool made anew begins at 1 again. */
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 3), 0);
	send_batch(c, 3, 1);
	expect_ack(w, c, 3, 1);
}

static void
a_gap_is_counted_and_the_session_goes_on(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	send_batch(c, 9, 5);
	expect_ack(w, c, 9, 5);
	assert_int_equal(w->in.gaps, 4);
}

static void
what_is_not_a_batch_closes_the_session(void **state)
{
	static const uint8_t junk[] = "\xff\xff\xff junk";
	struct ds_buf b;
	struct world *w = *state;
	struct ds_conn *c;

	ds_buf_view(&b, junk, sizeof(junk));
	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	assert_int_equal(give(c, DS_FRAME_BATCH, &b), 0);
	expect_error(w, c, DS_WIRE_BAD_FRAME);
	assert_int_equal(w->in.bad_frames, 1);
}

static void
nothing_is_taken_before_hello_nor_from_another_spool(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	send_batch(c, 9, 1);
	expect_error(w, c, DS_WIRE_BAD_FRAME);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	send_batch(c, 8, 1);
	expect_error(w, c, DS_WIRE_BAD_FRAME);
}

static void
a_revoked_host_is_cut_while_it_is_connected(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, c, 9), 0);
	put_host(w, HOST_REVOKED);
	ingest_host_changed(&w->in, w->host_id);
	expect_error(w, c, DS_WIRE_REVOKED);
	send_batch(c, 9, 1); /* is not even looked at */
	assert_int_equal(w->in.batches, 0);
}

static void
put_token(struct world *w, const uint8_t secret[32], bool require_approval)
{
	struct token_row row = { .id = "tok_1",
		.label = "",
		.expires_us = 1ull << 60,
		.uses_max = 1,
		.require_approval = require_approval };

	SHA256(secret, 32, row.secret_hash);
	put_rows(w, NULL, &row);
}

static struct ds_conn *
ask_enrolment(struct world *w, const uint8_t secret[32])
{
	struct ds_enrol m = { .token_id = "tok_1", .csr = w->csr, .csr_size = w->csr_size };
	struct ds_conn *c = connect_as(w, NULL);
	struct ds_buf b;

	memcpy(m.secret, secret, 32);
	snprintf(m.facts.hostname, sizeof(m.facts.hostname), "new");
	ds_buf_init(&b, 65536);
	assert_int_equal(ds_enrol_put(&b, &m), 0);
	assert_int_equal(give(c, DS_FRAME_ENROL, &b), 0);
	ds_buf_done(&b);
	return c;
}

static void
a_token_gives_a_certificate_and_the_same_key_the_same_host(void **state)
{
	static const uint8_t secret[32] = { 1, 2 }, wrong[32] = { 3 };
	struct world *w = *state;
	struct ds_certificate one, two;
	struct ds_frame f;
	struct ds_conn *c;
	uint8_t id[DS_HOST_ID_SIZE];

	put_token(w, secret, false);
	expect_error(w, ask_enrolment(w, wrong), DS_WIRE_TOKEN_UNKNOWN);
	f = expect(w, ask_enrolment(w, secret), DS_FRAME_CERTIFICATE);
	assert_int_equal(ds_certificate_get(f.payload, f.size, &one), 0);
	memcpy(id, one.host_id, sizeof(id));
	/* The answer was lost: it asks again. */
	f = expect(w, ask_enrolment(w, secret), DS_FRAME_CERTIFICATE);
	assert_int_equal(ds_certificate_get(f.payload, f.size, &two), 0);
	assert_memory_equal(id, two.host_id, sizeof(id));
	/* Another key does not get in on a token that is used up. */
	OPENSSL_free(w->csr);
	ds_tls_key_free(w->key);
	w->key = ds_tls_key_new();
	w->csr = ds_tls_request(w->key, &w->csr_size);
	c = ask_enrolment(w, secret);
	expect_error(w, c, DS_WIRE_TOKEN_USED);
}

static void
a_host_that_needs_approval_waits(void **state)
{
	static const uint8_t secret[32] = { 1, 2 };
	struct world *w = *state;
	struct ds_certificate m;
	struct pki_cert cert = { 0 };
	struct ds_frame f;
	struct ds_conn *c;

	put_token(w, secret, true);
	f = expect(w, ask_enrolment(w, secret), DS_FRAME_CERTIFICATE);
	assert_int_equal(ds_certificate_get(f.payload, f.size, &m), 0);
	assert_int_equal(
	    pki_issue(w->in.pki, w->csr, w->csr_size, m.host_id, ds_clock_wall_us(), &cert), 0);
	c = connect_as(w, &cert);
	assert_int_equal(say_hello(c, 9), 0);
	expect_error(w, c, DS_WIRE_PENDING);
	pki_cert_done(&cert);
}

static void
without_certificate_only_enrolment_is_possible(void **state)
{
	struct world *w = *state;
	struct ds_conn *c = connect_as(w, NULL);

	assert_int_equal(say_hello(c, 9), 0);
	expect_error(w, c, DS_WIRE_BAD_FRAME);
}

static void
a_newer_session_of_a_host_ends_the_older(void **state)
{
	struct world *w = *state;
	struct ds_conn *one, *two;

	put_host(w, HOST_APPROVED);
	one = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, one, 9), 0);
	last_conn = NULL; /* connect_as() frees the last one; this one is looked at below */
	two = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, two, 9), 0);
	assert_true(one->gone);
	assert_false(two->gone);
	assert_int_equal(w->in.workers[0].sessions_len, 1);
	ds_buf_done(&one->out);
	free(one);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_on_disk_is_told),
		T(a_known_host_is_welcomed),
		T(an_order_goes_to_its_host_and_the_result_comes_back),
		T(an_unknown_a_pending_and_a_revoked_host_are_told_so),
		T(a_batch_is_acknowledged_and_a_repeated_one_too),
		T(a_session_goes_on_where_the_last_one_ended),
		T(a_gap_is_counted_and_the_session_goes_on),
		T(what_is_not_a_batch_closes_the_session),
		T(nothing_is_taken_before_hello_nor_from_another_spool),
		T(a_revoked_host_is_cut_while_it_is_connected),
		T(a_token_gives_a_certificate_and_the_same_key_the_same_host),
		T(a_host_that_needs_approval_waits),
		T(without_certificate_only_enrolment_is_possible),
		T(a_newer_session_of_a_host_ends_the_older),
	};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
