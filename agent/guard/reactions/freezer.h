/* SPDX-License-Identifier: GPL-2.0-or-later */
/* freezer - cgroup freezers, version 2 and 1, for freeze. */
#ifndef AGENT_GUARD_REACTIONS_FREEZER_H
#define AGENT_GUARD_REACTIONS_FREEZER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FREEZER_PATH_MAX 1024u

/* The directory of the cgroup that a process is in and that can be frozen: not a root, and not one
 * that the agent is in or below.  0, -ENOENT, -EPERM, -ENAMETOOLONG. */
DS_MUST_CHECK int freezer_of(pid_t pid, char *ret, size_t size);
DS_MUST_CHECK int freezer_set(const char *dir, bool frozen);
/* 1: all of it is frozen, 0, -errno. */
DS_MUST_CHECK int freezer_is_frozen(const char *dir);

/* Calls for each process of the cgroup and of those below it until it returns other than 0, which
 * is returned; or -errno. */
DS_MUST_CHECK int freezer_each(const char *dir, int (*call)(pid_t pid, void *ctx), void *ctx);

#endif
