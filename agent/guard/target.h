/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target - the process that an order is about, and everything below it; who is never one.
 *
 * A process is its pid and the time it began: a pid that was used again is somebody else.  Never:
 * pid 1, kernel threads, the agent, what [reaction] never_touch names, who asked for the order and
 * everything above that.
 */
#ifndef AGENT_GUARD_TARGET_H
#define AGENT_GUARD_TARGET_H

#include "agent/guard/reaction.h"

#include <sys/types.h>

#define TARGET_TREE_MAX 4096u /* processes */

struct target_process {
	pid_t pid;
	uint64_t start_ticks; /* since boot */
	uint32_t threads;     /* when it was looked at; 0: it was not */
};

/* The order's process is there and may be touched.  0; -ESRCH it has gone; -EPERM; -EINVAL. */
DS_MUST_CHECK int target_check(struct reaction_call *call);
/* -EPERM with a sentence when a process must not be touched, else 0. */
DS_MUST_CHECK int target_may(struct reaction_call *call, pid_t pid);
/* A pidfd of the process if it is still that one; -ESRCH. */
DS_MUST_CHECK int target_open(const struct target_process *p);
/* Who the process is now; -ESRCH. */
DS_MUST_CHECK int target_of(pid_t pid, struct target_process *ret);
bool target_is_there(const struct target_process *p);
/* The process and all below it, parents first; how many, at most max. */
size_t target_tree(const struct target_process *root, struct target_process *ret, size_t max);

/* The uplink, which is the agent, too; 0: none. */
void target_set_uplink(pid_t pid);
pid_t target_uplink(void);

/* As a list in an inverse. */
DS_MUST_CHECK int target_put(struct ds_buf *b, const struct target_process *p);
DS_MUST_CHECK int target_get(struct ds_buf *b, struct target_process *ret);

#endif
