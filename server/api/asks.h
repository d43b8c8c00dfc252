/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asks - who asks for a reaction, so that it is never done to them: each host checks that last.
 *
 * On the pool's threads.
 */
#ifndef SERVER_API_ASKS_H
#define SERVER_API_ASKS_H

#include "server/api/call.h"
#include "server/react/kinds.h"
#include "server/store/store.h"

#include <sys/types.h>

/* Who asks, as the host `row` could meet them: by their address, or on this machine by their
 * process. */
void asks_put(const struct call *c, const struct host_row *row, struct react_args *args);
/* The process that a session began with, from any of its processes: what a command says lives no
 * longer than the command.  The process itself where no more can be seen. */
pid_t asks_session(pid_t pid);

#endif
