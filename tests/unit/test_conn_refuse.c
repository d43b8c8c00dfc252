/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real TLS over socket pairs and a real loop; who is let in, and what ends a connection. */
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

struct refusal {
	const char *cert, *server_says;
};

static void
wrong_certificates_are_refused_and_both_sides_know_why(void **state)
{
	static const struct refusal refusals[] = {
		{ "expired.pem", "certificate: certificate has expired" },
		{ "future.pem", "certificate: certificate is not yet valid" },
		{ "foreign.pem", "certificate: unable to get local issuer certificate" },
		{ "server.pem", "certificate: unsuitable certificate purpose" },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(refusals); i++) {
		struct ds_tls *tls = client_with(refusals[i].cert, "ca.pem", NULL);

		assert_non_null(tls);
		start(tls, &limits);
		RUN_UNTIL(server.closed && client.closed);
		assert_string_equal(server.end.text, refusals[i].server_says);
		assert_int_equal(server.end.error, -EKEYREJECTED);
		assert_int_equal(server.ready, 0);
		assert_non_null(strstr(client.end.text, "alert"));
		stop();
		ds_tls_free(tls);
	}
	assert_null(client_with("wrong.pem", "ca.pem", NULL));
}

static void
a_client_without_a_certificate_is_seen_as_such(void **state)
{
	struct ds_tls *tls = client_with(NULL, "ca.pem", NULL);
	size_t size;

	(void)state;
	start(tls, &limits);
	RUN_UNTIL(server.ready && client.ready);
	assert_null(ds_conn_peer_cert(server.conn, &size));
	assert_int_equal(send_size(&client, 64 << 10), 0);
	RUN_UNTIL(server.frames == 1);
	assert_int_equal(send_size(&client, (64 << 10) + 1), 0);
	RUN_UNTIL(server.closed);
	assert_string_equal(server.end.text, "frame too large");
	stop();
	ds_tls_free(tls);
}

static void
a_server_that_is_not_ours_is_refused(void **state)
{
	static const char *const impostors[] = { "rogue.pem", "foreign.pem", "host.pem" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(impostors); i++) {
		use_server(impostors[i]);
		start(client_tls, &limits);
		RUN_UNTIL(client.closed);
		assert_int_equal(client.ready, 0);
		assert_int_equal(client.end.error, -EKEYREJECTED);
		stop();
	}
	use_server("server.pem");
}

static void
a_pin_admits_its_server_and_no_other(void **state)
{
	struct ds_cert_info info;
	struct ds_tls *tls;

	(void)state;
	assert_int_equal(ds_tls_file_info(certs_path(&certs, "ca.pem"), &info), 0);
	tls = client_with(NULL, NULL, info.pin);
	start(tls, &limits);
	RUN_UNTIL(server.ready && client.ready);
	stop();
	/* It shows the true CA's certificate, which is public, but that one has not signed it. */
	use_server("rogue.pem");
	start(tls, &limits);
	RUN_UNTIL(client.closed);
	assert_int_equal(client.ready, 0);
	stop();
	use_server("foreign.pem");
	start(tls, &limits);
	RUN_UNTIL(client.closed);
	assert_string_equal(client.end.text, "certificate: not the key that was pinned");
	stop();
	use_server("server.pem");
	ds_tls_free(tls);
}

static void
a_host_whose_clock_is_wrong_reaches_its_server(void **state)
{
	struct ds_cert_info info;
	struct ds_tls *pinned;

	(void)state;
	assert_int_equal(ds_tls_file_info(certs_path(&certs, "ca.pem"), &info), 0);
	pinned = client_with(NULL, NULL, info.pin);
	use_server("old-server.pem");
	start_open(&limits);
	stop();
	start(pinned, &limits);
	RUN_UNTIL(server.ready && client.ready);
	stop();
	use_server("server.pem");
	ds_tls_free(pinned);
}

