/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - one agent's connection: who it is, what it may say next, and the answers.
 *
 * On its worker's thread.  A connection starts on whichever worker accepted it; its certificate
 * names the host, and the host's number the worker that keeps it.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/order.h"
#include "server/ingest/copy.h"
#include "server/ingest/enrol.h"
#include "server/ingest/trust.h"
#include "server/ingest/worker.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_S_MAX      30
#define PING_PAYLOAD    64 /* bytes, at most */
#define RETRY_PENDING_S 5
#define RETRY_REVOKED_S 3600
#define RETRY_SOON_S    2
#define SKEW_WARN_US    (60 * DS_US_PER_S)

static struct ds_log_rate rate;

int
session_send(struct session *s, uint8_t type, uint8_t flags)
{
	const struct ds_buf *out = &s->worker->out;

	return ds_conn_send(s->conn, type, flags, out->data, out->len);
}

void
session_fail(struct session *s, unsigned code, uint32_t retry_after_s, const char *text)
{
	struct ds_error e = { .code = code, .retry_after_s = retry_after_s };

	if (s->state == SESSION_CLOSING)
		return;
	s->state = SESSION_CLOSING;
	snprintf(e.text, sizeof(e.text), "%s", text);
	ds_buf_clear(&s->worker->out);
	if (ds_error_put(&s->worker->out, &e) == 0 && session_send(s, DS_FRAME_ERROR, 0) < 0)
		ds_log(DEBUG, "an error could not be told", "peer=%s", s->info.peer);
	ds_conn_finish(s->conn);
}

void
session_ack(struct session *s, unsigned lane)
{
	const struct ds_cursor *c = &s->host->committed[lane];
	struct ds_ack ack = { .lane = (uint8_t)lane, .epoch = c->epoch, .seq = c->seq };

	if (s->state != SESSION_OPEN || c->epoch != s->epoch)
		return;
	ds_buf_clear(&s->worker->out);
	if (ds_ack_put(&s->worker->out, &ack) < 0 || session_send(s, DS_FRAME_ACK, 0) < 0)
		s->host->ack_due[lane] = true; /* the peer does not read: with the next one */
	else
		s->host->ack_due[lane] = false;
}

void
session_pause(struct session *s)
{
	if (s->paused)
		return;
	s->paused = true;
	s->worker->ingest->paused++;
	ds_conn_pause(s->conn);
}

void
session_resume(struct session *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	ds_conn_resume(s->conn);
}

void
session_order(struct session *s, const void *data, size_t size)
{
	const struct ingest_config *cfg = &s->worker->ingest->cfg;

	if (s->state != SESSION_OPEN)
		return;
	if (ds_conn_send(s->conn, DS_FRAME_ORDER, 0, data, size) == 0) {
		if (cfg->on_sent)
			cfg->on_sent(s->info.host, data, size, cfg->order_ctx);
	} else if (ds_log_pass(&rate, 5)) {
		ds_log(WARN, "an agent does not read its orders", "peer=%s", s->info.peer);
	}
}

static int
copy_status(const struct host_row *row, void *ctx)
{
	*(int *)ctx = row->status;
	return 0;
}

void
session_check_host(struct session *s)
{
	const struct store_backend *b = s->worker->ingest->cfg.backend;
	int status = HOST_REVOKED;

	if (b->host_get(s->worker->reader, s->info.host_id, copy_status, &status) < 0)
		return; /* not known now is not revoked */
	if (status != HOST_REVOKED)
		return;
	ds_log(INFO, "a host was revoked, closing its session", "peer=%s", s->info.peer);
	session_fail(s, DS_WIRE_REVOKED, RETRY_REVOKED_S, "this host was revoked");
}

static int
send_welcome(struct session *s)
{
	const struct ingest *in = s->worker->ingest;
	struct ds_welcome m = {
		.version = DS_WIRE_VERSION,
		.now_us = ds_clock_wall_us(),
		.ping_s = (uint32_t)DS_MAX(
		    1, DS_MIN(PING_S_MAX, in->cfg.silent_after_us / DS_US_PER_S / 3)),
		.batch_max = DS_BATCH_PACKED_MAX / 2,
		.renew_after_us = s->renew_after_us,
	};
	int r;

	snprintf(m.server_version, sizeof(m.server_version), "%s", PACKAGE_VERSION);
	for (unsigned lane = 0; lane < DS_LANES; lane++) {
		m.cursor[lane].epoch = s->epoch;
		if (s->host->committed[lane].epoch == s->epoch)
			m.cursor[lane].seq = s->host->committed[lane].seq;
	}
	ds_buf_clear(&s->worker->out);
	r = ds_welcome_put(&s->worker->out, &m);
	return r < 0 ? r : session_send(s, DS_FRAME_WELCOME, 0);
}

