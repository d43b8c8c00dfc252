/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link against a server of a few lines, with the real authority, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/facts.h"
#include "agent/uplink/link.h"
#include "agent/uplink/window.h"
#include "lib/clock.h"
#include "lib/conn.h"
#include "lib/file.h"
#include "lib/log.h"
#include "server/ingest/pki.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_MAX 300
#define EPOCH     77

/* ---- a spool */

static struct {
	uint64_t last[DS_LANES], acked[DS_LANES];
	size_t size; /* of each batch */
} spool;

static uint8_t payload[4u << 20];
static unsigned orders;

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

static void
order(const void *data, size_t size, void *ctx)
{
	(void)ctx;
	assert_int_equal(size, 5);
	assert_memory_equal(data, "order", 5);
	orders++;
}

static const struct link_ops link_ops = { spool_epoch, spool_peek, spool_ack, hello, order };

/* ---- a server */

enum on_enrol { ISSUE, HANG_UP, REFUSE };

static struct {
	struct pki *pki;
	struct ds_tls *tls;
	struct event *listener;
	struct ds_conn *conn; /* the newest */
	int fd;
	uint16_t port;
	/* what it does */
	enum on_enrol on_enrol;
	uint32_t error; /* enum ds_wire_error */
	bool no_acks, no_welcome, wrong_host;
	uint64_t renew_after_us, now_us;
	struct ds_cursor cursor[DS_LANES];
	/* what it saw */
	unsigned enrolments, hellos, batches, renewals, closed, accepted, results, errors;
	uint8_t pins[2][DS_PIN_SIZE]; /* of the last two requests */
	uint8_t lanes[SPOOL_MAX * 2];
	uint64_t seqs[SPOOL_MAX * 2];
	struct ds_token token;
	struct ds_hello facts;
} server;

static const uint8_t host_id[DS_HOST_ID_SIZE] = { 0xaa, 0xbb };
static struct event_base *base;
static struct identity identity;
static struct link *link_;
static char dir[64], path_buffer[128];

static void
reply(uint8_t type, struct ds_buf *b, int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(ds_conn_send(server.conn, type, DS_FRAME_CRITICAL, b->data, b->len), 0);
	ds_buf_done(b);
}

static void
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
	assert_string_equal(m.token_id, server.token.id);
	assert_memory_equal(m.secret, server.token.secret, sizeof(m.secret));
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
	if (server.no_welcome)
		return;
	memcpy(m.cursor, server.cursor, sizeof(m.cursor));
	ds_buf_init(&b, 4096);
	reply(DS_FRAME_WELCOME, &b, ds_welcome_put(&b, &m));
}

static void
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

static const char *
path(const char *name)
{
	snprintf(path_buffer, sizeof(path_buffer), "%s/%s", dir, name);
	return path_buffer;
}

static struct pki *
open_authority(const char *name)
{
	char why[300];
	struct pki *p = pki_open(path(name), NULL, 0, ds_clock_wall_us(), why, sizeof(why));

	assert_non_null(p);
	return p;
}

static struct ds_tls *
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

static void
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

static void
give_token(void)
{
	give_token_of("tok_1");
}

static void
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

static struct link_status
status(void)
{
	struct link_status s;

	link_get_status(link_, &s);
	return s;
}

#define RUN_UNTIL(condition)                                                          \
	do {                                                                          \
		while (!(condition))                                                  \
			assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1); \
	} while (0)

static void
start_enrolled(void)
{
	give_token();
	start_link("");
	RUN_UNTIL(status().is_up);
}

static bool
exists(const char *name)
{
	return access(path(name), F_OK) == 0;
}

/* ---- enrolment */

