/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/conn_turn.h"
#include "lib/clock.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TURN_BYTES     (64u << 10) /* taken from, and given to, one peer before others have a turn */
#define ANONYMOUS_MAX  (64u << 10) /* bytes of a frame from who has shown no certificate */
#define KEY_UPDATE_MAX 32u         /* without any data between them */
#define LINGER_MS      2000u

static DS_PRINTF(3, 4) int over(struct conn_turn *t, int error, const char *format, ...)
{
	va_list args;

	t->end.error = error;
	va_start(args, format);
	(void)vsnprintf(t->end.text, sizeof(t->end.text), format, args);
	va_end(args);
	return -ECANCELED;
}

/* An op said other than 0. */
static int
over_by_op(struct conn_turn *t, int r)
{
	if (r > 0)
		r = -ECANCELED;
	return over(t, r, "closed here: %s", strerror(-r));
}

void
ds_conn_name_peer(struct ds_conn *c)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	char host[48], port[8];

	if (getpeername(c->fd, (struct sockaddr *)&ss, &len) < 0)
		return;
	if (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)
		snprintf(c->peer, sizeof(c->peer), "local");
	else if (getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
		     NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(c->peer, sizeof(c->peer), ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		    host, port);
}

/* What OpenSSL's call came to: 0 when it would block, else the connection is over. */
static int
ssl_result(struct ds_conn *c, int r, struct conn_turn *t)
{
	int saved = errno, kind = SSL_get_error(c->ssl, r);
	long verified = SSL_get_verify_result(c->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	switch (kind) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		c->wants_write = true;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		if (c->state == CONN_HANDSHAKE || ds_buf_left(&c->in) > 0)
			return over(t, -ECONNRESET, "peer closed in the middle of a %s",
			    c->state == CONN_HANDSHAKE ? "handshake" : "frame");
		return over(t, 0, "peer closed");
	case SSL_ERROR_SYSCALL:
		if (saved == 0)
			return over(t, -ECONNRESET, "peer closed");
		return over(t, -saved, "%s", strerror(saved));
	default:
		if (verified == X509_V_ERR_APPLICATION_VERIFICATION)
			return over(t, -EKEYREJECTED, "certificate: not the key that was pinned");
		if (verified != X509_V_OK)
			return over(t, -EKEYREJECTED, "certificate: %s",
			    X509_verify_cert_error_string(verified));
		return over(t, -EPROTO, "TLS: %s", reason ? reason : "unknown error");
	}
}

static void
on_tls_message(
    int is_write, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct ds_conn *c = arg;

	(void)version;
	(void)ssl;
	if (!is_write && type == SSL3_RT_HANDSHAKE && len > 0 &&
	    *(const uint8_t *)data == SSL3_MT_KEY_UPDATE)
		c->key_updates++;
}

static int
make_ssl(struct ds_conn *c, struct conn_turn *t)
{
	ERR_clear_error();
	c->ssl = SSL_new(c->context);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
		ERR_clear_error();
		return over(t, -ENOMEM, "out of memory");
	}
	SSL_CTX_free(c->context);
	c->context = NULL;
	SSL_set_msg_callback(c->ssl, on_tls_message);
	SSL_set_msg_callback_arg(c->ssl, c);
	if (c->is_server)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	return 0;
}

static int
do_handshake(struct ds_conn *c, struct conn_turn *t)
{
	X509 *cert;
	int r;

	if (c->ssl == NULL) {
		r = make_ssl(c, t);
		if (r < 0)
			return r;
	}
	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(c->ssl);
	if (r != 1)
		return ssl_result(c, r, t);
	cert = SSL_get1_peer_certificate(c->ssl);
	c->is_known = cert != NULL;
	X509_free(cert);
	c->state = CONN_OPEN;
	c->read_ms = ds_clock_monotonic_ms();
	if (c->peer[0] == '\0')
		ds_conn_name_peer(c);
	r = c->ops->ready(c, c->ctx);
	return r != 0 && !t->gone ? over_by_op(t, r) : 0;
}

static size_t
frame_limit(const struct ds_conn *c)
{
	size_t max = DS_MIN(c->limits->frame_max, (size_t)DS_FRAME_PAYLOAD_MAX);

	return c->is_server && !c->is_known ? DS_MIN(max, (size_t)ANONYMOUS_MAX) : max;
}

