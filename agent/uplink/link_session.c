/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_session - the frames of a session: greeting, batches and acks, pings, renewal, orders. */
#include "agent/uplink/link_impl.h"
#include "lib/clock.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PING_DEFAULT_S 30u
#define PENDING_S      15u     /* between two questions whether somebody has approved us */
#define BATCH_ROOM     64u     /* of a frame, for what is around the batch */
#define RENEW_RETRY_MS 600000u /* between two requests for renewal */

/* ---- sending */

/* 1 sent, 0 nothing to send or no room, or -errno of the connection. */
static int
send_batch(struct link *l, uint8_t lane, struct ds_buf *scratch)
{
	struct window *w = &l->lanes[lane];
	struct link_batch batch;
	struct ds_batch_frame m;
	size_t max = DS_FRAME_PAYLOAD_MAX - BATCH_ROOM;
	int r;

	if (l->batch_max > 0)
		max = DS_MIN(max, (size_t)l->batch_max);
	if (!window_is_open(w) || l->ops->peek(lane, w->sent, &batch, l->ctx) < 0)
		return 0;
	if (batch.seq <= w->sent || batch.size > max) {
		if (w->len > 0 || batch.seq <= w->sent)
			return 0; /* first what is before it */
		if (ds_log_pass(&l->log_rate, LINK_LOG_BURST))
			ds_log(WARN, "batch too large for the server, dropping", "size=%zu max=%u",
			    batch.size, l->batch_max);
		l->status.too_large++;
		w->sent = batch.seq;
		l->ops->ack(lane, batch.seq, l->ctx);
		return 1;
	}
	m = (struct ds_batch_frame){ .lane = lane,
		.epoch = l->ops->epoch(l->ctx),
		.seq = batch.seq,
		.packed = batch.packed,
		.size = batch.size };
	ds_buf_clear(scratch);
	r = ds_batch_frame_put(scratch, &m);
	if (r == 0)
		r = ds_conn_send(
		    l->conn, DS_FRAME_BATCH, DS_FRAME_CRITICAL, scratch->data, scratch->len);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	window_push(w, batch.seq, batch.size);
	l->status.batches_sent++;
	return 1;
}

/* Everything that is urgent goes before anything that is not. */
void
link_session_pump(struct link *l)
{
	struct ds_buf scratch;
	int r = 0;

	if (l->state != LINK_UP)
		return;
	ds_buf_init(&scratch, DS_FRAME_PAYLOAD_MAX);
	for (uint8_t lane = 0; lane < DS_LANES && r >= 0; lane++)
		while ((r = send_batch(l, lane, &scratch)) > 0)
			;
	ds_buf_done(&scratch);
	if (r < 0)
		link_fail(l, "cannot send", strerror(-r));
}

static int
send_message(struct link *l, uint8_t type, struct ds_buf *b, int r)
{
	if (r == 0)
		r = ds_conn_send(l->conn, type, DS_FRAME_CRITICAL, b->data, b->len);
	ds_buf_done(b);
	return r;
}

int
link_session_greet(struct link *l)
{
	struct ds_trusts trusts = { 0 };
	struct ds_hello m = { 0 };
	struct ds_buf b;

	l->ops->hello(&m, l->ctx);
	m.version_min = m.version_max = DS_WIRE_VERSION;
	m.epoch = l->ops->epoch(l->ctx);
	m.now_us = ds_clock_wall_us();
	lineage_tell(&l->lineage, &m);
	if (ds_tls_file_pins(l->identity.ca_file, trusts.pins) < 0)
		trusts = (struct ds_trusts){ 0 }; /* it is not told, then */
	memcpy(m.trusts, trusts.pins, sizeof(m.trusts));
	ds_buf_init(&b, 64u << 10);
	return send_message(l, DS_FRAME_HELLO, &b, ds_hello_put(&b, &m));
}

