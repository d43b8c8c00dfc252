/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apart - changes in the network of somebody else, by a child that can be given up.
 *
 * The kernel makes the changes of one network one after the other, and who waits for his turn
 * cannot be called back.  Who is root in a network of his own can make that long, with changes
 * without end.  It must not be the guard that waits.
 */
#ifndef AGENT_GUARD_REACTIONS_APART_H
#define AGENT_GUARD_REACTIONS_APART_H

#include "lib/compiler.h"

/* What work returns, done in a child, for the network of a group; what it changes in memory is
 * lost.  -ETIMEDOUT: it was given up, or not begun as others were; -errno.  Of work itself, in the
 * child, at once. */
DS_MUST_CHECK int apart_do(unsigned group, int (*work)(void *ctx), void *ctx);

#endif
