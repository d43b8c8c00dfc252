/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside - something is done in the network of somebody who has one of his own, such as a
 * container.
 */
#ifndef AGENT_GUARD_REACTIONS_INSIDE_H
#define AGENT_GUARD_REACTIONS_INSIDE_H

#include "lib/compiler.h"

#include <sys/types.h>

/* Calls it in there, and is back when it returns.  What it returned, or -errno: -EPERM where the
 * agent's unit denies namespaces. */
DS_MUST_CHECK int inside_call(int network, int (*call)(void *ctx), void *ctx);
/* The network of a process, when that is another than ours: an fd; -ESRCH: it is ours, or the
 * process has gone. */
DS_MUST_CHECK int inside_open(pid_t pid);

#endif
