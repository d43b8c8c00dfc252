/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree - signals to a process and everything below it, for kill and freeze. */
#ifndef AGENT_GUARD_REACTIONS_TREE_H
#define AGENT_GUARD_REACTIONS_TREE_H

#include "agent/guard/target.h"

/* Stops all, again and again until nothing new is there, then sends `sig` (SIGSTOP: no more than
 * that).  Processes that must not be touched are left out, with what is below them.  How many, or
 * -ESRCH with a sentence when the first has gone. */
DS_MUST_CHECK int tree_signal(
    struct reaction_call *call, const struct target_process *root, int sig);
/* One, if it is still that one; 0 or -ESRCH, -errno. */
DS_MUST_CHECK int tree_signal_one(const struct target_process *p, int sig);
/* Whether it is stopped (or traced): 1, 0, -ESRCH. */
DS_MUST_CHECK int tree_is_stopped(const struct target_process *p);
/* Whether it goes on.  What sits in the kernel does not: a stop waits for it when it comes out. */
bool tree_runs(const struct target_process *p);

#endif
