/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon - what is watched on this host: which processes belong to which daemon, under which name.
 *
 * A daemon is a systemd unit, a container or a configured process, with the identity of its
 * executable.  Names:
 *   nginx.service, nginx@x.service     a unit (cgroup v1, hybrid and v2)
 *   user/NAME.service                  a unit of somebody's own systemd
 *   nginx                              without systemd: the program, or the configured name
 *   container:NAME                     (the id's first 12 characters when no name is known)
 *   sshd/session  cron/job  systemd-run/job  dpkg/script    of their own kind, see daemon_role
 * The table is bounded; numbers are small, never reused while the guard runs, and are what BPF
 * programs put into task storage.  All calls come from the guard's only thread.
 *
 * How the callers use it: at the start, daemon_of_process() for every process; for an exec event
 * of a task that carries daemon P, daemon_of_exec(exe, argv, P), and with a unit's cgroup that is
 * new to the task, daemon_of_cgroup().  The exec itself is told of the result, which the task
 * carries from then on: the shell that sshd starts is sshd/session's, as the program of a unit is
 * the unit's.
 */
#ifndef AGENT_GUARD_DAEMON_H
#define AGENT_GUARD_DAEMON_H

#include "lib/compiler.h"
#include "lib/conf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_TABLE_MAX 4096u

enum daemon_role {
	DAEMON_SERVICE, /* a unit */
	DAEMON_CONTAINER,
	DAEMON_SESSION,   /* below a login: sshd/session, login/session */
	DAEMON_JOB,       /* cron/job, at/job */
	DAEMON_TRANSIENT, /* systemd-run/job: a transient unit */
	DAEMON_PACKAGE,   /* dpkg/script, rpm/script: maintainer scripts */
	DAEMON_PROCESS,   /* found or configured without a unit */
};

struct daemon {
	uint32_t number; /* >= 1 */
	enum daemon_role role;
	bool watched; /* by [general] monitor_daemons; can become true later, when the executable
			 of a unit is known */
	char name[256];
	char unit[256];     /* or "" */
	char instance[128]; /* or "" */
	char container[80]; /* id, or "" */
	char container_name[192];
	uint32_t owner; /* of a container: the uid of who made it; 0: root */
	char image[256];
};

/* Takes [general] monitor_daemons; again after a reload (the table stays, `watched` is decided
 * anew).  Reads the cgroup of pid 1, which is the root of all paths.  0 or -ENOMEM. */
DS_MUST_CHECK int daemon_init(const struct ds_conf_list *monitor);
void daemon_done(void);
/* Whether [general] monitor_daemons has `auto`. */
bool daemon_is_auto(void);

/* "service", "session", ...: the ROLE field of events. */
const char *daemon_role_name(enum daemon_role role);
/* By number, or NULL. */
const struct daemon *daemon_get(uint32_t number);
/* By name, or NULL. */
const struct daemon *daemon_find(const char *name);
/* The highest number in use: numbers are 1..daemon_count(). */
uint32_t daemon_count(void);
/* How many daemons did not fit into the table. */
uint64_t daemon_refused(void);

/* The daemon that a cgroup path (as in /proc/PID/cgroup, without the mount) stands for, made when
 * new; NULL when the path says nothing (the root, a user slice without session, ...) or the table
 * is full (counted, told as a gap). */
const struct daemon *daemon_of_cgroup(const char *path);
/* The daemon of a running process by everything known about it: cgroup, ancestry, configured names.
 * NULL: none. */
const struct daemon *daemon_of_process(pid_t pid);
/* The daemon that a program becomes by itself when it is started outside any unit: configured or
 * well-known names, dpkg and rpm scripts, sessions below sshd, jobs below cron.  `parent` is the
 * daemon that the process carried before, or NULL; `parent_exe` the program of the process that
 * forked it, or NULL.  argv ends with NULL, or is NULL.  The answer is `parent` when nothing
 * changes; NULL: none. */
const struct daemon *daemon_of_exec(
    const char *exe, const char *const *argv, const char *parent_exe, const struct daemon *parent);
/* For processes that begin to listen while they belong to no daemon, or to a session (a daemon
 * started by hand): what they are now, or NULL. exe may be NULL. */
const struct daemon *daemon_of_listener(pid_t pid, const char *exe);
struct container_info;
/* A container without a name has one now: the daemon that stood for it so far, whose processes have
 * to be looked at anew; 0: nothing changes. */
uint32_t daemon_name_container(const char *id, const struct container_info *info);
/* The executable of a daemon's main process became known: it may be one of the configured ones. */
void daemon_set_executable(uint32_t number, const char *exe);

#endif
