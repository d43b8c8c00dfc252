/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon_table - what daemon.c and daemon_find.c share; for nobody else.
 */
#ifndef AGENT_GUARD_DAEMON_TABLE_H
#define AGENT_GUARD_DAEMON_TABLE_H

#include "agent/guard/daemon.h"

/* The daemon of that name, made when new; NULL when the table is full (counted, told). */
struct daemon *daemon_make(enum daemon_role role, const char *name, bool *ret_new);
/* After a new daemon is filled. */
void daemon_decide_watched(struct daemon *d);
/* Watched from now on. */
void daemon_watch(uint32_t number);
/* Its container is another daemon's by now. */
void daemon_lose_container(uint32_t number);
/* Whether monitor_daemons names this program or the script it runs; the daemon's name. */
bool daemon_configured_name(const char *exe, const char *const *argv, char *ret, size_t size);
/* The cgroup of pid 1 is the root of all paths that this guard understands. */
void daemon_read_root(void);

#endif