static void
a_host_with_a_token_enrols_and_sends_what_it_has(void **state)
{
	struct stat st;

	(void)state;
	spool.last[DS_LANE_BULK] = 20;
	spool.last[DS_LANE_URGENT] = 3;
	start_enrolled();
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 20 && spool.acked[DS_LANE_URGENT] == 3);
	assert_int_equal(server.enrolments, 1);
	assert_int_equal(server.batches, 23);
	assert_memory_equal(status().host_id, host_id, sizeof(host_id));
	assert_int_equal(status().unacked, 0);
	/* Nothing secret stays behind, and the rest is for us alone. */
	assert_false(exists("given-token") || exists("token") || exists("agent.key.new"));
	assert_int_equal(stat(path("agent.pem"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(strlen(server.facts.hostname) > 0 && strlen(server.facts.kernel) > 0);
	/* The next start needs no token, and still knows where to go. */
	link_free(link_);
	start_link("");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 1);
}

static void
a_lost_answer_is_asked_for_with_the_same_key(void **state)
{
	(void)state;
	server.on_enrol = HANG_UP;
	start_enrolled();
	assert_int_equal(server.enrolments, 2);
	assert_memory_equal(server.pins[0], server.pins[1], DS_PIN_SIZE);
}

static void
a_token_that_does_not_work_is_told_and_kept(void **state)
{
	static const struct {
		uint32_t error;
		const char *says;
	} cases[] = {
		{ DS_WIRE_PENDING, "waiting for approval" },
		{ DS_WIRE_TOKEN_USED, "was used before" },
		{ DS_WIRE_TOKEN_EXPIRED, "has expired" },
		{ DS_WIRE_TOKEN_UNKNOWN, "does not know" },
		{ DS_WIRE_BUSY, "the server said: no" },
	};

	(void)state;
	server.on_enrol = REFUSE;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		server.error = cases[i].error;
		give_token();
		start_link("");
		RUN_UNTIL(strstr(status().text, cases[i].says) != NULL);
		assert_false(status().is_enrolled);
		assert_true(exists("token"));
		link_free(link_);
	}
	link_ = NULL;
	assert_int_equal(server.hellos, 0);
}

static void
without_a_token_it_says_what_is_missing(void **state)
{
	(void)state;
	start_link("127.0.0.1:1");
	RUN_UNTIL(strstr(status().text, "no enrolment token") != NULL);
	link_free(link_);
	assert_int_equal(ds_file_replace(path("given-token"), "dse1.rubbish", 12, 0600), 0);
	start_link("127.0.0.1:1");
	RUN_UNTIL(strstr(status().text, "does not hold an enrolment token") != NULL);
}

static void
an_impostor_gets_neither_the_secret_nor_a_greeting(void **state)
{
	struct pki *impostor = open_authority("impostor");
	struct ds_tls *true_tls = server.tls, *false_tls = server_tls(impostor, server.pki);

	(void)state;
	server.tls = false_tls;
	give_token();
	start_link("");
	RUN_UNTIL(server.closed >= 2);
	assert_int_equal(server.enrolments, 0);
	assert_non_null(strstr(status().text, "not the key that was pinned"));
	server.tls = true_tls;
	RUN_UNTIL(status().is_up);
	/* And the same once it is enrolled. */
	server.tls = false_tls;
	server.hellos = server.closed = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.closed >= 3);
	assert_int_equal(server.hellos, 0);
	server.tls = true_tls;
	RUN_UNTIL(status().is_up);
	ds_tls_free(false_tls);
	pki_free(impostor);
}

/* ---- sessions */

static void
urgent_batches_overtake_a_full_window_of_bulk(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = SPOOL_MAX;
	start_enrolled();
	RUN_UNTIL(server.batches == WINDOW_LEN);
	spool.last[DS_LANE_URGENT] = 1;
	link_wake(link_);
	RUN_UNTIL(server.batches == WINDOW_LEN + 1);
	assert_int_equal(server.lanes[WINDOW_LEN], DS_LANE_URGENT);
	assert_int_equal(status().unacked, WINDOW_LEN + 1);
	/* An ack opens the window by as much as it confirms. */
	send_ack(DS_LANE_BULK, EPOCH, 10);
	RUN_UNTIL(server.batches == WINDOW_LEN + 11);
	assert_int_equal(spool.acked[DS_LANE_BULK], 10);
}

