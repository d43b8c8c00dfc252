/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heartbeat - the file by which the next run knows until when this one saw, and the lock that
 * keeps a second guard out.
 */
#ifndef AGENT_GUARD_HEARTBEAT_H
#define AGENT_GUARD_HEARTBEAT_H

#include "lib/compiler.h"

#include <stdint.h>

/* Locks state_dir/guard.state.  0, -EBUSY when another guard has it, -errno. */
DS_MUST_CHECK int heartbeat_open(const char *state_dir);
/* How long by now nobody has watched since a run that did not end well; 0: it did. */
uint64_t heartbeat_blind_us(void);
/* What was seen until now is on its way to the uplink. */
void heartbeat_mark(void);
/* It has all until the mark.  Not before it has the gap of heartbeat_blind_us(), so that a guard
 * that is killed again still tells it. */
void heartbeat_beat(void);
/* We stop, in order. */
void heartbeat_close(void);

#endif
