/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * courier - the uplink's end of the socketpair to the guard.
 *
 * On the uplink's only thread.  Takes events into the batcher, confirms what is in the spool,
 * passes orders and results on unread.  The guard's bytes are checked like any peer's: what is not
 * well formed ends the connection, and with it the uplink; the guard starts another.
 */
#ifndef AGENT_UPLINK_COURIER_H
#define AGENT_UPLINK_COURIER_H

#include "agent/uplink/batcher.h"

struct courier;

struct courier_ops {
	/* The guard is gone, or sent what it must not: why, a sentence. */
	void (*closed)(const char *why, void *ctx);
	/* What its sensors are, for HELLO; not terminated. */
	void (*sensors)(const char *text, size_t len, void *ctx);
	void (*result)(const void *data, size_t size, void *ctx);
	void (*reload)(void *ctx);
};

/* Takes fd over.  Sends START.  NULL: no memory. */
struct courier *courier_new(struct event_base *base, int fd, struct batcher *batcher,
    const struct spool *spool, const struct courier_ops *ops, void *ctx);
void courier_free(struct courier *c);
/* The end: takes what the guard has sent until now, or until the spool takes no more. */
void courier_drain(struct courier *c);
/* Tells the guard what is stored, when that is news. */
void courier_confirm(struct courier *c);
/* An order, opaque; -EAGAIN when the guard does not read, and the caller keeps it. */
DS_MUST_CHECK int courier_send(struct courier *c, uint8_t type, const void *data, size_t size);

#endif
