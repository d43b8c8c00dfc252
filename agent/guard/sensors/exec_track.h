/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_track - who belongs to which daemon, kept up to date by forks, execs and exits.
 *
 * What BPF task storage is to the first-choice sensors; for exec_netlink and exec_scan, on the
 * guard's only thread.
 */
#ifndef AGENT_GUARD_SENSORS_EXEC_TRACK_H
#define AGENT_GUARD_SENSORS_EXEC_TRACK_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who is told what programs daemons start; NULL: nobody. */
void track_set_listener(void (*call)(const char *daemon, const char *exe));
/* Takes over everything that runs.  0 or -errno. */
DS_MUST_CHECK int track_begin(void);
void track_end(void);
/* The child carries its parent's daemon. */
void track_fork(pid_t parent, pid_t pid);
/* Emits EXEC for a watched daemon. */
void track_exec(pid_t pid);
/* Emits EXIT; status as of wait(2). */
void track_exit(pid_t pid, int status);
/* SETUID or SETGID. */
void track_id(pid_t pid, enum ds_event_kind kind, uint32_t id);
/* A process that was not announced: carries what /proc says.  Whether it was new. */
bool track_found(pid_t pid, bool tell);
/* Forgets every process that was not found since the last call. */
void track_forget(void);
/* A process became a daemon by what it does (it listens). */
void track_set(pid_t pid, uint32_t number);
/* The daemon a process carries; 0: none, or not known here. */
uint32_t track_daemon(pid_t pid);

#endif