struct hello_call {
	struct session *session;
	struct host_state *host;
	int status;
};

static int
find_state(const struct host_row *row, void *ctx)
{
	struct hello_call *call = ctx;

	call->status = row->status;
	call->session->is_of_old = trust_is_of_old(call->session->worker->pki, row);
	if (row->status != HOST_APPROVED)
		return 0;
	call->host = host_get(call->session->worker, row);
	return call->host ? 0 : -EIO;
}

static int
refuse_status(struct session *s, int found, int status)
{
	if (found == 0)
		session_fail(
		    s, DS_WIRE_IDENTITY, RETRY_REVOKED_S, "this server does not know this host");
	else if (found < 0)
		session_fail(s, DS_WIRE_INTERNAL, RETRY_SOON_S, "the server cannot read its store");
	else if (status == HOST_PENDING)
		session_fail(s, DS_WIRE_PENDING, RETRY_PENDING_S, "this host waits for approval");
	else
		session_fail(s, DS_WIRE_REVOKED, RETRY_REVOKED_S, "this host was revoked");
	return 0;
}

/* Two thirds of the certificate's life, as pki says of new ones. */
static uint64_t
renew_after(const struct ds_cert_info *cert)
{
	return cert->not_before_us + (cert->not_after_us - cert->not_before_us) / 3 * 2;
}

static int
read_cert(struct ds_conn *c, struct ds_cert_info *ret)
{
	size_t size;
	unsigned char *der = ds_conn_peer_cert(c, &size);
	int r;

	if (!der)
		return 0;
	r = ds_tls_cert_info(der, size, ret);
	OPENSSL_free(der);
	if (r == 0 && !ret->has_host)
		r = -EACCES;
	return r < 0 ? r : 1;
}

static void
remember_hello(struct session *s, const struct ds_hello *hello)
{
	uint64_t now = ds_clock_wall_us();

	s->epoch = hello->epoch;
	s->info.clock_skew_us = now > hello->now_us ? now - hello->now_us : hello->now_us - now;
	snprintf(s->info.agent_version, sizeof(s->info.agent_version), "%s", hello->agent_version);
	if (s->info.clock_skew_us > SKEW_WARN_US && ds_log_pass(&rate, 5))
		ds_log(WARN, "a host's clock differs from ours", "host=\"%s\" seconds=%llu",
		    hello->hostname, (unsigned long long)(s->info.clock_skew_us / DS_US_PER_S));
	for (unsigned lane = 0; lane < DS_LANES; lane++)
		if (s->host->received[lane].epoch != hello->epoch)
			s->host->received[lane] = (struct ds_cursor){ hello->epoch, 0 };
}

/* The host is this session's from now on. */
static int
admit(struct session *s, struct host_state *h, const struct ds_hello *hello)
{
	const struct ingest_config *cfg = &s->worker->ingest->cfg;
	int r;

	s->host = h;
	h->session = s;
	if (hello->generation != 0)
		h->generation = hello->generation;
	s->info.host = h->number;
	remember_hello(s, hello);
	s->state = SESSION_OPEN;
	enrol_update_host(s, hello);
	r = send_welcome(s);
	if (r == 0)
		trust_greet(s, hello);
	if (r == 0 && cfg->on_session)
		cfg->on_session(s->info.host, s->info.host_id, cfg->order_ctx);
	return r;
}

/* The older session of the host is gone. */
static void
admit_newcomer(struct host_state *h)
{
	struct session *s = h->newcomer;
	struct ds_hello *hello;

	if (!s || s->state != SESSION_WAITING)
		return;
	h->newcomer = NULL;
	s->host = NULL;
	hello = s->hello;
	s->hello = NULL;
	if (!copy_descends(h->generation, hello))
		copy_refuse(s, h, "it does not know the last session");
	else if (admit(s, h, hello) < 0)
		session_fail(s, DS_WIRE_INTERNAL, RETRY_SOON_S, "no welcome could be sent");
	free(hello);
}

static int
meet(struct session *s, struct host_state *h, const struct ds_hello *hello)
{
	if (!copy_descends(h->generation, hello)) {
		copy_refuse(s, h, "it does not know the last session");
		return 0;
	}
	if (h->session && h->session->state != SESSION_OPEN)
		session_free(h->session); /* it was told to go */
	if (!h->session)
		return admit(s, h, hello);
	s->hello = malloc(sizeof(*s->hello));
	if (!s->hello)
		return -ENOMEM;
	*s->hello = *hello;
	copy_ask(s, h);
	return 0;
}

