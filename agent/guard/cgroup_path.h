/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup_path - the cgroup path of a process as this cgroup namespace sees it, also when the
 * process has gone and only the kernel's own path is left.
 */
#ifndef AGENT_GUARD_CGROUP_PATH_H
#define AGENT_GUARD_CGROUP_PATH_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stddef.h>
#include <sys/types.h>

/* Learns whether this is the first cgroup namespace. */
void cgroup_path_init(void);
/* kernel: the path from the kernel's root, or empty.  0 with the path, or -errno: not known. */
DS_MUST_CHECK int cgroup_path_of(pid_t pid, struct ds_str kernel, char *ret, size_t size);

#endif
