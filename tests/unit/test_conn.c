/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real TLS over socket pairs and a real loop; every wait is for an event or a short limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/conn_turn.h"
#include "tests/unit/conn_fixture.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
frames_of_all_sizes_arrive_whole_and_in_order(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 100, 16371, 16372, 16373, 16384, 65536, 100000,
		1 << 20, DS_FRAME_PAYLOAD_MAX };
	size_t total = 0;

	(void)state;
	start_open(&limits);
	for (unsigned i = 0; i < DS_LEN(sizes); i++) {
		assert_int_equal(send_size(&client, sizes[i]), 0);
		assert_int_equal(send_size(&server, sizes[i]), 0);
		RUN_UNTIL(server.frames == i + 1 && client.frames == i + 1);
		total += sizes[i];
		assert_int_equal(server.bytes, total);
		assert_int_equal(client.bytes, total);
	}
	assert_false(server.torn || client.torn);
	assert_int_equal(send_size(&client, DS_FRAME_PAYLOAD_MAX + 1), -EMSGSIZE);
	stop();
}

static void
an_idle_connection_holds_no_buffers(void **state)
{
	(void)state;
	start_open(&limits);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_size(&client, 500), 0);
	RUN_UNTIL(server.frames == 100);
	assert_int_equal(server.conn->in.cap, 0);
	assert_int_equal(client.conn->out.cap, 0);
	assert_int_equal(ds_conn_bytes_in(server.conn), 100 * (500 + DS_FRAME_HEADER));
	assert_int_equal(ds_conn_bytes_out(client.conn), 100 * (500 + DS_FRAME_HEADER));
	stop();
}

static void
what_is_queued_in_a_turn_travels_in_full_records(void **state)
{
	uint64_t before, written;

	(void)state;
	start_open(&limits);
	before = BIO_number_written(SSL_get_wbio(client.conn->ssl));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send_size(&client, 100), 0);
	RUN_UNTIL(server.frames == 1000);
	written = BIO_number_written(SSL_get_wbio(client.conn->ssl)) - before;
	/* 22 bytes around each record, of which seven would do. */
	assert_in_range(written, 1000 * (100 + DS_FRAME_HEADER) + 7 * 22,
	    1000 * (100 + DS_FRAME_HEADER) + 10 * 22);
	stop();
}

static void
the_server_sees_who_the_client_is(void **state)
{
	struct ds_cert_info info;
	unsigned char *der;
	char id[37];
	size_t size;

	(void)state;
	start_open(&limits);
	der = ds_conn_peer_cert(server.conn, &size);
	assert_non_null(der);
	assert_int_equal(ds_tls_cert_info(der, size, &info), 0);
	assert_true(info.has_host);
	ds_host_id_format(info.host_id, id);
	assert_string_equal(id, "01234567-89ab-cdef-0123-456789abcdef");
	assert_string_equal(ds_conn_peer_name(server.conn), "local");
	OPENSSL_free(der);
	stop();
}

static void
a_peer_that_never_begins_is_closed(void **state)
{
	struct ds_conn_limits l = limits;
	int fds[2];

	(void)state;
	l.handshake_ms = 20;
	make_pair(fds);
	start_server(fds[1], &l);
	RUN_UNTIL(server.closed);
	assert_int_equal(server.end.error, -ETIMEDOUT);
	assert_string_equal(server.end.text, "handshake took too long");
	assert_null(server.conn->ssl);
	close(fds[0]);
	stop();
}

static void
a_silent_peer_is_closed(void **state)
{
	struct ds_conn_limits l = limits;

	(void)state;
	start_open(&l);
	client.conn->limits = &limits; /* more patient */
	l.idle_ms = 20;
	assert_int_equal(send_size(&client, 5), 0); /* the last that is heard */
	RUN_UNTIL(server.closed);
	assert_string_equal(server.end.text, "peer is silent");
	stop();
}

static void
a_peer_of_one_byte_at_a_time_is_closed(void **state)
{
	static const uint8_t header[DS_FRAME_HEADER] = { 'D', 'S', DS_WIRE_VERSION, DS_FRAME_BATCH,
		0, 0, 0, 0, 0, 1, 0, 0 };
	struct ds_conn_limits l = limits;
	int fds[2];
	SSL *ssl;

	(void)state;
	l.frame_ms = 30;
	make_pair(fds);
	start_server(fds[1], &l);
	ssl = raw_start(fds[0]);
	for (size_t i = 0; !server.closed; i++) {
		(void)SSL_write(ssl, i < sizeof(header) ? &header[i] : header, 1);
		assert_int_not_equal(event_base_loop(base, EVLOOP_NONBLOCK), -1);
	}
	assert_int_equal(server.end.error, -ETIMEDOUT);
	assert_string_equal(server.end.text, "frame took too long");
	SSL_free(ssl);
	close(fds[0]);
	stop();
}

