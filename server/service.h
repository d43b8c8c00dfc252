/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service - how the server lives among other processes: one at a time on a state directory, told
 * what to do by signals, telling systemd how it is.
 *
 * Called by main only, on the main thread.
 */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include "lib/compiler.h"
#include "lib/systemd.h"

#include <signal.h>
#include <stddef.h>

/* Makes the directory (0700) if need be and locks it for the life of the process: a descriptor, or
 * -EWOULDBLOCK when another server has it, -errno; with a sentence. */
DS_MUST_CHECK int service_lock(const char *state_dir, char *ret_why, size_t why_size);
/* As many descriptors as allowed: an agent is one. */
void service_raise_limits(void);
/* Blocks the signals that service_wait() returns, for every thread made later; ignores SIGPIPE. */
void service_block_signals(void);
/* What localtime_r() means, for every thread made later. */
void service_set_zone(const char *name);
/* The next signal: SIGTERM, SIGINT or SIGHUP.  Feeds systemd's watchdog meanwhile. */
int service_wait(void);

#endif
