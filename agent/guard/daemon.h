/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon - what is watched on this host: which processes belong to which daemon, under which name.
 *
 * A daemon is a systemd unit, a container or a configured process, with the identity of its
 * executable.  Names: nginx.service, nginx@x.service     a unit (cgroup v1, hybrid and v2) nginx
 * without systemd: the base name of the executable, or the configured name container:NAME a
 * container (id's first 12 characters while its name is not known) sshd/session  cron/job
 * systemd-run/job  dpkg/script     daemons of their own kind, see enum daemon_role The table is
 * bounded; numbers are small, never reused while the guard runs, and are what BPF programs put into
 * task storage.
 */
#ifndef AGENT_GUARD_DAEMON_H
#define AGENT_GUARD_DAEMON_H

#include "lib/compiler.h"

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
	bool watched; /* by [general] monitor_daemons */
	char name[256];
	char unit[256];     /* or "" */
	char instance[128]; /* or "" */
	char container[80]; /* id, or "" */
};

/* "service", "session", ...: the ROLE field of events. */
const char *daemon_role_name(enum daemon_role role);
/* By number, or NULL. */
const struct daemon *daemon_get(uint32_t number);
/* The daemon that a cgroup path (as in /proc/PID/cgroup, without the mount) stands for, made when
 * new; NULL when the path says nothing (the root, a user slice without session, ...) or the table
 * is full (counted, told as a gap). */
const struct daemon *daemon_of_cgroup(const char *path);
/* The daemon of a running process by everything known about it: cgroup, ancestry, configured names.
 * NULL: none. */
const struct daemon *daemon_of_process(pid_t pid);
/* The daemon that a program becomes by itself when it is started outside any unit: configured or
 * well-known names, dpkg and rpm scripts, sessions below sshd, jobs below cron. `parent` is the
 * daemon of the forking process or NULL. */
const struct daemon *daemon_of_exec(
    const char *exe, const char *const *argv, const struct daemon *parent);
/* For processes that begin to listen while they belong to no daemon (auto mode without systemd). */
const struct daemon *daemon_of_listener(pid_t pid, const char *exe);

#endif
