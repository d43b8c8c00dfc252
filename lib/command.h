/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - runs another program and waits for it, bounded in time, memory and output.
 *
 * No shell, no descriptors of ours, a fixed environment, no new privileges; as another user, as we
 * are, or as root with no capability beyond reading and writing files.  The caller waits.
 */
#ifndef LIB_COMMAND_H
#define LIB_COMMAND_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum ds_command_as {
	DS_COMMAND_REDUCED, /* root that may read and write files, and bind ports */
	DS_COMMAND_ROOT,    /* a system manager's own tools */
	DS_COMMAND_USER,    /* uid and gid */
	DS_COMMAND_SELF,    /* as who runs it */
};

struct ds_command {
	const char *const *argv;  /* ends with NULL; argv[0] is the path */
	const char *const *extra; /* more environment, ends with NULL; may be NULL */
	enum ds_command_as as;
	uid_t uid;
	gid_t gid;
	uint64_t timeout_ms;
	uint64_t memory_max; /* bytes of address space; 0: 1 GiB */
	const void *input;   /* on its standard input; may be NULL */
	size_t input_size;
	bool ends_all; /* with it ends what it started, also what left its process group */
};

/* What it wrote to stdout and stderr goes to out, cut, and terminated.  The exit status, 128 + the
 * signal that ended it, -ETIME: it was ended after timeout_ms, -errno: it could not be started. */
DS_MUST_CHECK int ds_command_run(const struct ds_command *c, char *out, size_t out_size);

/* The name of the process that forks such a program: by it sensors know that what is forked is no
 * part of us. */
#define DS_COMMAND_STARTER "daemonsec-start"

/* Starts a program in a session of its own, not as our child, with what it needs to become a
 * daemon. */
struct ds_command_start {
	const char *exe;
	const char *const *argv;
	const char *const *envp;
	const char *cwd; /* NULL: / */
	uid_t uid;
	gid_t gid;
};
DS_MUST_CHECK int ds_command_start(const struct ds_command_start *s);

#endif
