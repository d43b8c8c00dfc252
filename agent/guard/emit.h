/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit - takes events from the sensors to the uplink, and remembers them until the uplink has them
 * in its spool.
 *
 * Bounded: when the queue is full (the uplink is dead or its disk is), the oldest bulk events go
 * first, first-seen and login events last; what goes is counted by source and told as a gap event.
 */
#ifndef AGENT_GUARD_EMIT_H
#define AGENT_GUARD_EMIT_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies the event.  Never fails: what cannot be kept is counted and becomes a gap event. */
void emit_event(const struct ds_event *ev);
/* Something was lost before it became an event: told as a gap event of `source`, merged for up to a
 * second. */
void emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message);

/* The rest is for main and supervise. */

/* At most max_bytes of events are kept. */
DS_MUST_CHECK int emit_init(size_t max_bytes);
void emit_done(void);
/* The socket of an uplink that was just started (not owned); nothing is sent before its START. */
void emit_attach(int fd);
/* The uplink has gone: what it did not confirm will be sent again. */
void emit_detach(void);
/* START: what is already in its spool is forgotten, the rest is sent again under its old numbers;
 * new messages are numbered above `last`. */
void emit_started(uint64_t resend_after, uint64_t last);
/* STORED: 0, or -EBADMSG when such a number was never sent. */
DS_MUST_CHECK int emit_stored(uint64_t number);
/* Another message, sent before events; dropped when no uplink is there.  0 or -errno. */
DS_MUST_CHECK int emit_control(uint8_t type, const void *body, size_t size);
/* Closes and writes what is due: urgent events at once, bulk events when there are many or they are
 * 200 ms old.  0, or -errno of the socket. */
DS_MUST_CHECK int emit_flush(uint64_t now_ms, bool all);
/* Whether the socket was full: wait until it can be written to. */
bool emit_wants_write(void);
/* Whether the uplink's socket has taken everything: it reads that also when the guard is gone. */
bool emit_is_sent(void);
/* Whether nothing is left to be confirmed. */
bool emit_is_empty(void);
/* When emit_flush() wants to be called again, ms; UINT64_MAX: when something comes. */
uint64_t emit_deadline(void);
/* Bytes kept now. */
size_t emit_bytes(void);

#endif
