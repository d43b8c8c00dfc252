/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_find - which files belong to a daemon: its program, what that maps, its unit, its
 * configuration.
 *
 * Reads /proc and directories, keeps nothing.  Called by integrity.
 */
#ifndef AGENT_GUARD_INTEGRITY_FIND_H
#define AGENT_GUARD_INTEGRITY_FIND_H

#include "agent/guard/daemon.h"

enum file_class { FILE_EXECUTABLE, FILE_LIBRARY, FILE_UNIT, FILE_CONFIG };

/* One path that belongs to the daemon; tree: a directory, with all that is or will be in it.  Paths
 * need not exist: that one comes into being is news, too. */
typedef void (*integrity_found)(void *ctx, const char *path, enum file_class class, bool tree);

struct integrity_target {
	const struct daemon *daemon;
	pid_t pid;     /* its main process */
	bool own_root; /* it lives in a file system of its own: no units, no packages of ours */
	const char *package; /* that owns its program; "" or NULL: none */
};

/* "executable", "library", "unit", "configuration". */
const char *file_class_name(enum file_class class);
void integrity_find(const struct integrity_target *target, integrity_found call, void *ctx);

/* The parts, for tests. */
void integrity_find_maps(const char *text, const char *exe, integrity_found call, void *ctx);
void integrity_find_arguments(pid_t pid, const char *const *argv, integrity_found call, void *ctx);
/* Configuration that is known by the daemon's name. */
void integrity_find_known(const char *name, integrity_found call, void *ctx);
/* Whether a name in a configuration directory is an editor's or a package manager's passing one. */
bool integrity_is_passing(const char *name, size_t len);

#endif
