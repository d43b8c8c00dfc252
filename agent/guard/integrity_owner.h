/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_owner - which packages own the watched files: one pass over dpkg's lists for all of
 * them, in slices.
 *
 * Called by integrity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_INTEGRITY_OWNER_H
#define AGENT_GUARD_INTEGRITY_OWNER_H

#include <stdbool.h>

/* There are files whose owner is not known. */
void integrity_owner_want(void);
bool integrity_owner_is_wanted(void);
/* Some lists of a pass, which begins when none is under way. */
void integrity_owner_slice(void);
void integrity_owner_end(void);

#endif
