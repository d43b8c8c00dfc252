/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apart - what somebody else can hold up, by a child that can be given up.
 *
 * The kernel makes the changes of one network one after the other, and who waits for his turn
 * cannot be called back.  Who is root in a network of his own can make that long, with changes
 * without end.  A file system may be a program of somebody's (FUSE), or a host that is away: what
 * reads from it waits for ever.  It must not be the guard that waits.
 */
#ifndef AGENT_GUARD_REACTIONS_APART_H
#define AGENT_GUARD_REACTIONS_APART_H

#include "lib/compiler.h"

#include <stddef.h>

#define APART_FD       4
#define APART_SIZE_MAX 512u

/* What work returns, done in a child, for the network of a group; what it changes in memory is
 * lost.  -ETIMEDOUT: it was given up, or not begun as others were; -errno.  Of work itself, in the
 * child, at once. */
DS_MUST_CHECK int apart_do(unsigned group, int (*work)(void *ctx), void *ctx);
/* The same about a file, which the child has as APART_FD; ctx, of so many bytes, comes back as work
 * left it, unless it was given up. */
DS_MUST_CHECK int apart_read(int fd, int (*work)(void *ctx), void *ctx, size_t size);

#endif
