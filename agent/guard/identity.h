/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity - which executable a daemon is: path, inode, SHA-256, package and version.
 *
 * Emits DAEMON when a daemon is found (with DS_FLAG_INITIAL at the guard's start) and when its
 * identity changes, DAEMON_GONE when it has no process left.  The work (hashing, package
 * databases) is cut into slices, so that the guard's loop is never held up.
 */
#ifndef AGENT_GUARD_IDENTITY_H
#define AGENT_GUARD_IDENTITY_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void identity_init(void);
void identity_done(void);
/* Who wants to know where a daemon runs: its main process, "" or the /proc/PID/root of its own file
 * system, and its package or "".  pid 0: it has gone. */
typedef void (*identity_listener)(
    uint32_t number, pid_t pid, const char *root, const char *package);
void identity_set_listener(identity_listener call);
/* A watched daemon has a process that was not known before, or one that executed something: call
 * it when a task is given its daemon.  Cheap, and may be called often; unwatched: ignored. */
void identity_seen(uint32_t number, pid_t pid, bool initial);
/* After each sweep of resource: the daemon's main process (0: it has none any more) and how many
 * processes it has. */
void identity_update(uint32_t number, pid_t main_pid, uint32_t processes);
/* Its processes are another daemon's from now on. */
void identity_lost(uint32_t number);
/* Takes what an engine answered: a container that had its id for a name is another daemon from now
 * on.  True: its processes have to be looked at anew. */
bool identity_take_name(void);
/* The main process of a daemon, as far as it is known; 0: it has none. */
pid_t identity_pid(uint32_t number);
/* The daemon whose main process this is; 0: none's. */
uint32_t identity_of_main(pid_t pid);
/* Its program, as it was told last; NULL: not known. */
const char *identity_exe(uint32_t number);
/* Does one slice of what is to be done (some ms at most); returns in how many ms it wants to be
 * called again: 1000 when it has nothing to do. */
uint64_t identity_tick(uint64_t now_ms);

#endif
