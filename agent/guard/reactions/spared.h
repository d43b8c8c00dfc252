/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spared - the addresses that the server says are never cut off: of load balancers, of health
 * checks; for never.
 *
 * Comes as a signed order of kind `spare`, whole each time, and is kept in guard_dir/spared, root's
 * own, so that it holds after a restart and while the server is away.  A version that is not newer
 * than the one that is kept is refused.
 */
#ifndef AGENT_GUARD_REACTIONS_SPARED_H
#define AGENT_GUARD_REACTIONS_SPARED_H

#include "agent/guard/reactions/network.h"

#define SPARED_MAX  512u  /* addresses */
#define SPARED_SIZE 4096u /* of its text, with NUL */

/* Reads what is kept.  0 or -errno. */
DS_MUST_CHECK int spared_open(const char *guard_dir);
void spared_close(void);
/* Text: a line for each address or network, after a space who has it.  On disk when it returns 0;
 * -ESTALE: there is a newer one, -EINVAL: a line is no address, -errno of the disk: then what was
 * there stays. */
DS_MUST_CHECK int spared_set(uint64_t version, const char *text);
/* Whether this version is the one that is kept. */
bool spared_is(uint64_t version);
size_t spared_len(void);
/* Calls for each. */
void spared_each(void (*call)(const struct network *network, const char *name));

#endif
