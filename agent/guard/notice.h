/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notice - the kernel's word that a file or a name in a directory changed.
 *
 * fanotify where it can, because it says which process it was; inotify for file systems (overlay)
 * and guards (no CAP_SYS_ADMIN) for which it cannot.  Marks are on inodes: they hold in every mount
 * namespace and under every name of a file.
 */
#ifndef AGENT_GUARD_NOTICE_H
#define AGENT_GUARD_NOTICE_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum notice_what {
	NOTICE_WRITE,    /* written to, and the writer may go on */
	NOTICE_DONE,     /* a writer closed it, or its mode, owner or links changed */
	NOTICE_NAME,     /* a name in a directory came, went or was replaced */
	NOTICE_MOVED,    /* the marked directory itself was renamed or removed */
	NOTICE_OVERFLOW, /* the kernel's queue was full: anything may have changed */
};

struct notice {
	enum notice_what what;
	uint64_t key;     /* as notice_mark() gave it; 0: of an overflow */
	const char *name; /* of NOTICE_NAME; not terminated */
	size_t name_len;
	pid_t pid; /* who did it; 0: not known */
};

/* Descriptors to wait for; either may be -1.  0, or -errno when neither works here. */
DS_MUST_CHECK int notice_open(int ret_fd[2]);
void notice_close(void);
/* Marks what fd is open on (O_PATH is enough).  The key is never 0. */
DS_MUST_CHECK int notice_mark(int fd, bool directory, uint64_t *ret_key);
/* Takes all marks away: what is still wanted is marked again. */
void notice_flush(void);
/* Reads what is there, at most some buffers; how many notices. */
int notice_drain(void (*call)(const struct notice *n));
/* Whether marks say who did it. */
bool notice_has_pid(void);

#endif