static void
large_batches_fill_the_window_by_bytes(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.size = 600000;
	spool.last[DS_LANE_BULK] = 10;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.batches, 2);
	assert_int_equal(status().unacked, 2);
}

static void
a_batch_too_large_for_the_server_does_not_stop_the_rest(void **state)
{
	(void)state;
	spool.size = (2u << 20) + 1;
	spool.last[DS_LANE_BULK] = 3;
	start_enrolled();
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 3);
	assert_int_equal(status().too_large, 3);
	assert_int_equal(server.batches, 0);
}

static void
after_a_break_it_goes_on_behind_what_was_committed(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = 5;
	start_enrolled();
	RUN_UNTIL(server.batches == 5);
	/* Three were committed, but the acks were lost with the connection. */
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ EPOCH, 3 };
	server.batches = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.batches == 2);
	assert_int_equal(server.seqs[0], 4);
	assert_int_equal(server.seqs[1], 5);
	assert_int_equal(spool.acked[DS_LANE_BULK], 3);
	assert_int_equal(status().sessions, 2);
}

static void
a_cursor_of_another_epoch_drops_nothing(void **state)
{
	(void)state;
	server.no_acks = true;
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ EPOCH - 1, 1000 };
	spool.last[DS_LANE_BULK] = 2;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	send_ack(DS_LANE_BULK, EPOCH - 1, 2);
	send_ack(DS_LANE_BULK, EPOCH, 1);
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 1);
	assert_int_equal(status().unacked, 1);
}

static void
an_ack_for_what_was_never_sent_ends_the_session(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = 2;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	send_ack(DS_LANE_BULK, EPOCH, 9);
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ 0 };
	RUN_UNTIL(server.hellos == 2);
	assert_int_equal(spool.acked[DS_LANE_BULK], 0);
}

static void
orders_and_results_pass_through(void **state)
{
	(void)state;
	start_enrolled();
	assert_int_equal(ds_conn_send(server.conn, DS_FRAME_ORDER, 0, "order", 5), 0);
	assert_int_equal(ds_conn_send(server.conn, 99, 0, "from the future", 15), 0);
	RUN_UNTIL(orders == 1);
	assert_int_equal(link_send_result(link_, "result", 6), 0);
	RUN_UNTIL(server.results == 1);
	/* What is unknown and critical ends the session. */
	assert_int_equal(ds_conn_send(server.conn, 99, DS_FRAME_CRITICAL, "", 0), 0);
	RUN_UNTIL(server.errors == 1 && !status().is_up);
	assert_int_equal(link_send_result(link_, "result", 6), -ENOTCONN);
}

static void
the_certificate_is_renewed_with_a_fresh_key_while_the_session_goes_on(void **state)
{
	struct ds_cert_info before, after;

	(void)state;
	/* By the server's clock, not by ours. */
	server.now_us = 1000;
	server.renew_after_us = 999;
	start_enrolled();
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &before), 0);
	RUN_UNTIL(server.renewals == 1 && !exists("agent.key.new"));
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &after), 0);
	assert_string_not_equal(before.serial, after.serial);
	assert_memory_not_equal(before.pin, after.pin, DS_PIN_SIZE);
	assert_memory_equal(before.host_id, after.host_id, DS_HOST_ID_SIZE);
	assert_int_equal(server.hellos, 1);
	server.renew_after_us = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.hellos == 2 && status().is_up);
}

static void
a_renewal_for_another_host_is_refused(void **state)
{
	struct ds_cert_info before, after;

	(void)state;
	start_enrolled();
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &before), 0);
	server.now_us = server.renew_after_us = 1;
	server.wrong_host = true;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.renewals == 1);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &after), 0);
	assert_string_equal(before.serial, after.serial);
	assert_true(status().is_up);
}

