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
/* Whether there is anybody in it, who is to be frozen: as soon as he comes out of the kernel. */
bool freezer_holds(const char *dir);

/* Cgroups of version 2 of our own, below the one that a process is in, for what is one of many in
 * there.  The name that such a one would have: 0, -ENOENT (no version 2, nobody may make any, or it is in
 * one of ours already), -ENAMETOOLONG. */
DS_MUST_CHECK int freezer_own(pid_t pid, const char *name, char *ret, size_t size);
/* It is there, and whoever comes into it is frozen.  0 or -errno. */
DS_MUST_CHECK int freezer_make(const char *dir);
bool freezer_has(const char *dir, pid_t pid);
/* Into it from the one above.  -EXDEV: it is of another one. */
DS_MUST_CHECK int freezer_take(const char *dir, pid_t pid);
/* All go on where they were before, and it is gone.  0 also when it was gone. */
DS_MUST_CHECK int freezer_end(const char *dir);
/* For tests of what is done where there can be none. */
void freezer_allow_own(bool allow);

/* Calls for each process of the cgroup and of those below it until it returns other than 0, which
 * is returned; or -errno. */
DS_MUST_CHECK int freezer_each(const char *dir, int (*call)(pid_t pid, void *ctx), void *ctx);

#endif
