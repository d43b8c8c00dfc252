/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two machines with the identity of one host. */
#include "tests/unit/ingest_fixture.h"

#include "lib/clock.h"
#include "server/ingest/copy.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* last_conn is freed by connect_as(): one that is still looked at is kept here. */
static struct ds_conn *kept;

static struct ds_conn *
keep(struct ds_conn *c)
{
	kept = c;
	last_conn = NULL;
	return c;
}

static int
done(void **state)
{
	struct world *w = *state;

	while (w->in.workers[0].sessions)
		session_free(w->in.workers[0].sessions);
	if (kept)
		ds_buf_done(&kept->out);
	free(kept);
	kept = NULL;
	return teardown(state);
}

/* HELLO with a number and those before it, newest first. */
static void
hello_of(struct ds_conn *c, uint64_t number, const uint64_t *before, size_t len)
{
	struct ds_hello h = { .version_min = 1,
		.version_max = 1,
		.epoch = 9,
		.now_us = ds_clock_wall_us(),
		.hostname = "web-1",
		.generation = number };
	struct ds_buf b;

	for (size_t i = 0; i < len; i++)
		for (unsigned j = 0; j < 8; j++)
			h.before[8 * i + j] = (uint8_t)(before[i] >> (56 - 8 * j));
	ds_buf_init(&b, 65536);
	assert_int_equal(ds_hello_put(&b, &h), 0);
	assert_int_equal(give(c, DS_FRAME_HELLO, &b), 0);
	ds_buf_done(&b);
}

static void
answer_ping(struct world *w, struct ds_conn *c)
{
	struct ds_frame f = expect(w, c, DS_FRAME_PING);
	struct ds_frame pong = { .type = DS_FRAME_PONG, .payload = f.payload, .size = f.size };

	assert_true(f.size > 0);
	assert_int_equal(c->ops->frame(c, &pong, c->ctx), 0);
}

/* A session that is welcome, and another one that says the same hello. */
static struct ds_conn *
connect_twice(struct world *w, struct ds_conn **ret_second)
{
	struct ds_conn *one;

	put_host(w, HOST_APPROVED);
	one = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, one, 9), 0);
	keep(one);
	*ret_second = connect_as(w, &w->cert);
	assert_int_equal(say_hello(*ret_second, 9), 0);
	return one;
}

static void
a_session_that_answers_stays_and_the_newcomer_is_a_copy(void **state)
{
	struct world *w = *state;
	struct ds_conn *one, *two;

	one = connect_twice(w, &two);
	answer_ping(w, one);
	expect_error(w, two, DS_WIRE_COPY);
	assert_false(one->gone || one->finished);
	assert_int_equal(w->in.copies, 1);
	send_batch(one, 9, 1);
	expect_ack(w, one, 9, 1);
}

static void
a_session_that_ends_makes_room_at_once(void **state)
{
	static const struct ds_conn_end end = { 0, "peer closed" };
	struct world *w = *state;
	struct ds_conn *one, *two;

	one = connect_twice(w, &two);
	assert_int_equal(two->out.len, two->out.pos); /* nothing was said to it */
	one->ops->closed(one, &end, one->ctx);
	(void)expect(w, two, DS_FRAME_WELCOME);
	assert_int_equal(w->in.copies, 0);
	assert_int_equal(w->in.workers[0].sessions_len, 1);
}

static void
a_session_that_is_silent_makes_room_in_time(void **state)
{
	struct world *w = *state;
	struct ds_conn *one, *two;
	uint64_t now = ds_clock_monotonic_ms();

	one = connect_twice(w, &two);
	copy_tick(&w->in.workers[0], now + 100);
	assert_false(one->gone);
	copy_tick(&w->in.workers[0], now + 600000);
	assert_true(one->gone);
	(void)expect(w, two, DS_FRAME_WELCOME);
}

static void
a_third_is_told_to_wait_and_a_newcomer_that_leaves_is_forgotten(void **state)
{
	struct world *w = *state;
	struct ds_conn *one, *three;

	put_host(w, HOST_APPROVED);
	one = connect_as(w, &w->cert);
	assert_int_equal(welcome_seq(w, one, 9), 0);
	keep(one);
	assert_int_equal(say_hello(connect_as(w, &w->cert), 9), 0);
	/* The second leaves by connect_as(); the third waits in its place. */
	three = connect_as(w, &w->cert);
	assert_int_equal(say_hello(three, 9), 0);
	assert_false(three->finished);
	assert_int_equal(w->in.workers[0].sessions_len, 2);
	(void)expect(w, one, DS_FRAME_PING);
	answer_ping(w, one);
	expect_error(w, three, DS_WIRE_COPY);
}

static void
who_does_not_know_the_last_session_is_a_copy(void **state)
{
	static const uint64_t mine[] = { 11, 10 }, of_copy[] = { 21, 10 };
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	c = connect_as(w, &w->cert);
	hello_of(c, 10, NULL, 0);
	(void)expect(w, c, DS_FRAME_WELCOME);
	c = connect_as(w, &w->cert);
	hello_of(c, 11, &mine[1], 1);
	(void)expect(w, c, DS_FRAME_WELCOME);
	/* From the image that was taken after session 10. */
	c = connect_as(w, &w->cert);
	hello_of(c, 21, &of_copy[1], 1);
	expect_error(w, c, DS_WIRE_COPY);
	/* The first goes on. */
	c = connect_as(w, &w->cert);
	hello_of(c, 12, mine, 2);
	(void)expect(w, c, DS_FRAME_WELCOME);
	assert_int_equal(w->in.copies, 1);
}