int
link_session_ask(struct link *l)
{
	struct ds_enrol m = { 0 };
	struct ds_buf b;
	unsigned char *csr;
	char why[256];
	int r;

	csr = identity_request(&l->identity, &m.csr_size, why, sizeof(why));
	if (csr == NULL) {
		ds_log(ERROR, "cannot ask for an identity of our own", "reason=\"%s\"", why);
		return -ENOKEY;
	}
	m.csr = csr;
	l->ops->hello(&m.facts, l->ctx);
	m.facts.version_min = m.facts.version_max = DS_WIRE_VERSION;
	ds_buf_init(&b, 64u << 10);
	r = send_message(l, DS_FRAME_ENROL, &b, ds_enrol_put(&b, &m));
	OPENSSL_free(csr);
	return r;
}

/* ---- renewal of the certificate */

/* The server's wall clock: ours may be anything. */
static uint64_t
server_now_us(const struct link *l)
{
	return l->welcome_now_us + (ds_clock_boot_us() - l->welcome_boot_us);
}

static void
renew_if_due(struct link *l)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct ds_renew m = { 0 };
	struct ds_buf b;
	unsigned char *csr;
	char why[256];
	int r;

	if (l->renew_after_us == 0 || server_now_us(l) < l->renew_after_us ||
	    (l->renew_asked_ms > 0 && now_ms - l->renew_asked_ms < RENEW_RETRY_MS))
		return;
	l->renew_asked_ms = now_ms;
	csr = identity_request(&l->identity, &m.csr_size, why, sizeof(why));
	if (csr == NULL) {
		ds_log(ERROR, "cannot renew the certificate", "reason=\"%s\"", why);
		return;
	}
	m.csr = csr;
	ds_buf_init(&b, 64u << 10);
	r = send_message(l, DS_FRAME_RENEW, &b, ds_renew_put(&b, &m));
	OPENSSL_free(csr);
	l->renewing = r == 0; /* else again at its time */
}

/* We are a host of our own: one that waits for approval, as the next session is told. */
static int
take_identity(struct link *l, const struct ds_frame *f)
{
	struct ds_certificate m;
	char why[256] = "it cannot be read", id[37];
	int r = ds_certificate_get(f->payload, f->size, &m);

	if (r == 0)
		r = identity_save(&l->identity, &m, NULL, true, why, sizeof(why));
	if (r < 0) {
		link_fail(l, "cannot use the identity of our own", why);
		return 0;
	}
	l->is_copy = false;
	l->renew_after_us = m.renew_after_us;
	ds_host_id_format(m.host_id, id);
	ds_log(INFO, "this machine has an identity of its own now", "host=%s", id);
	link_fail(l, "this machine has an identity of its own", "it waits for approval");
	return 0;
}

/* The session goes on with the old certificate, the next begins with the new one. */
static int
take_certificate(struct link *l, const struct ds_frame *f)
{
	struct ds_certificate m;
	struct ds_cert_info info;
	char why[256] = "it cannot be read";
	int r = ds_certificate_get(f->payload, f->size, &m);

	if (l->is_copy && l->state == LINK_GREETING)
		return take_identity(l, f);
	if (!l->renewing)
		return 0;
	l->renewing = false;
	if (r == 0)
		r = identity_save(&l->identity, &m, NULL, false, why, sizeof(why));
	if (r < 0) {
		ds_log(ERROR, "cannot use the renewed certificate", "reason=\"%s\"", why);
		return 0;
	}
	l->renew_after_us = m.renew_after_us;
	l->renew_asked_ms = 0;
	if (identity_load(&l->identity, &info))
		l->status.cert_not_after_us = info.not_after_us;
	ds_log(INFO, "the certificate is renewed", "serial=%s", info.serial);
	return 0;
}