static int
take_hello(struct session *s, const struct ds_frame *f)
{
	const struct store_backend *b = s->worker->ingest->cfg.backend;
	struct ds_cert_info cert;
	struct ds_hello hello;
	struct hello_call call = { s, NULL, HOST_PENDING };
	int r = ds_hello_get(f->payload, f->size, &hello);

	if (r < 0)
		return r;
	if (hello.version_min > DS_WIRE_VERSION || hello.version_max < DS_WIRE_VERSION) {
		session_fail(
		    s, DS_WIRE_BAD_VERSION, RETRY_REVOKED_S, "no protocol version in common");
		return 0;
	}
	r = read_cert(s->conn, &cert);
	if (r <= 0)
		return r < 0 ? r : -EACCES;
	r = b->host_get(s->worker->reader, s->info.host_id, find_state, &call);
	if (r < 0 || !call.host)
		return refuse_status(s, r, call.status);
	s->renew_after_us = renew_after(&cert);
	return meet(s, call.host, &hello);
}

static int
take_ping(struct session *s, const struct ds_frame *f)
{
	if (f->size > PING_PAYLOAD)
		return -EBADMSG;
	if (ds_conn_send(s->conn, DS_FRAME_PONG, 0, f->payload, f->size) < 0)
		ds_log(DEBUG, "a ping could not be answered", "peer=%s", s->info.peer);
	return 0;
}

static int
take_error(struct session *s, const struct ds_frame *f)
{
	struct ds_error e;
	int r = ds_error_get(f->payload, f->size, &e);

	if (r < 0)
		return r;
	if (ds_log_pass(&rate, 5))
		ds_log(WARN, "an agent reports an error", "peer=%s code=%u text=\"%s\"",
		    s->info.peer, e.code, e.text);
	session_fail(s, DS_WIRE_SHUTDOWN, 0, "closing, as you said");
	return 0;
}

static int
take_batch(struct session *s, const struct ds_frame *f)
{
	return deliver_batch(s, f->payload, f->size);
}

static int
take_enrol(struct session *s, const struct ds_frame *f)
{
	return enrol_request(s, f->payload, f->size);
}

static int
take_renew(struct session *s, const struct ds_frame *f)
{
	return enrol_renew(s, f->payload, f->size);
}

static int
take_result(struct session *s, const struct ds_frame *f)
{
	const struct ingest_config *cfg = &s->worker->ingest->cfg;

	if (f->size > DS_RESULT_MAX)
		return -EFBIG;
	if (cfg->on_result)
		cfg->on_result(s->info.host, f->payload, f->size, cfg->order_ctx);
	return 0;
}

static int
take_trusts(struct session *s, const struct ds_frame *f)
{
	return trust_take(s, f->payload, f->size);
}

static int
take_pong(struct session *s, const struct ds_frame *f)
{
	copy_answered(s, f->payload, f->size);
	return 0;
}

/* Which frames are taken in which state. */
static const struct {
	uint8_t type;
	unsigned states; /* bit mask of enum session_state */
	int (*take)(struct session *s, const struct ds_frame *f);
} frames[] = {
	{ DS_FRAME_BATCH, 1u << SESSION_OPEN, take_batch },
	{ DS_FRAME_PING, 1u << SESSION_OPEN | 1u << SESSION_ENROLLING | 1u << SESSION_WAITING,
	    take_ping },
	{ DS_FRAME_PONG, 1u << SESSION_OPEN, take_pong },
	{ DS_FRAME_HELLO, 1u << SESSION_HELLO, take_hello },
	{ DS_FRAME_ENROL, 1u << SESSION_ENROLLING | 1u << SESSION_HELLO, take_enrol },
	{ DS_FRAME_RENEW, 1u << SESSION_OPEN, take_renew },
	{ DS_FRAME_TRUSTS, 1u << SESSION_OPEN, take_trusts },
	{ DS_FRAME_RESULT, 1u << SESSION_OPEN, take_result },
	{ DS_FRAME_ERROR,
	    1u << SESSION_OPEN | 1u << SESSION_HELLO | 1u << SESSION_ENROLLING |
		1u << SESSION_WAITING,
	    take_error },
};