/* Hands over the frames that are whole. */
static int
take_frames(struct ds_conn *c, struct conn_turn *t)
{
	uint64_t began = c->frame_ms;

	while (c->state == CONN_OPEN && !c->paused && ds_buf_left(&c->in) > 0) {
		struct ds_frame f;
		size_t need = 0;
		int r = ds_frame_get(&c->in, &f, &need);

		if (r < 0)
			return over(t, r, "not a frame: %s", strerror(-r));
		if ((r == 0 ? need : f.size + DS_FRAME_HEADER) > frame_limit(c) + DS_FRAME_HEADER)
			return over(t, -EFBIG, "frame too large");
		if (r == 0)
			break;
		began = 0;
		r = c->ops->frame(c, &f, c->ctx);
		if (t->gone)
			return 0;
		if (r != 0)
			return over_by_op(t, r);
	}
	if (ds_buf_left(&c->in) == 0)
		c->frame_ms = 0;
	else
		c->frame_ms = began ? began : ds_clock_monotonic_ms();
	return 0;
}

/* Reads a record's worth: bytes, 0 when it would block, or over. */
static int
fill(struct ds_conn *c, struct conn_turn *t)
{
	size_t n = 0;
	int r;

	ds_buf_compact(&c->in);
	r = ds_buf_reserve(&c->in, DS_CONN_RECORD);
	if (r < 0)
		return over(t, r, "%s", strerror(-r));
	ERR_clear_error();
	errno = 0;
	r = SSL_read_ex(c->ssl, c->in.data + c->in.len, DS_CONN_RECORD, &n);
	if (r != 1) {
		r = ssl_result(c, r, t);
		if (r == 0 && c->key_updates > KEY_UPDATE_MAX)
			return over(t, -EPROTO, "peer does nothing but change its keys");
		return r;
	}
	c->in.len += n;
	c->bytes_in += n;
	c->key_updates = 0;
	return (int)n;
}

static int
do_read(struct ds_conn *c, struct conn_turn *t)
{
	size_t taken = 0;
	int r = take_frames(c, t); /* what a pause or a move has left */

	/* What OpenSSL has decrypted already wakes nobody: it is taken beyond the budget. */
	while (r == 0 && !t->gone && c->state == CONN_OPEN && !c->paused &&
	       (taken < TURN_BYTES || SSL_pending(c->ssl) > 0)) {
		r = fill(c, t);
		if (r <= 0)
			break;
		taken += (size_t)r;
		r = take_frames(c, t);
	}
	if (t->gone)
		return 0;
	if (taken > 0)
		c->read_ms = ds_clock_monotonic_ms();
	if (ds_buf_left(&c->in) == 0)
		ds_buf_done(&c->in);
	return r;
}

static int
do_write(struct ds_conn *c, struct conn_turn *t)
{
	size_t given = 0, n, left;
	int r;

	c->wants_write = false;
	while ((left = ds_buf_left(&c->out)) > 0 && given < TURN_BYTES) {
		ERR_clear_error();
		errno = 0;
		r = SSL_write_ex(
		    c->ssl, c->out.data + c->out.pos, DS_MIN(left, DS_CONN_RECORD), &n);
		if (r != 1) {
			r = ssl_result(c, r, t);
			if (r < 0)
				return r;
			break;
		}
		c->out.pos += n;
		given += n;
	}
	c->bytes_out += given;
	if (given > 0)
		c->write_ms = ds_clock_monotonic_ms();
	if (left == 0)
		ds_buf_done(&c->out);
	else if (given >= TURN_BYTES)
		c->wants_write = true;
	return 0;
}

/* Tells who was refused that there is room again. */
static int
do_drained(struct ds_conn *c, struct conn_turn *t)
{
	if (!c->refused || c->state != CONN_OPEN || ds_conn_pending(c) >= c->limits->out_max / 2)
		return 0;
	c->refused = false;
	if (c->ops->drained == NULL)
		return 0;
	c->ops->drained(c, c->ctx);
	return t->gone ? 0 : do_write(c, t);
}

/* Our last words are with the kernel: says so to the peer and waits for it to have read them. */
static int
start_lingering(struct ds_conn *c, const struct ds_conn_end *end, struct conn_turn *t)
{
	c->end = malloc(sizeof(*c->end));
	if (c->end == NULL) {
		t->end = *end;
		return -ECANCELED;
	}
	*c->end = *end;
	if (c->ssl != NULL && c->state == CONN_FINISHING) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl); /* best effort: the peer takes an EOF as well */
		ERR_clear_error();
	}
	SSL_free(c->ssl);
	c->ssl = NULL;
	ds_buf_done(&c->in);
	ds_buf_done(&c->out);
	(void)shutdown(c->fd, SHUT_WR); /* fails when the peer has gone: the next read tells */
	c->state = CONN_LINGERING;
	c->start_ms = ds_clock_monotonic_ms();
	c->paused = c->wants_write = false;
	return 0;
}

