/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity - tells when a file of a watched daemon changes: program, libraries, unit,
 * configuration.
 *
 * A sensor that needs no BPF: the kernel's notices (notice.h) say where to look, a slow walk over
 * all files finds what they missed.  The guard's only thread.
 */
#ifndef AGENT_GUARD_INTEGRITY_H
#define AGENT_GUARD_INTEGRITY_H

#include "agent/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file_state;

/* Before the sensor is opened: the vault, and what follows (integrity_start.c). */
DS_MUST_CHECK int integrity_start(const struct agent_config *config);
void integrity_stop(void);
/* Without the vault.   0 or -ENOMEM. */
DS_MUST_CHECK int integrity_init(const struct agent_config *config);
/* After a reload of the configuration; it must stay valid until the next. */
void integrity_configure(const struct agent_config *config);
void integrity_done(void);
/* A daemon runs (pid: its main process), as the package says; root: "" or the /proc/PID/root of a
 * file system of its own.  pid 0: it has gone. */
void integrity_daemon(uint32_t number, pid_t pid, const char *root, const char *package);
/* A reaction is about to change this file, or did: what is there now is told by it, not by us. */
void integrity_reacted(const char *path);
/* What the path was when it was last looked at, and its owner; false: it is not watched. */
bool integrity_last(const char *path, struct file_state *ret, const char **ret_package);
/* The daemons that use the path, by number; how many. */
#define INTEGRITY_USERS 8u
size_t integrity_users(const char *path, uint32_t ret[INTEGRITY_USERS]);
/* Whether it is configuration, which a daemon has to read again. */
bool integrity_is_config(const char *path);
/* Files that are watched now; for tests and people. */
unsigned integrity_count(void);

#endif