static void
a_restored_database_makes_no_copies(void **state)
{
	struct ds_hello h = { .generation = 99 };

	(void)state;
	for (unsigned i = 0; i < DS_GENERATIONS; i++)
		h.before[8 * i + 7] = (uint8_t)(i + 1);
	assert_true(copy_descends(0, &h)); /* never told */
	assert_true(copy_descends(99, &h));
	assert_true(copy_descends(1, &h));
	assert_true(copy_descends(DS_GENERATIONS, &h));
	assert_false(copy_descends(DS_GENERATIONS + 1, &h));
	/* Its disk was full: it tells what it told before. */
	h.generation = 0;
	assert_true(copy_descends(1, &h));
	assert_false(copy_descends(98, &h));
	/* An agent that knows nothing of it. */
	memset(h.before, 0, sizeof(h.before));
	assert_true(copy_descends(98, &h));
}

static int
look(const struct host_row *row, void *ctx)
{
	uint32_t *numbers = ctx;

	numbers[0] = row->number;
	numbers[1] = row->copy_of;
	numbers[2] = (uint32_t)row->status;
	return 0;
}

static struct ds_conn *
ask_as_copy(struct world *w)
{
	struct ds_enrol m = { .csr = w->csr, .csr_size = w->csr_size };
	struct ds_conn *c = connect_as(w, &w->cert);
	struct ds_buf b;

	ds_buf_init(&b, 65536);
	assert_int_equal(ds_enrol_put(&b, &m), 0);
	assert_int_equal(give(c, DS_FRAME_ENROL, &b), 0);
	ds_buf_done(&b);
	return c;
}

static void
fresh_key(struct world *w)
{
	OPENSSL_free(w->csr);
	ds_tls_key_free(w->key);
	w->key = ds_tls_key_new();
	w->csr = ds_tls_request(w->key, &w->csr_size);
}

static void
a_copy_becomes_a_host_of_its_own_that_waits(void **state)
{
	struct world *w = *state;
	uint32_t original[3], copy[3];
	struct ds_certificate m;
	struct reader *r = w->in.workers[0].reader;
	uint8_t id[DS_HOST_ID_SIZE];
	struct ds_frame f;

	put_host(w, HOST_APPROVED);
	fresh_key(w);
	f = expect(w, ask_as_copy(w), DS_FRAME_CERTIFICATE);
	assert_int_equal(ds_certificate_get(f.payload, f.size, &m), 0);
	assert_memory_not_equal(m.host_id, w->host_id, DS_HOST_ID_SIZE);
	memcpy(id, m.host_id, sizeof(id));
	assert_int_equal(w->in.cfg.backend->host_get(r, w->host_id, look, original), 1);
	assert_int_equal(w->in.cfg.backend->host_get(r, id, look, copy), 1);
	assert_int_equal(copy[1], original[0]);
	assert_int_equal(copy[2], HOST_PENDING);
	assert_int_equal(original[2], HOST_APPROVED);
	assert_int_not_equal(copy[0], original[0]);
	/* The answer was lost: the same key is the same host. */
	f = expect(w, ask_as_copy(w), DS_FRAME_CERTIFICATE);
	assert_int_equal(ds_certificate_get(f.payload, f.size, &m), 0);
	assert_memory_equal(m.host_id, id, sizeof(id));
}

static void
a_copy_needs_a_key_of_its_own_and_a_host_that_is_let_in(void **state)
{
	struct world *w = *state;
	struct host_row row = fixture_host(1);

	memcpy(row.id, w->host_id, sizeof(row.id));
	memcpy(row.pin, w->cert.info.pin, sizeof(row.pin));
	row.status = HOST_APPROVED;
	put_rows(w, &row, NULL);
	expect_error(w, ask_as_copy(w), DS_WIRE_CSR);
	row.status = HOST_REVOKED;
	put_rows(w, &row, NULL);
	fresh_key(w);
	expect_error(w, ask_as_copy(w), DS_WIRE_REVOKED);
}

static void
not_more_than_so_many_copies_wait(void **state)
{
	struct world *w = *state;
	struct ds_conn *c;

	put_host(w, HOST_APPROVED);
	for (unsigned i = 0; i < 64; i++) {
		fresh_key(w);
		(void)expect(w, ask_as_copy(w), DS_FRAME_CERTIFICATE);
	}
	fresh_key(w);
	c = ask_as_copy(w);
	expect_error(w, c, DS_WIRE_BUSY);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, done)
	const struct CMUnitTest tests[] = {
		T(a_session_that_answers_stays_and_the_newcomer_is_a_copy),
		T(a_session_that_ends_makes_room_at_once),
		T(a_session_that_is_silent_makes_room_in_time),
		T(a_third_is_told_to_wait_and_a_newcomer_that_leaves_is_forgotten),
		T(who_does_not_know_the_last_session_is_a_copy),
		T(a_copy_becomes_a_host_of_its_own_that_waits),
		T(a_copy_needs_a_key_of_its_own_and_a_host_that_is_let_in),
		T(not_more_than_so_many_copies_wait),
		cmocka_unit_test(a_restored_database_makes_no_copies),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
