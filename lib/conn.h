/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn - one mutual-TLS connection that carries frames, on libevent's loop; agent and server use
 * the same.
 *
 * Own non-blocking SSL_read/SSL_write over raw events (libevent 2.1.12's bufferevent_openssl writes
 * a record a chunk, sticks at watermarks and takes an unexpected EOF for an error).  Bounded: at
 * most one frame in, `out_max` bytes out; a byte budget a turn keeps one peer from starving others;
 * deadlines for handshake, idle peers and stuck writers. Buffers are released while idle.  A
 * connection belongs to one event_base, and so to one thread, at a time.
 *
 * Ops are called by the loop only, never from inside a function below.  A peer without a
 * certificate may send frames of 64 KiB at most, whatever frame_max says.  The program ignores
 * SIGPIPE.
 */
#ifndef LIB_CONN_H
#define LIB_CONN_H

#include "lib/wire.h"

#include <stdbool.h>

struct event_base;
struct ds_conn;
struct ds_tls;

struct ds_conn_limits {
	uint32_t handshake_ms; /* 10 000 */
	uint32_t idle_ms;      /* nothing read for so long: closed; 90 000 */
	uint32_t
	    stuck_ms; /* nothing could be written for so long while there is something to write */
	uint32_t frame_ms; /* a frame that has begun must be whole by then (one byte a second is no
			      peer) */
	size_t frame_max;  /* payload bytes taken */
	size_t out_max;    /* bytes waiting to be written */
};

extern const struct ds_conn_limits ds_conn_default_limits;

/* Why a connection ended: 0 when either side closed it in order, else a negative errno, and a
 * sentence ("certificate: certificate has expired", "peer closed"). */
struct ds_conn_end {
	int error;
	char text[200];
};

struct ds_conn_ops {
	/* Handshake done. Other than 0 closes. */
	int (*ready)(struct ds_conn *c, void *ctx);
	/* A frame; its payload is valid during the call only. Other than 0 closes with that error.
	 */
	int (*frame)(struct ds_conn *c, const struct ds_frame *f, void *ctx);
	/* What was waiting to be written has gone below half of out_max after a send was refused.
	 * May be NULL. */
	void (*drained)(struct ds_conn *c, void *ctx);
	/* The connection is over, exactly once: its socket is closed.  Free it here or later with
	 * ds_conn_free(). */
	void (*closed)(struct ds_conn *c, const struct ds_conn_end *end, void *ctx);
};

/* Takes over a connected (or connecting, for a client) non-blocking socket; closes it even on
 * failure.  NULL on failure.  ops, limits and tls are borrowed. */
struct ds_conn *ds_conn_new(struct event_base *base, struct ds_tls *tls, bool is_server, int fd,
    const struct ds_conn_ops *ops, const struct ds_conn_limits *limits, void *ctx);
/* Closes at once.  May be called from any op; no op is called afterwards. */
void ds_conn_free(struct ds_conn *c);
/* Moves a connection to another thread: detach on the old one, hand the pointer over, attach on the
 * new one.  Between the two no op is called.
 * Detaching inside an op is fine: nothing here looks at the connection after that op returns, and
 * so must the op not, nor at the frame it was given, once it has handed the pointer over. */
void ds_conn_detach(struct ds_conn *c);
DS_MUST_CHECK int ds_conn_attach(
    struct ds_conn *c, struct event_base *base, const struct ds_conn_ops *ops, void *ctx);

/* Queues a frame: 0, -EAGAIN when out_max would be passed (drained is called later), -EMSGSIZE when
 * it never fits, -ENOTCONN (also after ds_conn_finish), -ENOMEM.  All that is queued in a turn of
 * the loop is written at its end, in full TLS records. */
DS_MUST_CHECK int ds_conn_send(
    struct ds_conn *c, uint8_t type, uint8_t flags, const void *payload, size_t size);
/* Takes no more frames and closes once all that was queued is written and, as far as two seconds
 * allow, read by the peer. */
void ds_conn_finish(struct ds_conn *c);
/* Stops and resumes reading: back-pressure. */
void ds_conn_pause(struct ds_conn *c);
void ds_conn_resume(struct ds_conn *c);
size_t ds_conn_pending(const struct ds_conn *c); /* bytes waiting to be written */
/* The peer's certificate, DER, after ready; NULL when it showed none.  Free with OPENSSL_free(). */
unsigned char *ds_conn_peer_cert(const struct ds_conn *c, size_t *ret_size);
/* "192.0.2.1:4711" or "[2001:db8::1]:4711". */
const char *ds_conn_peer_name(const struct ds_conn *c);
uint64_t ds_conn_bytes_in(const struct ds_conn *c);
uint64_t ds_conn_bytes_out(const struct ds_conn *c);

#endif
