/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resource - what every watched daemon uses: CPU, memory, I/O, threads, descriptors, sockets.
 *
 * Sweeps /proc once an interval, some processes a tick, and emits RESOURCE for each daemon that has
 * processes.  It also tells identity of main processes and of daemons that have gone.
 */
#ifndef AGENT_GUARD_RESOURCE_H
#define AGENT_GUARD_RESOURCE_H

#include "lib/compiler.h"

#include <stdint.h>
#include <sys/types.h>

/* 0 or -ENOMEM. */
DS_MUST_CHECK int resource_init(void);
/* How long a sweep takes. */
void resource_set_interval(uint64_t interval_ms);
void resource_done(void);
/* A process was given a daemon (0: none) by a sensor that knows better than /proc does: sweeps
 * believe it.  Optional. */
void resource_assign(pid_t pid, uint32_t number);
/* To be called about once a second. */
void resource_tick(uint64_t now_ms);

#endif