static void
a_revoked_host_comes_back_slowly(void **state)
{
	unsigned accepted;

	(void)state;
	start_enrolled();
	reply_error(DS_WIRE_REVOKED);
	RUN_UNTIL(!status().is_up);
	accepted = server.accepted;
	for (int i = 0; i < 50; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.accepted, accepted);
	assert_string_equal(status().text, "the server does not take this host: no");
}

static void
a_revoked_host_with_a_new_token_enrols_anew(void **state)
{
	(void)state;
	start_enrolled();
	give_token_of("tok_2");
	reply_error(DS_WIRE_REVOKED);
	RUN_UNTIL(server.enrolments == 2 && status().is_up);
	assert_memory_not_equal(server.pins[0], server.pins[1], DS_PIN_SIZE);
	assert_false(exists("token"));
}

static void
a_server_that_was_made_anew_takes_the_host_with_a_new_token(void **state)
{
	struct pki *first = server.pki;

	(void)state;
	start_enrolled();
	ds_tls_free(server.tls);
	server.pki = open_authority("second");
	server.tls = server_tls(server.pki, server.pki);
	server.hellos = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(strstr(status().text, "certificate: ") != NULL);
	assert_int_equal(server.enrolments, 1);
	give_token_of("tok_2");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 2);
	pki_free(first);
}

static void
a_host_that_waits_for_approval_says_so(void **state)
{
	(void)state;
	start_enrolled();
	reply_error(DS_WIRE_PENDING);
	RUN_UNTIL(!status().is_up);
	assert_string_equal(status().text, "waiting for approval: no");
	assert_true(status().is_enrolled);
}

static void
another_token_is_tried_before_the_time_is_over(void **state)
{
	(void)state;
	server.on_enrol = REFUSE;
	server.error = DS_WIRE_TOKEN_USED;
	give_token();
	start_link("");
	RUN_UNTIL(strstr(status().text, "was used before") != NULL);
	assert_int_equal(server.enrolments, 1);
	server.on_enrol = ISSUE;
	give_token_of("tok_2");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 2);
}

static void
another_address_is_taken_at_once(void **state)
{
	char address[64];

	(void)state;
	give_token();
	start_link("127.0.0.1:1,[::1]:1");
	RUN_UNTIL(strstr(status().text, "cannot reach the server") != NULL);
	snprintf(address, sizeof(address), "127.0.0.1:1, localhost:%u", server.port);
	link_set_address(link_, address);
	RUN_UNTIL(status().is_up);
}

/* ---- */

static int
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

static int
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_host_with_a_token_enrols_and_sends_what_it_has),
		CASE(a_lost_answer_is_asked_for_with_the_same_key),
		CASE(a_token_that_does_not_work_is_told_and_kept),
		CASE(without_a_token_it_says_what_is_missing),
		CASE(an_impostor_gets_neither_the_secret_nor_a_greeting),
		CASE(urgent_batches_overtake_a_full_window_of_bulk),
		CASE(large_batches_fill_the_window_by_bytes),
		CASE(a_batch_too_large_for_the_server_does_not_stop_the_rest),
		CASE(after_a_break_it_goes_on_behind_what_was_committed),
		CASE(a_cursor_of_another_epoch_drops_nothing),
		CASE(an_ack_for_what_was_never_sent_ends_the_session),
		CASE(orders_and_results_pass_through),
		CASE(the_certificate_is_renewed_with_a_fresh_key_while_the_session_goes_on),
		CASE(a_renewal_for_another_host_is_refused),
		CASE(a_revoked_host_comes_back_slowly),
		CASE(a_revoked_host_with_a_new_token_enrols_anew),
		CASE(a_server_that_was_made_anew_takes_the_host_with_a_new_token),
		CASE(a_host_that_waits_for_approval_says_so),
		CASE(another_token_is_tried_before_the_time_is_over),
		CASE(another_address_is_taken_at_once),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60); /* a hang is a failure */
	ds_log_init("test_link", getenv("DS_TEST_LOG") ? DS_LOG_DEBUG : DS_LOG_ERROR);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
