/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_fixture - see link_fixture.h. */
#include "tests/unit/link_fixture.h"

#include "agent/uplink/facts.h"
#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a spool */

struct fake_spool spool;

static uint8_t payload[4u << 20];
unsigned orders;

static uint64_t
spool_epoch(void *ctx)
{
	(void)ctx;
	return EPOCH;
}

static int
spool_peek(uint8_t lane, uint64_t after, struct link_batch *ret, void *ctx)
{
	uint64_t seq = (after > spool.acked[lane] ? after : spool.acked[lane]) + 1;

	(void)ctx;
	if (seq > spool.last[lane])
		return -ENOENT;
	*ret = (struct link_batch){ .seq = seq, .packed = payload, .size = spool.size };
	return 0;
}

static void
spool_ack(uint8_t lane, uint64_t seq, void *ctx)
{
	(void)ctx;
	assert_true(seq > spool.acked[lane] || seq == spool.acked[lane]);
	spool.acked[lane] = seq;
}

static void
hello(struct ds_hello *ret, void *ctx)
{
	(void)ctx;
	facts_read("", ret);
}

void
order(const void *data, size_t size, void *ctx)
{
	(void)ctx;
	assert_int_equal(size, 5);
	assert_memory_equal(data, "order", 5);
	orders++;
}

static const struct link_ops link_ops = { spool_epoch, spool_peek, spool_ack, hello, order };

/* ---- a server */

struct fake_server server;

const uint8_t host_id[DS_HOST_ID_SIZE] = { 0xaa, 0xbb };
struct event_base *base;
static struct identity identity;
struct link *link_;
static char dir[64], path_buffer[128];

static void
reply(uint8_t type, struct ds_buf *b, int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(ds_conn_send(server.conn, type, DS_FRAME_CRITICAL, b->data, b->len), 0);
	ds_buf_done(b);
}

void
reply_error(uint32_t code)
{
	const struct ds_error m = { .code = code, .text = "no" };
	struct ds_buf b;

	ds_buf_init(&b, 4096);
	reply(DS_FRAME_ERROR, &b, ds_error_put(&b, &m));
	ds_conn_finish(server.conn);
}

static void
reply_certificate(const uint8_t *csr, size_t size)
{
	struct ds_certificate m = { .renew_after_us = server.renew_after_us };
	uint8_t id[DS_HOST_ID_SIZE];
	struct pki_cert cert;
	struct ds_buf b;

	memcpy(id, host_id, sizeof(id));
	id[15] = server.wrong_host;
	assert_int_equal(pki_issue(server.pki, csr, size, id, ds_clock_wall_us(), &cert), 0);
	memcpy(m.host_id, id, sizeof(id));
	m.cert = cert.der;
	m.cert_size = cert.size;
	m.ca = pki_ca_der(server.pki, &m.ca_size);
	ds_buf_init(&b, 65536);
	reply(DS_FRAME_CERTIFICATE, &b, ds_certificate_put(&b, &m));
	pki_cert_done(&cert);
}

static int
take_enrol(const struct ds_frame *f)
{
	struct ds_enrol m;

	assert_int_equal(ds_enrol_get(f->payload, f->size, &m), 0);
	memcpy(server.pins[1], server.pins[0], DS_PIN_SIZE);
	assert_int_equal(pki_request_pin(m.csr, m.csr_size, server.pins[0]), 0);
	if (!server.is_copy) {
		assert_string_equal(m.token_id, server.token.id);
		assert_memory_equal(m.secret, server.token.secret, sizeof(m.secret));
	}
	server.facts = m.facts;
	server.enrolments++;
	switch (server.on_enrol) {
	case ISSUE:
		reply_certificate(m.csr, m.csr_size);
		return 0;
	case HANG_UP:
		server.on_enrol = ISSUE;
		return -ECANCELED;
	case REFUSE:
		reply_error(server.error);
		break;
	}
	return 0;
}

static void
take_hello(const struct ds_frame *f)
{
	struct ds_welcome m = { .version = DS_WIRE_VERSION,
		.now_us = server.now_us,
		.ping_s = 1,
		.batch_max = 2u << 20,
		.renew_after_us = server.renew_after_us };
	struct ds_hello h;
	struct ds_buf b;
	size_t size;
	unsigned char *der = ds_conn_peer_cert(server.conn, &size);

	assert_non_null(der);
	OPENSSL_free(der);
	assert_int_equal(ds_hello_get(f->payload, f->size, &h), 0);
	assert_int_equal(h.epoch, EPOCH);
	server.hellos++;
	server.hello = h;
	if (server.no_welcome)
		return;
	memcpy(m.cursor, server.cursor, sizeof(m.cursor));
	ds_buf_init(&b, 4096);
	reply(DS_FRAME_WELCOME, &b, ds_welcome_put(&b, &m));
}

void
send_ack(uint8_t lane, uint64_t epoch, uint64_t seq)
{
	const struct ds_ack m = { .lane = lane, .epoch = epoch, .seq = seq };
	struct ds_buf b;

	server.cursor[lane] = (struct ds_cursor){ epoch, seq };
	ds_buf_init(&b, 4096);
	reply(DS_FRAME_ACK, &b, ds_ack_put(&b, &m));
}