static void
a_peer_that_does_not_read_fills_the_queue_and_no_more(void **state)
{
	struct ds_conn_limits l = limits;
	unsigned sent = 0;

	(void)state;
	l.out_max = 1 << 20;
	start_open(&l);
	ds_conn_pause(client.conn);
	for (;;) {
		int r = send_size(&server, 100000);

		if (r == -EAGAIN && ds_conn_pending(server.conn) > 900000)
			break;
		sent += r == 0;
		assert_int_not_equal(event_base_loop(base, EVLOOP_NONBLOCK), -1);
	}
	assert_true(ds_conn_pending(server.conn) <= l.out_max);
	assert_int_equal(server.drained, 0);
	ds_conn_resume(client.conn);
	RUN_UNTIL(client.frames == sent);
	assert_int_equal(server.drained, 1);
	assert_false(client.torn);
	stop();
}

static void
a_peer_that_never_reads_is_closed(void **state)
{
	struct ds_conn_limits l = limits;

	(void)state;
	l.stuck_ms = 20;
	start_open(&l);
	ds_conn_pause(client.conn);
	assert_int_equal(send_size(&server, 1 << 20), 0);
	RUN_UNTIL(server.closed);
	assert_string_equal(server.end.text, "peer does not read");
	stop();
}

static void
a_pause_is_not_held_against_the_peer(void **state)
{
	struct ds_conn_limits l = limits;

	(void)state;
	start_open(&l);
	server.at_frame = PAUSE;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_size(&client, 1000), 0);
	for (unsigned i = 1; i <= 3; i++) {
		RUN_UNTIL(server.frames == i);
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(server.frames, i);
		ds_conn_resume(server.conn);
	}
	stop();
}

struct mover {
	struct side *side;
	struct event_base *base;
	unsigned until;
};

static void *
run_elsewhere(void *arg)
{
	struct mover *m = arg;

	m->side->at_frame = NOTHING;
	assert_int_equal(ds_conn_attach(m->side->conn, m->base, &ops, m->side), 0);
	while (m->side->frames < m->until)
		(void)event_base_loop(m->base, EVLOOP_ONCE);
	assert_int_equal(ds_conn_send(m->side->conn, DS_FRAME_ACK, 0, "", 0), 0);
	while (ds_conn_pending(m->side->conn) > 0)
		(void)event_base_loop(m->base, EVLOOP_ONCE);
	ds_conn_detach(m->side->conn);
	return NULL;
}

static void
a_connection_moves_to_another_thread_in_the_middle_of_a_stream(void **state)
{
	struct mover m = { .side = &server, .until = 50 };
	pthread_t thread;

	(void)state;
	start_open(&limits);
	m.base = event_base_new();
	server.at_frame = DETACH;
	for (int i = 0; i < 50; i++)
		assert_int_equal(send_size(&client, 2000), 0);
	RUN_UNTIL(server.frames == 1);
	while (ds_conn_pending(client.conn) > 0)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.frames, 1);
	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, &m), 0);
	RUN_UNTIL(client.frames == 1);
	pthread_join(thread, NULL);
	assert_int_equal(server.frames, 50);
	assert_false(server.torn);
	/* And back. */
	assert_int_equal(ds_conn_attach(server.conn, base, &ops, &server), 0);
	assert_int_equal(send_size(&client, 10), 0);
	RUN_UNTIL(server.frames == 51);
	stop();
	event_base_free(m.base);
}

static void
one_busy_peer_does_not_starve_another(void **state)
{
	unsigned frames_before;

	(void)state;
	start_open(&limits);
	/* The first pair has megabytes to move, the second one frame: it arrives first. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(send_size(&client, 1 << 20), 0);
	{
		struct side big = server, mate = client;
		int fds[2];

		make_pair(fds);
		server = client = (struct side){ 0 };
		client.conn = ds_conn_new(base, client_tls, false, fds[0], &ops, &limits, &client);
		server.conn = ds_conn_new(base, server_tls, true, fds[1], &ops, &limits, &server);
		big.conn->ctx = &big;
		mate.conn->ctx = &mate;
		RUN_UNTIL(client.ready && server.ready);
		frames_before = big.frames;
		assert_int_equal(send_size(&client, 10), 0);
		RUN_UNTIL(server.frames == 1);
		assert_true(big.frames - frames_before <= 1);
		ds_conn_free(big.conn);
		ds_conn_free(mate.conn);
	}
	stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_all_sizes_arrive_whole_and_in_order),
		cmocka_unit_test(an_idle_connection_holds_no_buffers),
		cmocka_unit_test(what_is_queued_in_a_turn_travels_in_full_records),
		cmocka_unit_test(the_server_sees_who_the_client_is),
		cmocka_unit_test(a_peer_that_never_begins_is_closed),
		cmocka_unit_test(a_silent_peer_is_closed),
		cmocka_unit_test(a_peer_of_one_byte_at_a_time_is_closed),
		cmocka_unit_test(a_peer_that_does_not_read_fills_the_queue_and_no_more),
		cmocka_unit_test(a_peer_that_never_reads_is_closed),
		cmocka_unit_test(a_pause_is_not_held_against_the_peer),
		cmocka_unit_test(a_connection_moves_to_another_thread_in_the_middle_of_a_stream),
		cmocka_unit_test(one_busy_peer_does_not_starve_another),
	};

	return cmocka_run_group_tests_name("conn", tests, setup, teardown);
}