/* Whom to trust from now on; only our server could say so. */
static int
take_trust(struct link *l, const struct ds_frame *f)
{
	struct ds_trusts answer = { 0 };
	struct ds_trust m;
	struct ds_buf b;
	int r = ds_trust_get(f->payload, f->size, &m);

	if (r < 0 || l->state != LINK_UP)
		return -EBADMSG;
	if (!l->identity.ca_is_given)
		r = ds_tls_save_bundle(l->identity.ca_file, m.authorities, m.size);
	if (r < 0)
		ds_log(ERROR, "cannot keep whom to trust", "error=%s", strerror(-r));
	if (m.renew_after_us > 0)
		l->renew_after_us = m.renew_after_us;
	renew_if_due(l);
	r = ds_tls_file_pins(l->identity.ca_file, answer.pins);
	if (r < 0)
		return 0; /* nothing to tell; the next session asks again */
	ds_log(INFO, "authorities that this host trusts", "number=%d", r);
	ds_buf_init(&b, 4096);
	r = ds_trusts_put(&b, &answer);
	if (r == 0)
		r = ds_conn_send(l->conn, DS_FRAME_TRUSTS, 0, b.data, b.len);
	ds_buf_done(&b);
	return r < 0 && r != -EAGAIN ? r : 0;
}

void
link_session_tick(struct link *l)
{
	link_set_timer(l, l->ping_s * 1000);
	renew_if_due(l);
	if (l->ping_us == 0)
		l->ping_us = ds_clock_boot_us();
	if (ds_conn_send(l->conn, DS_FRAME_PING, 0, "", 0) < 0)
		l->ping_us = 0; /* full: the session shows otherwise that it lives */
	link_session_pump(l);   /* in case somebody forgot to wake us */
}

/* ---- frames */

