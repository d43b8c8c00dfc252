/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program - what a program says about a process by its name alone: well-known daemons, log-in
 * programs, schedulers, interpreters, maintainer scripts.
 *
 * Pure text and tables; called by daemon.
 */
#ifndef AGENT_GUARD_PROGRAM_H
#define AGENT_GUARD_PROGRAM_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum program_class {
	PROGRAM_OTHER,
	PROGRAM_DAEMON,     /* a well-known daemon */
	PROGRAM_LOGIN,      /* what it starts is a session: sshd, login */
	PROGRAM_SCHEDULER,  /* what it starts is a job: cron, atd */
	PROGRAM_SUPERVISOR, /* what it starts are daemons of their own: supervisord, runsv */
};

/* The last component of a path. */
const char *program_base(const char *exe);
/* By the base name. */
enum program_class program_class_of(const char *exe);
/* The daemon's name: "sshd" for sshd-session, "cron" for crond, else the base name. */
const char *program_daemon_name(const char *exe);
/* The name by which people know what runs here: the base name of the executable, or of the script,
 * module or jar that an interpreter runs.  argv may be NULL; NULL-terminated. */
void program_name(const char *exe, const char *const *argv, char *ret, size_t size);
/* The script an interpreter runs, or NULL. */
const char *program_script(const char *exe, const char *const *argv);
/* "dpkg/script" or "rpm/script" when this is a maintainer script that the installer started, else
 * NULL. */
const char *program_package_script(
    const char *exe, const char *const *argv, const char *parent_exe);
/* Whether anybody may have put the program where it is (/tmp, memory): its name proves nothing. */
bool program_is_temporary(const char *exe);
/* Whether two names mean the same daemon: equal, or known under both (ssh and sshd). */
bool program_same_daemon(const char *a, const char *b);

#endif