static void
garbage_instead_of_tls_is_closed(void **state)
{
	static const char garbage[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
	int fds[2];

	(void)state;
	make_pair(fds);
	start_server(fds[1], &limits);
	assert_int_equal(write(fds[0], garbage, sizeof(garbage)), sizeof(garbage));
	RUN_UNTIL(server.conn->state == CONN_LINGERING);
	close(fds[0]);
	RUN_UNTIL(server.closed);
	assert_int_equal(server.end.error, -EPROTO);
	assert_int_equal(server.ready, 0);
	stop();
}

static void
flipped_bits_end_the_connection(void **state)
{
	char record[400];
	int fds[2], tap[2];
	ssize_t n;

	(void)state;
	make_pair(fds);
	make_pair(tap);
	client = (struct side){ 0 };
	client.conn = ds_conn_new(base, client_tls, false, fds[0], &ops, &limits, &client);
	start_server(tap[1], &limits);
	/* We stand in the middle: fds[1] is the client's peer, tap[0] the server's. */
	for (int i = 0; !server.closed; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		while ((n = read(fds[1], record, sizeof(record))) > 0) {
			if (server.ready)
				record[n - 1] ^= 1;
			assert_int_equal(write(tap[0], record, (size_t)n), n);
		}
		while ((n = read(tap[0], record, sizeof(record))) > 0)
			assert_int_equal(write(fds[1], record, (size_t)n), n);
		if (server.ready && client.ready && client.frames == 0 && i % 10 == 0)
			(void)send_size(&client, 100);
	}
	assert_int_equal(server.frames, 0);
	assert_int_equal(server.end.error, -EPROTO);
	close(fds[1]);
	close(tap[0]);
	stop();
}

static void
what_is_no_frame_ends_the_connection(void **state)
{
	static const char *const bad[] = { "XX..........", "DS\xff.........",
		"DS\x01\x03\x00\x00\x00\x00\xff\xff\xff\xff" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		int fds[2];
		SSL *ssl;

		make_pair(fds);
		start_server(fds[1], &limits);
		ssl = raw_start(fds[0]);
		assert_int_equal(SSL_write(ssl, bad[i], DS_FRAME_HEADER), DS_FRAME_HEADER);
		RUN_UNTIL(server.closed);
		assert_int_equal(server.frames, 0);
		assert_true(server.end.error < 0);
		SSL_free(ssl);
		close(fds[0]);
		stop();
	}
}

static void
an_end_without_goodbye_is_a_plain_close(void **state)
{
	int fds[2];
	SSL *ssl;

	(void)state;
	make_pair(fds);
	start_server(fds[1], &limits);
	ssl = raw_start(fds[0]);
	close(fds[0]);
	RUN_UNTIL(server.closed);
	assert_int_equal(server.end.error, 0);
	assert_string_equal(server.end.text, "peer closed");
	SSL_free(ssl);
	stop();
}

static void
a_frame_cut_off_is_told(void **state)
{
	int fds[2];
	SSL *ssl;

	(void)state;
	make_pair(fds);
	start_server(fds[1], &limits);
	ssl = raw_start(fds[0]);
	assert_int_equal(SSL_write(ssl, "DS\x01", 3), 3);
	close(fds[0]);
	RUN_UNTIL(server.closed);
	assert_int_equal(server.end.error, -ECONNRESET);
	SSL_free(ssl);
	stop();
}

static void
a_flood_of_key_updates_is_closed(void **state)
{
	int fds[2], floods = 0;
	SSL *ssl;

	(void)state;
	make_pair(fds);
	start_server(fds[1], &limits);
	ssl = raw_start(fds[0]);
	/* With data between them they are fine. */
	for (int i = 0; i < 200; i++) {
		static const uint8_t ping[DS_FRAME_HEADER] = { 'D', 'S', DS_WIRE_VERSION,
			DS_FRAME_PING };

		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_write(ssl, ping, sizeof(ping)), sizeof(ping));
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
	RUN_UNTIL(server.frames == 200);
	for (; !server.closed && floods < 10000; floods++) {
		(void)SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
		(void)SSL_do_handshake(ssl);
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_true(server.closed);
	assert_int_equal(server.end.error, -EPROTO);
	SSL_free(ssl);
	close(fds[0]);
	stop();
}

static void
last_words_are_read_although_the_peer_keeps_sending(void **state)
{
	(void)state;
	start_open(&limits);
	server.at_frame = FINISH;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_size(&client, 1 << 20), 0);
	assert_int_equal(ds_conn_send(server.conn, DS_FRAME_ERROR, 0, "", 0), 0);
	RUN_UNTIL(client.closed && server.closed);
	assert_int_equal(server.frames, 1);
	assert_int_equal(client.last_type, DS_FRAME_ERROR);
	assert_int_equal(server.end.error, 0);
	assert_string_equal(server.end.text, "closed here");
	assert_int_equal(ds_conn_send(server.conn, DS_FRAME_PING, 0, "", 0), -ENOTCONN);
	stop();
}

static void
a_connection_may_be_closed_or_freed_in_every_op(void **state)
{
	static const enum what whats[] = { FREE, FAIL, FINISH };

	(void)state;
	for (size_t i = 0; i < DS_LEN(whats) * 3; i++) {
		struct ds_conn_limits l = limits;
		enum what what = whats[i / 3];

		l.out_max = 200000;
		start(client_tls, &l);
		client.at_closed = server.at_closed = FREE;
		if (i % 3 == 0)
			server.at_ready = what;
		else if (i % 3 == 1)
			server.at_frame = what;
		else
			server.at_drained = what;
		RUN_UNTIL(client.ready || client.closed);
		if (client.conn != NULL && i % 3 == 1) {
			assert_int_equal(send_size(&client, 100), 0);
			assert_int_equal(send_size(&client, 100), 0);
		}
		RUN_UNTIL(server.ready);
		while (server.conn != NULL && i % 3 == 2 && send_size(&server, 50000) == 0)
			;
		if (i % 3 == 2 && what == FAIL) /* drained cannot fail */
			ds_conn_finish(server.conn);
		RUN_UNTIL(client.closed && server.conn == NULL);
		assert_int_equal(server.closed, what == FREE ? 0 : 1);
		if (what == FAIL && i % 3 != 2)
			assert_int_equal(server.end.error, -EDOM);
		stop();
	}
}

static void
finishing_before_the_handshake_closes(void **state)
{
	(void)state;
	start(client_tls, &limits);
	ds_conn_finish(client.conn);
	RUN_UNTIL(client.closed && server.closed);
	assert_int_equal(client.ready + server.ready, 0);
	stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_certificates_are_refused_and_both_sides_know_why),
		cmocka_unit_test(a_client_without_a_certificate_is_seen_as_such),
		cmocka_unit_test(a_server_that_is_not_ours_is_refused),
		cmocka_unit_test(a_pin_admits_its_server_and_no_other),
		cmocka_unit_test(a_host_whose_clock_is_wrong_reaches_its_server),
		cmocka_unit_test(garbage_instead_of_tls_is_closed),
		cmocka_unit_test(flipped_bits_end_the_connection),
		cmocka_unit_test(what_is_no_frame_ends_the_connection),
		cmocka_unit_test(an_end_without_goodbye_is_a_plain_close),
		cmocka_unit_test(a_frame_cut_off_is_told),
		cmocka_unit_test(a_flood_of_key_updates_is_closed),
		cmocka_unit_test(last_words_are_read_although_the_peer_keeps_sending),
		cmocka_unit_test(a_connection_may_be_closed_or_freed_in_every_op),
		cmocka_unit_test(finishing_before_the_handshake_closes),
	};

	return cmocka_run_group_tests_name("conn_refuse", tests, setup, teardown);
}
