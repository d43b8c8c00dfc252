/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - runs another program and waits for it, bounded in time, memory and output.
 *
 * No shell, no descriptors of ours, a fixed environment, no new privileges; as another user, or as
 * root with no capability beyond reading and writing files.  Called by service and plugin on the
 * guard's only thread, which waits: limits are small.
 */
#ifndef AGENT_GUARD_COMMAND_H
#define AGENT_GUARD_COMMAND_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum command_as {
	COMMAND_REDUCED, /* root that may read and write files, and bind ports */
	COMMAND_ROOT,    /* a system manager's own tools */
	COMMAND_USER,    /* uid and gid */
};

struct command {
	const char *const *argv;  /* ends with NULL; argv[0] is the path */
	const char *const *extra; /* more environment, ends with NULL; may be NULL */
	enum command_as as;
	uid_t uid;
	gid_t gid;
	uint64_t timeout_ms;
	uint64_t memory_max; /* bytes of address space; 0: 1 GiB */
	const void *input;   /* on its standard input; may be NULL */
	size_t input_size;
};

/* What it wrote to stdout and stderr goes to out, cut, and terminated.  The exit status, 128 + the
 * signal that ended it, -ETIME: it was ended after timeout_ms, -errno: it could not be started. */
DS_MUST_CHECK int command_run(const struct command *c, char *out, size_t out_size);

/* Starts a program in a session of its own, not as our child, with what it needs to become a
 * daemon. */
struct command_start {
	const char *exe;
	const char *const *argv;
	const char *const *envp;
	const char *cwd; /* NULL: / */
	uid_t uid;
	gid_t gid;
};
DS_MUST_CHECK int command_start(const struct command_start *s);

#endif
