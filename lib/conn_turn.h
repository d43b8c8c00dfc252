/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn_turn - what a connection does when the loop wakes it: handshake, frames in, bytes out, last
 * words.
 *
 * The inside of conn.c, which owns the connection's life, its events and its timer; nobody else
 * includes this.
 */
#ifndef LIB_CONN_TURN_H
#define LIB_CONN_TURN_H

#include "lib/conn.h"

#include <openssl/types.h>

#define DS_CONN_RECORD 16384u /* bytes of plain text in a full TLS record */

enum conn_state {
	CONN_HANDSHAKE, /* nothing is known of the peer */
	CONN_OPEN,      /* frames in and out */
	CONN_FINISHING, /* writes what is queued, takes no more frames */
	CONN_LINGERING, /* shut for writing; reads and forgets until the peer closes, so that no
			   reset overtakes our last words */
	CONN_CLOSED,    /* closed was called */
};

/* One turn of the loop for a connection.  It lives on the stack, so that an op may free the
 * connection or hand it to another thread: afterwards only this is looked at. */
struct conn_turn {
	bool gone;
	struct ds_conn_end end; /* set by the step that returns other than 0 */
};

struct ds_conn {
	const struct ds_conn_ops *ops;
	const struct ds_conn_limits *limits;
	void *ctx;
	struct event_base *base; /* NULL while detached */
	struct event *on_read, *on_write, *timer;
	SSL_CTX *context; /* held until ssl is made: a silent peer costs no SSL */
	SSL *ssl;
	struct conn_turn *turn;  /* NULL outside of a turn */
	struct ds_conn_end *end; /* while lingering: what closed will say */
	struct ds_buf in;        /* a frame that is not whole yet; no memory while idle */
	struct ds_buf out;       /* not written yet; no memory while empty */
	uint64_t read_ms;        /* last data read; 0: never */
	uint64_t frame_ms;       /* since when a frame has been incomplete; 0: none is */
	uint64_t write_ms;       /* last time that something was written, or began to wait */
	uint64_t start_ms;       /* of the handshake, then of lingering */
	uint64_t timer_ms;       /* what the timer is set to; 0: not set */
	uint64_t bytes_in, bytes_out;
	unsigned key_updates;
	int fd;
	enum conn_state state;
	bool is_server, is_known, paused, refused, wants_write;
	char peer[64];
};

/* One turn: 0, or negative and t->end says why the connection is over; when t->gone the connection
 * must not be looked at any more. */
DS_MUST_CHECK int ds_conn_turn(struct ds_conn *c, struct conn_turn *t);
/* When something must have happened, on the monotonic clock; 0: never.  *ret_what: what has not,
 * then. */
uint64_t ds_conn_deadline(const struct ds_conn *c, const char **ret_what);
/* Whether the loop shall wake us for bytes to read. */
bool ds_conn_wants_read(const struct ds_conn *c);
void ds_conn_name_peer(struct ds_conn *c);

#endif
