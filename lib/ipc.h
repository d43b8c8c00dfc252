/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipc - the messages on the socketpair between guard and uplink; each side treats the other's bytes
 * as hostile.
 *
 * A SOCK_STREAM socketpair; a message is u32 size (of what follows), u8 type, body.  Events go up
 * in numbered messages of up to IPC_EVENTS_SIZE bytes; the uplink confirms a number once its events
 * are in the spool, and the guard keeps (bounded) what is not confirmed, so that a killed uplink
 * loses nothing.  Nothing here does I/O.
 */
#ifndef LIB_IPC_H
#define LIB_IPC_H

#include "lib/buf.h"
#include "lib/event.h"

#define DS_IPC_MESSAGE_MAX (256u << 10) /* bytes */
#define DS_IPC_EVENTS_SIZE \
	(64u << 10) /* a message of events is sent at about this size at the latest */

enum ds_ipc_type {
	DS_IPC_EVENTS = 1, /* guard -> uplink: u64 number, then events */
	DS_IPC_STORED = 2, /* uplink -> guard: u64 number: everything up to it is in the spool */
	/* uplink -> guard, first message: u64 resend everything above this that you still have, u64
	 * the highest number in the spool: a guard that has just started numbers its messages from
	 * there */
	DS_IPC_START = 3,
	DS_IPC_SENSORS = 4, /* guard -> uplink: text for ds_hello.sensors */
	DS_IPC_STATUS = 5,  /* uplink -> guard: u64 pairs, see agent/uplink/health.c */
	DS_IPC_ORDER = 6,   /* uplink -> guard: opaque signed bytes */
	DS_IPC_RESULT = 7,  /* guard -> uplink: opaque bytes */
	DS_IPC_RELOAD = 8,  /* guard -> uplink: configuration changed */
	DS_IPC_HOST = 9,    /* uplink -> guard: 16 bytes, the host id of our certificate */
};

/* Begins a message in `b` and returns its offset for ds_ipc_end(), or -errno. */
DS_MUST_CHECK int ds_ipc_begin(struct ds_buf *b, uint8_t type, size_t *ret_start);
/* Fills in the size of the message begun at `start`. */
void ds_ipc_end(struct ds_buf *b, size_t start);
/* Reads a message from the front of a stream: 1, 0 when more bytes are needed, -EBADMSG, -EFBIG.
 * *ret_body borrows. */
DS_MUST_CHECK int ds_ipc_get(
    struct ds_buf *b, uint8_t *ret_type, const uint8_t **ret_body, size_t *ret_size);

/* One event as a row: kind, flags, time, count, daemon, and the fields of its kind that are not 0
 * or empty, each with its id.  Also the format of tests' fixtures. */
DS_MUST_CHECK int ds_ipc_put_event(struct ds_buf *b, const struct ds_event *ev);
/* -EBADMSG when it is not well formed; a field that its kind does not have, or does not exist, is
 * refused. */
DS_MUST_CHECK int ds_ipc_get_event(struct ds_buf *b, struct ds_event *ret);

#endif
