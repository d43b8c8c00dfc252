/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions over a connection that is not one: what a worker answers to frames. */
#include "tests/unit/ingest_fixture.h"

#include "lib/clock.h"
#include "lib/ipc.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static unsigned
tell_stored(const struct ingest_news *news, void *ctx)
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
	return 0;
}

static void
what_is_on_disk_is_told(void **state)
{
	struct world *w = *state;
	struct told told = { 0 };
	struct ds_conn *c;

	w->in.cfg.on_stored = tell_stored;
	w->in.cfg.stored_ctx = &told;
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
	};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