static int
take_welcome(struct link *l, const struct ds_frame *f)
{
	uint64_t epoch = l->ops->epoch(l->ctx);
	struct ds_welcome m;

	if (l->state != LINK_GREETING)
		return -EPROTO;
	if (ds_welcome_get(f->payload, f->size, &m) < 0)
		return -EBADMSG;
	if (m.version != DS_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	for (uint8_t lane = 0; lane < DS_LANES; lane++) {
		bool known = m.cursor[lane].epoch == epoch && m.cursor[lane].seq > 0;

		window_reset(&l->lanes[lane], known ? m.cursor[lane].seq : 0);
		if (known)
			l->ops->ack(lane, m.cursor[lane].seq, l->ctx);
	}
	l->welcome_now_us = m.now_us;
	l->welcome_boot_us = ds_clock_boot_us();
	l->batch_max = m.batch_max;
	l->ping_s = m.ping_s ? DS_MIN(m.ping_s, PING_DEFAULT_S) : PING_DEFAULT_S;
	if (m.renew_after_us > 0)
		l->renew_after_us = m.renew_after_us;
	l->state = LINK_UP;
	l->unwanted = false;
	lineage_confirm(&l->lineage);
	l->up_ms = ds_clock_monotonic_ms();
	l->status.is_up = true;
	l->status.up_since_us = ds_clock_wall_us();
	l->status.sessions++;
	l->said[0] = '\0';
	snprintf(l->status.text, sizeof(l->status.text), "connected");
	snprintf(l->status.peer, sizeof(l->status.peer), "%s", ds_conn_peer_name(l->conn));
	ds_log(INFO, "connected", "server=%s version=%s", l->status.peer, m.server_version);
	if (access(l->identity.token_file, F_OK) == 0)
		ds_log(INFO, "the enrolment token is not needed here, wiping it", "%s", "");
	identity_forget_token(&l->identity);
	renew_if_due(l);
	link_set_timer(l, l->ping_s * 1000);
	link_session_pump(l);
	return 0;
}

static int
take_ack(struct link *l, const struct ds_frame *f)
{
	struct ds_ack m;
	int n;

	if (l->state != LINK_UP || ds_ack_get(f->payload, f->size, &m) < 0 || m.lane >= DS_LANES)
		return -EBADMSG;
	if (m.epoch != l->ops->epoch(l->ctx))
		return 0;
	n = window_ack(&l->lanes[m.lane], m.seq);
	if (n < 0)
		return -EPROTO; /* what was never sent cannot be committed */
	l->status.batches_acked += (unsigned)n;
	if (n > 0)
		l->ops->ack(m.lane, m.seq, l->ctx);
	link_session_pump(l);
	return 0;
}

static int
take_error(struct link *l, const struct ds_frame *f)
{
	const char *what = "the server closes the session";
	struct ds_error m;

	if (ds_error_get(f->payload, f->size, &m) < 0)
		return -EBADMSG;
	l->asked_s = m.retry_after_s;
	if (m.code == DS_WIRE_PENDING) {
		what = "waiting for approval";
		l->asked_s = m.retry_after_s ? m.retry_after_s : PENDING_S;
	} else if (m.code == DS_WIRE_COPY) {
		what = "another machine has our identity, asking for one of our own";
		if (!l->is_copy)
			identity_drop_request(&l->identity);
		l->is_copy = true;
	} else if (m.code == DS_WIRE_REVOKED || m.code == DS_WIRE_IDENTITY) {
		what = "the server does not take this host";
		l->unwanted = true;
		l->asked_s = DS_MAX(m.retry_after_s, l->cfg.slow_s);
	}
	link_fail(l, what, m.text);
	return 0;
}

static int
take_pong(struct link *l)
{
	uint64_t now = ds_clock_boot_us();

	if (l->ping_us > 0)
		l->status.rtt_us = (uint32_t)DS_MIN(now - l->ping_us, (uint64_t)UINT32_MAX);
	l->ping_us = 0;
	return 0;
}

/* The server is newer than we are and means something that must not be skipped. */
static int
refuse_frame(struct ds_conn *c)
{
	const struct ds_error m = { .code = DS_WIRE_BAD_FRAME, .text = "unknown critical frame" };
	struct ds_buf b;
	int r;

	ds_buf_init(&b, 4096);
	r = ds_error_put(&b, &m);
	if (r == 0)
		r = ds_conn_send(c, DS_FRAME_ERROR, 0, b.data, b.len);
	ds_buf_done(&b);
	ds_conn_finish(c);
	return r;
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct link *l = ctx;

	switch (f->type) {
	case DS_FRAME_WELCOME:
		return take_welcome(l, f);
	case DS_FRAME_ACK:
		return take_ack(l, f);
	case DS_FRAME_ERROR:
		return take_error(l, f);
	case DS_FRAME_CERTIFICATE:
		return take_certificate(l, f);
	case DS_FRAME_TRUST:
		return take_trust(l, f);
	case DS_FRAME_PING:
		/* A peer that pings faster than it reads gets no answer to some. */
		return f->size > 64 ? -EBADMSG
		       : ds_conn_pending(c) > 65536
			   ? 0
			   : ds_conn_send(c, DS_FRAME_PONG, 0, f->payload, f->size);
	case DS_FRAME_PONG:
		return take_pong(l);
	case DS_FRAME_ORDER:
		if (l->state == LINK_UP && l->ops->order != NULL)
			l->ops->order(f->payload, f->size, l->ctx);
		return 0;
	default:
		return f->flags & DS_FRAME_CRITICAL ? refuse_frame(c) : 0;
	}
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	(void)c;
	(void)ctx;
	return 0; /* dial saw it */
}

static void
on_drained(struct ds_conn *c, void *ctx)
{
	(void)c;
	link_session_pump(ctx);
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct link *l = ctx;

	(void)c;
	if (l->state == LINK_GREETING && strstr(end->text, "alert") != NULL &&
	    (strstr(end->text, "certificate") != NULL || strstr(end->text, "unknown ca") != NULL)) {
		l->unwanted = true;
		link_fail(l, "the server does not take this host's certificate", end->text);
		return;
	}
	link_fail(l, "the session has ended", end->text);
}

const struct ds_conn_ops link_session_ops = { on_ready, on_frame, on_drained, on_closed };