static int
do_linger(struct ds_conn *c, struct conn_turn *t)
{
	char unread[DS_CONN_RECORD];

	for (size_t taken = 0; taken < TURN_BYTES;) {
		ssize_t n = recv(c->fd, unread, sizeof(unread), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return over(t, c->end->error, "%s", c->end->text);
		taken += (size_t)n;
	}
	return 0;
}

static int
finish_if_written(struct ds_conn *c, struct conn_turn *t)
{
	const struct ds_conn_end end = { .error = 0, .text = "closed here" };

	return ds_conn_pending(c) > 0 ? 0 : start_lingering(c, &end, t);
}

static int
do_open(struct ds_conn *c, struct conn_turn *t)
{
	int r = do_read(c, t);

	if (r == 0 && !t->gone)
		r = do_write(c, t);
	if (r == 0 && !t->gone)
		r = do_drained(c, t);
	if (r == 0 && !t->gone && c->state == CONN_FINISHING)
		r = finish_if_written(c, t);
	return r;
}

static int
do_state(struct ds_conn *c, struct conn_turn *t)
{
	int r = 0;

	switch (c->state) {
	case CONN_HANDSHAKE:
		c->wants_write = false;
		r = do_handshake(c, t);
		if (r < 0 && !t->gone && c->is_server && c->ssl != NULL)
			return start_lingering(c, &t->end, t); /* the alert says why */
		return r < 0 || t->gone || c->state == CONN_HANDSHAKE ? r : do_open(c, t);
	case CONN_OPEN:
		return do_open(c, t);
	case CONN_FINISHING:
		if (c->ssl != NULL)
			r = do_write(c, t);
		return r < 0 ? r : finish_if_written(c, t);
	case CONN_LINGERING:
		return do_linger(c, t);
	case CONN_CLOSED:
		break;
	}
	return r;
}

static uint64_t
earliest(uint64_t a, uint64_t b)
{
	return a == 0 || b < a ? b : a;
}

/* When something must have happened; 0 for never. *ret_what is what has not, then. */
uint64_t
ds_conn_deadline(const struct ds_conn *c, const char **ret_what)
{
	const struct ds_conn_limits *l = c->limits;
	uint64_t at = 0, idle = c->read_ms + l->idle_ms, frame = c->frame_ms + l->frame_ms,
		 stuck = c->write_ms + l->stuck_ms;

	if (c->state == CONN_HANDSHAKE || c->state == CONN_LINGERING) {
		*ret_what = "handshake took too long";
		return c->start_ms + (c->state == CONN_HANDSHAKE ? l->handshake_ms : LINGER_MS);
	}
	if (c->state == CONN_OPEN && !c->paused) {
		at = idle;
		*ret_what = "peer is silent";
	}
	if (c->state == CONN_OPEN && !c->paused && c->frame_ms > 0 && frame < at) {
		at = frame;
		*ret_what = "frame took too long";
	}
	if (ds_conn_pending(c) > 0 && earliest(at, stuck) == stuck) {
		at = stuck;
		*ret_what = "peer does not read";
	}
	return at;
}

static int
check_deadlines(struct ds_conn *c, struct conn_turn *t)
{
	const char *what = "";
	uint64_t at = ds_conn_deadline(c, &what);

	if (at == 0 || ds_clock_monotonic_ms() < at)
		return 0;
	if (c->state == CONN_LINGERING)
		return over(t, c->end->error, "%s", c->end->text);
	return over(t, -ETIMEDOUT, "%s", what);
}

bool
ds_conn_wants_read(const struct ds_conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_LINGERING:
		return true;
	case CONN_OPEN:
		return !c->paused;
	case CONN_FINISHING: /* readable bytes that nobody reads would spin the loop */
	case CONN_CLOSED:
		break;
	}
	return false;
}

int
ds_conn_turn(struct ds_conn *c, struct conn_turn *t)
{
	int r;

	c->turn = t;
	r = do_state(c, t);
	if (t->gone)
		return 0;
	c->turn = NULL;
	return r < 0 ? r : check_deadlines(c, t);
}
