/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real TLS over socket pairs and a real loop; every wait is for an event or a short limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/conn.h"
#include "lib/conn_turn.h"
#include "lib/tls.h"
#include "tests/unit/certs.h"

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

/* What a side does when an op is called. */
enum what { NOTHING, FREE, FAIL, FINISH, DETACH, PAUSE };

struct side {
	struct ds_conn *conn;
	enum what at_ready, at_frame, at_drained, at_closed;
	unsigned ready, frames, drained, closed;
	size_t bytes;
	uint8_t last_type;
	bool torn; /* a frame was not what was sent */
	struct ds_conn_end end;
};

static struct certs certs;
static struct event_base *base;
static struct ds_tls *server_tls, *client_tls;
static struct side client, server;

static const struct ds_conn_limits limits = {
	.handshake_ms = 5000,
	.idle_ms = 5000,
	.stuck_ms = 5000,
	.frame_ms = 5000,
	.frame_max = DS_FRAME_PAYLOAD_MAX,
	.out_max = DS_FRAME_PAYLOAD_MAX + 100,
};

static int
act(struct side *s, enum what what)
{
	switch (what) {
	case NOTHING:
		break;
	case FREE:
		ds_conn_free(s->conn);
		s->conn = NULL;
		break;
	case FAIL:
		return -EDOM;
	case FINISH:
		ds_conn_finish(s->conn);
		break;
	case DETACH:
		ds_conn_detach(s->conn);
		break;
	case PAUSE:
		ds_conn_pause(s->conn);
		break;
	}
	return 0;
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	struct side *s = ctx;

	(void)c;
	s->ready++;
	return act(s, s->at_ready);
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct side *s = ctx;

	(void)c;
	s->frames++;
	s->bytes += f->size;
	s->last_type = f->type;
	for (size_t i = 0; i < f->size; i += 997)
		s->torn = s->torn || f->payload[i] != (uint8_t)(f->size + i);
	return act(s, s->at_frame);
}

static void
on_drained(struct ds_conn *c, void *ctx)
{
	struct side *s = ctx;

	(void)c;
	s->drained++;
	(void)act(s, s->at_drained);
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct side *s = ctx;

	(void)c;
	s->closed++;
	s->end = *end;
	(void)act(s, s->at_closed);
}

static const struct ds_conn_ops ops = { on_ready, on_frame, on_drained, on_closed };

static void
once(void)
{
	assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1);
}

#define RUN_UNTIL(condition)         \
	do {                         \
		while (!(condition)) \
			once();      \
	} while (0)

static void
make_pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void
start_server(int fd, const struct ds_conn_limits *l)
{
	server = (struct side){ 0 };
	server.conn = ds_conn_new(base, server_tls, true, fd, &ops, l, &server);
	assert_non_null(server.conn);
}

static void
start(struct ds_tls *tls, const struct ds_conn_limits *l)
{
	int fds[2];

	make_pair(fds);
	client = (struct side){ 0 };
	client.conn = ds_conn_new(base, tls, false, fds[0], &ops, l, &client);
	assert_non_null(client.conn);
	start_server(fds[1], l);
}

static void
stop(void)
{
	ds_conn_free(client.conn);
	ds_conn_free(server.conn);
	client.conn = server.conn = NULL;
}

static void
start_open(const struct ds_conn_limits *l)
{
	start(client_tls, l);
	RUN_UNTIL(client.ready && server.ready);
}

static int
send_size(struct side *s, size_t size)
{
	static uint8_t payload[DS_FRAME_PAYLOAD_MAX + 1];

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(size + i);
	return ds_conn_send(s->conn, DS_FRAME_BATCH, 0, payload, size);
}

/* A client of OpenSSL's own, for what ds_conn would never do. */
static SSL *
raw_start(int fd)
{
	SSL *ssl = SSL_new(ds_tls_context(client_tls));

	assert_non_null(ssl);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	while (SSL_do_handshake(ssl) != 1 || !server.ready)
		assert_int_not_equal(event_base_loop(base, EVLOOP_NONBLOCK), -1);
	return ssl;
}

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
	l.idle_ms = 20;
	start_open(&l);
	client.conn->limits = &limits; /* more patient */
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

struct refusal {
	const char *cert, *server_says;
};

static struct ds_tls *
client_with(const char *cert, const char *ca, const uint8_t *pin)
{
	char why[200];
	const char *path = cert ? certs_path(&certs, cert) : NULL;
	struct ds_tls *tls = ds_tls_client_new(
	    path, path, ca ? certs_path(&certs, ca) : NULL, pin, why, sizeof(why));

	return tls;
}

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
use_server(const char *cert)
{
	char why[200];

	ds_tls_free(server_tls);
	server_tls = ds_tls_server_new(certs_path(&certs, cert), certs_path(&certs, cert),
	    certs_path(&certs, "ca.pem"), why, sizeof(why));
	assert_non_null(server_tls);
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

static int
setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* a hang is a failure */
	certs_make(&certs);
	base = event_base_new();
	use_server("server.pem");
	client_tls = client_with("host.pem", "ca.pem", NULL);
	return base == NULL || client_tls == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	ds_tls_free(server_tls);
	ds_tls_free(client_tls);
	event_base_free(base);
	certs_remove(&certs);
	return 0;
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
		cmocka_unit_test(a_connection_moves_to_another_thread_in_the_middle_of_a_stream),
		cmocka_unit_test(one_busy_peer_does_not_starve_another),
	};

	return cmocka_run_group_tests_name("conn", tests, setup, teardown);
}
