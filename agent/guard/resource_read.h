/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resource_read - one process's counters from /proc, as cheaply as they can be had; for resource.
 */
#ifndef AGENT_GUARD_RESOURCE_READ_H
#define AGENT_GUARD_RESOURCE_READ_H

#include "lib/compiler.h"

#include <stdint.h>
#include <sys/types.h>

struct process_stat;

struct resource_reading {
	uint64_t cpu_ticks, child_ticks;
	uint64_t read_bytes, written_bytes;
	uint32_t fds, sockets;
};

/* Counting sockets costs a system call a descriptor: so many are allowed in a slice. */
void resource_slice_begin(void);
/* `last` (zero at first) saves work where nothing changed.  0 or -errno. */
DS_MUST_CHECK int resource_read(pid_t pid, const struct process_stat *st,
    const struct resource_reading *last, struct resource_reading *ret);

#endif
