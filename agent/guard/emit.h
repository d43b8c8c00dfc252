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

#include "lib/event.h"

/* Copies the event.  Never fails: what cannot be kept is counted and becomes a gap event. */
void emit_event(const struct ds_event *ev);
/* Something was lost before it became an event: told as a gap event of `source`, merged for up to a
 * second. */
void emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message);

#endif
