/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_watch - a small child of the guard that outlives it for a moment, and lets go on whom the
 * guard has stopped; for hold.
 */
#ifndef AGENT_GUARD_HOLD_WATCH_H
#define AGENT_GUARD_HOLD_WATCH_H

#include "lib/compiler.h"

/* Starts it if it does not run.  map_fd: the kernel's map of who is held.  0 or -errno. */
DS_MUST_CHECK int hold_watch_start(int map_fd);
void hold_watch_stop(void);

#endif