static int
take_frame(struct session *s, const struct ds_frame *f)
{
	for (size_t i = 0; i < DS_LEN(frames); i++)
		if (frames[i].type == f->type)
			return frames[i].states & 1u << s->state ? frames[i].take(s, f) : -EPROTO;
	return f->flags & DS_FRAME_CRITICAL ? -EPROTONOSUPPORT : 0;
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct session *s = ctx;
	int r;

	(void)c;
	if (s->state == SESSION_CLOSING)
		return 0;
	s->info.last_frame_us = ds_clock_wall_us();
	r = take_frame(s, f);
	if (r < 0) {
		s->worker->ingest->bad_frames++;
		if (ds_log_pass(&rate, 5))
			ds_log(WARN, "a bad frame, closing",
			    "peer=%s type=%u size=%zu state=%d why=\"%s\"", s->info.peer, f->type,
			    f->size, s->state, strerror(-r));
		session_fail(s, DS_WIRE_BAD_FRAME, RETRY_SOON_S, "bad frame");
	}
	return 0;
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	if (s->state == SESSION_HANDSHAKE)
		s->worker->ingest->handshakes_failed++;
	if (end->error < 0 && ds_log_pass(&rate, 5))
		ds_log(INFO, "a connection ended", "peer=%s why=\"%s\"", s->info.peer, end->text);
	session_free(s);
}

static int
copy_number(const struct host_row *row, void *ctx)
{
	*(uint32_t *)ctx = row->number;
	return 0;
}

static void
unlink_session(struct session *s)
{
	struct worker *w = s->worker;

	if (s->next)
		s->next->previous = s->previous;
	if (s->previous)
		s->previous->next = s->next;
	else
		w->sessions = s->next;
	w->sessions_len--;
}

static void
link_session(struct worker *w, struct session *s)
{
	s->worker = w;
	s->previous = NULL;
	s->next = w->sessions;
	if (w->sessions)
		w->sessions->previous = s;
	w->sessions = s;
	w->sessions_len++;
}

/* The host belongs to another worker: it gets the connection. */
static int
move_session(struct session *s, struct worker *to)
{
	struct worker_mail *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	*m = (struct worker_mail){ .kind = MAIL_ADOPT, .is_owned = true, .session = s };
	unlink_session(s);
	ds_conn_detach(s->conn);
	if (worker_tell(to, m) == 0)
		return 0;
	free(m);
	link_session(s->worker, s);
	session_free(s);
	return 0;
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	struct session *s = ctx;
	struct worker *w = s->worker, *to;
	struct ds_cert_info cert;
	int r = read_cert(c, &cert);

	if (r < 0)
		return r;
	if (r == 0) {
		s->state = SESSION_ENROLLING; /* still pending */
		return 0;
	}
	listener_settled(s);
	s->state = SESSION_HELLO;
	memcpy(s->info.host_id, cert.host_id, sizeof(s->info.host_id));
	r = w->ingest->cfg.backend->host_get(w->reader, cert.host_id, copy_number, &s->number);
	if (r <= 0)
		return refuse_status(s, r, 0);
	to = worker_of(w->ingest, s->number);
	return to == w ? 0 : move_session(s, to);
}

static const struct ds_conn_ops ops = {
	.ready = on_ready,
	.frame = on_frame,
	.closed = on_closed,
};

struct session *
session_new(struct worker *w, int fd, uint64_t address_key)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		evutil_closesocket(fd);
		return NULL;
	}
	s->worker = w;
	s->start_ms = ds_clock_monotonic_ms();
	s->address_key = address_key;
	s->conn = ds_conn_new(w->base, w->tls, true, fd, &ops, &w->ingest->limits, s);
	if (!s->conn) {
		free(s);
		return NULL;
	}
	s->info.connected_us = s->info.last_frame_us = ds_clock_wall_us();
	snprintf(s->info.peer, sizeof(s->info.peer), "%s", ds_conn_peer_name(s->conn));
	link_session(w, s);
	return s;
}

void
session_adopt(struct worker *w, struct session *s)
{
	link_session(w, s);
	if (ds_conn_attach(s->conn, w->base, &ops, s) < 0)
		session_free(s);
}

void
session_free(struct session *s)
{
	struct host_state *h;

	if (!s)
		return;
	h = s->host;
	listener_settled(s);
	if (h && h->newcomer == s)
		h->newcomer = NULL;
	if (h && h->session == s) {
		h->session = NULL;
		enrol_update_host(s, NULL);
	} else {
		h = NULL;
	}
	if (s->enrolment)
		enrol_forget(s->enrolment);
	unlink_session(s);
	ds_conn_free(s->conn);
	free(s->hello);
	free(s);
	if (h)
		admit_newcomer(h);
}

void
session_discard(struct session *s)
{
	ds_conn_free(s->conn);
	free(s);
}
