/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listeners - who listens already when the guard starts, or again after a reload. */
#ifndef AGENT_GUARD_LISTENERS_H
#define AGENT_GUARD_LISTENERS_H

#include "lib/compiler.h"

/* Makes daemons of the processes that listen on TCP in our network namespace (see
 * daemon_of_listener()); to be called before everything that runs is decided about.  How many
 * listening sockets have an owner, or -errno. */
int listeners_adopt(void);
/* Tells where watched daemons listen already (DS_FLAG_INITIAL): a sensor of calls sees only those
 * that begin to.  As above. */
int listeners_tell(void);

#endif
