/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process - what /proc says about one process; bounded reads, nothing kept.
 *
 * Everything here is a race with the process ending or executing something else: callers treat
 * a failure as "gone".
 */
#ifndef AGENT_GUARD_PROCESS_H
#define AGENT_GUARD_PROCESS_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_PATH_MAX 4096u
#define PROCESS_ARGS_MAX 4096u
#define PROCESS_ARGV_MAX 64u /* arguments looked at */

struct process_stat {
	pid_t ppid;
	pid_t session;
	int tty; /* 0: none */
	bool kernel_thread;
	char state;  /* as in proc(5) */
	bool zombie; /* ended, not yet waited for */
	uint32_t threads;
	uint64_t cpu_ticks;   /* user + system */
	uint64_t child_ticks; /* of children that ended and were waited for */
	uint64_t start_ticks; /* since boot; with the pid: who this is */
	uint64_t rss_pages;
};

struct process_args {
	const char *argv[PROCESS_ARGV_MAX + 1]; /* ends with NULL; into text */
	char text[PROCESS_ARGS_MAX + 1];
};

/* Another /proc, for tests; NULL: the real one. */
void process_set_root(const char *root);
/* Opens /proc/PID/NAME for reading; an fd or -errno. */
DS_MUST_CHECK int process_open(pid_t pid, const char *name);
/* Reads a file of /proc whole, at most size - 1 bytes; terminated.  The length or -errno. */
DS_MUST_CHECK ssize_t process_read(pid_t pid, const char *name, char *ret, size_t size);
DS_MUST_CHECK int process_stat(pid_t pid, struct process_stat *ret);
/* The path of the program, without " (deleted)"; ret_deleted may be NULL.  -ENOENT: a kernel
 * thread. */
DS_MUST_CHECK int process_exe(pid_t pid, char *ret, size_t size, bool *ret_deleted);
/* The arguments; argv[0] is NULL when there are none. */
DS_MUST_CHECK int process_args(pid_t pid, struct process_args *ret);
/* The path in the hierarchy that names units, see cgroup_select(). */
DS_MUST_CHECK int process_cgroup(pid_t pid, char *ret, size_t size);
/* Effective uid, or -errno. */
DS_MUST_CHECK int process_uid(pid_t pid, uint32_t *ret);
/* us since the epoch at which the process with these start_ticks began. */
uint64_t process_start_us(uint64_t start_ticks);
/* Calls for each process until it returns other than 0, which is returned; or -errno. */
DS_MUST_CHECK int process_each(int (*call)(pid_t pid, void *ctx), void *ctx);

#endif