static void
take_batch(const struct ds_frame *f)
{
	struct ds_batch_frame m;

	assert_int_equal(ds_batch_frame_get(f->payload, f->size, &m), 0);
	assert_int_equal(m.size, spool.size);
	server.lanes[server.batches] = m.lane;
	server.seqs[server.batches++] = m.seq;
	if (!server.no_acks)
		send_ack(m.lane, m.epoch, m.seq);
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct ds_renew m;

	(void)ctx;
	server.conn = c;
	if (f->type == DS_FRAME_ENROL)
		return take_enrol(f);
	if (f->type == DS_FRAME_HELLO)
		take_hello(f);
	if (f->type == DS_FRAME_BATCH)
		take_batch(f);
	if (f->type == DS_FRAME_RESULT)
		server.results++;
	if (f->type == DS_FRAME_ERROR)
		server.errors++;
	if (f->type == DS_FRAME_PING)
		assert_int_equal(ds_conn_send(c, DS_FRAME_PONG, 0, f->payload, f->size), 0);
	if (f->type == DS_FRAME_RENEW) {
		assert_int_equal(ds_renew_get(f->payload, f->size, &m), 0);
		server.renewals++;
		if (!server.no_renewal)
			reply_certificate(m.csr, m.csr_size);
	}
	return 0;
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	(void)ctx;
	server.conn = c;
	return 0;
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	(void)end;
	(void)ctx;
	server.closed++;
	if (server.conn == c)
		server.conn = NULL;
	ds_conn_free(c);
}

static const struct ds_conn_ops server_ops = { on_ready, on_frame, NULL, on_closed };

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	if (peer < 0)
		return;
	server.accepted++;
	server.conn =
	    ds_conn_new(base, server.tls, true, peer, &server_ops, &ds_conn_default_limits, NULL);
}

const char *
path(const char *name)
{
	snprintf(path_buffer, sizeof(path_buffer), "%s/%s", dir, name);
	return path_buffer;
}

struct pki *
open_authority(const char *name)
{
	char why[300];
	struct pki *p = pki_open(path(name), NULL, 0, ds_clock_wall_us(), why, sizeof(why));

	assert_non_null(p);
	return p;
}

struct ds_tls *
server_tls(const struct pki *own, const struct pki *agents)
{
	char why[300];
	struct ds_tls *tls = ds_tls_server_new(
	    pki_server_file(own), pki_server_file(own), pki_ca_file(agents), why, sizeof(why));

	assert_non_null(tls);
	return tls;
}

static void
listen_on_loopback(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);

	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(server.fd, 16), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&sa, &len), 0);
	server.port = ntohs(sa.sin_port);
	server.listener = event_new(base, server.fd, EV_READ | EV_PERSIST, on_accept, NULL);
	event_add(server.listener, NULL);
}

void
give_token_of(const char *id)
{
	char text[DS_TOKEN_TEXT_MAX];

	server.token = (struct ds_token){ .secret = { 1, 2, 3 } };
	snprintf(server.token.id, sizeof(server.token.id), "%s", id);
	snprintf(server.token.address, sizeof(server.token.address), "127.0.0.1:%u", server.port);
	memcpy(server.token.pin, pki_pin(server.pki), DS_PIN_SIZE);
	assert_int_equal(ds_token_format(&server.token, text, sizeof(text)), 0);
	assert_int_equal(ds_file_replace(path("given-token"), text, strlen(text), 0600), 0);
}

void
give_token(void)
{
	give_token_of("tok_1");
}

void
start_link(const char *address)
{
	const struct link_config cfg = { .identity = &identity,
		.address = address,
		.token_file = path("given-token"),
		.retry_min_ms = 1,
		.retry_max_ms = 5,
		.slow_s = 300,
		.look_ms = 5 };

	link_ = link_new(base, &cfg, &link_ops, NULL);
	assert_non_null(link_);
}

struct link_status
status(void)
{
	struct link_status s;

	link_get_status(link_, &s);
	return s;
}

void
start_enrolled(void)
{
	give_token();
	start_link("");
	RUN_UNTIL(status().is_up);
}

bool
exists(const char *name)
{
	return access(path(name), F_OK) == 0;
}

int
setup(void **state)
{
	(void)state;
	spool.size = 100;
	memset(spool.last, 0, sizeof(spool.last));
	memset(spool.acked, 0, sizeof(spool.acked));
	orders = 0;
	snprintf(dir, sizeof(dir), "/tmp/ds-link-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	base = event_base_new();
	server.pki = open_authority("authority");
	server.tls = server_tls(server.pki, server.pki);
	listen_on_loopback();
	return identity_init(&identity, dir, "");
}

static void
remove_tree(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;
	char sub[400];

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(sub, sizeof(sub), "%s/%s", name, e->d_name);
		if (e->d_name[0] != '.' && unlink(sub) < 0)
			remove_tree(sub);
	}
	if (d != NULL)
		closedir(d);
	(void)rmdir(name);
}

int
teardown(void **state)
{
	(void)state;
	link_free(link_);
	link_ = NULL;
	ds_conn_free(server.conn);
	event_free(server.listener);
	close(server.fd);
	ds_tls_free(server.tls);
	pki_free(server.pki);
	event_base_free(base);
	memset(&server, 0, sizeof(server));
	remove_tree(dir);
	return 0;
}
