/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heartbeat - the file by which the next run knows until when this one saw, and the lock that
 * keeps a second guard out.
 */
#ifndef AGENT_GUARD_HEARTBEAT_H
#define AGENT_GUARD_HEARTBEAT_H

#include "lib/compiler.h"

#include <stdint.h>

/* Locks state_dir/guard.state. *ret_blind_us: how long nobody watched since a run that did not end
 * well, 0: it did.  0, -EBUSY when another guard has it, -errno. */
DS_MUST_CHECK int heartbeat_open(const char *state_dir, uint64_t *ret_blind_us);
/* Now we see. */
void heartbeat_beat(void);
/* We stop, in order. */
void heartbeat_close(void);

#endif
