/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

struct certs certs;
struct event_base *base;
struct ds_tls *server_tls, *client_tls;
struct side client, server;

const struct ds_conn_limits limits = {
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

const struct ds_conn_ops ops = { on_ready, on_frame, on_drained, on_closed };

void
once(void)
{
	assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1);
}

void
make_pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

void
start_server(int fd, const struct ds_conn_limits *l)
{
	server = (struct side){ 0 };
	server.conn = ds_conn_new(base, server_tls, true, fd, &ops, l, &server);
	assert_non_null(server.conn);
}

void
start(struct ds_tls *tls, const struct ds_conn_limits *l)
{
	int fds[2];

	make_pair(fds);
	client = (struct side){ 0 };
	client.conn = ds_conn_new(base, tls, false, fds[0], &ops, l, &client);
	assert_non_null(client.conn);
	start_server(fds[1], l);
}

void
stop(void)
{
	ds_conn_free(client.conn);
	ds_conn_free(server.conn);
	client.conn = server.conn = NULL;
}

void
start_open(const struct ds_conn_limits *l)
{
	start(client_tls, l);
	RUN_UNTIL(client.ready && server.ready);
}

int
send_size(struct side *s, size_t size)
{
	static uint8_t payload[DS_FRAME_PAYLOAD_MAX + 1];

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(size + i);
	return ds_conn_send(s->conn, DS_FRAME_BATCH, 0, payload, size);
}

/* A client of OpenSSL's own, for what ds_conn would never do. */
SSL *
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

struct ds_tls *
client_with(const char *cert, const char *ca, const uint8_t *pin)
{
	char why[200];
	const char *path = cert ? certs_path(&certs, cert) : NULL;
	struct ds_tls *tls = ds_tls_client_new(
	    path, path, ca ? certs_path(&certs, ca) : NULL, pin, why, sizeof(why));

	return tls;
}

void
use_server(const char *cert)
{
	char why[200];

	ds_tls_free(server_tls);
	server_tls = ds_tls_server_new(certs_path(&certs, cert), certs_path(&certs, cert),
	    certs_path(&certs, "ca.pem"), why, sizeof(why));
	assert_non_null(server_tls);
}

int
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

int
teardown(void **state)
{
	(void)state;
	ds_tls_free(server_tls);
	ds_tls_free(client_tls);
	event_base_free(base);
	certs_remove(&certs);
	return 0;
}
