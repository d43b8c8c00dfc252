/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hold_args - the arguments of an exec that has not happened yet; for hold. */
#ifndef AGENT_GUARD_HOLD_ARGS_H
#define AGENT_GUARD_HOLD_ARGS_H

#include <stddef.h>
#include <sys/types.h>

/* What the process, which waits in the kernel, hands to execve: with a NUL between them.  The
 * length; 0: not known. */
size_t hold_args_of(pid_t pid, char *ret, size_t size);

#endif
