/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service - a running daemon as something that can be checked, reloaded, started anew and probed.
 *
 * Through systemd where it runs; else by signals and the command line that was recorded.  Called by
 * reactions on the guard's only thread.
 */
#ifndef AGENT_GUARD_SERVICE_H
#define AGENT_GUARD_SERVICE_H

#include "agent/guard/daemon.h"
#include "agent/guard/process.h"

#define SERVICE_LISTENERS_MAX 64u
#define SERVICE_ENV_MAX       (6u << 10) /* bytes; a bigger environment is left out */

struct service {
	char name[256];     /* the daemon's */
	char unit[256];     /* "" when systemd does not run it */
	char container[80]; /* "" when it is none; its files and ports are not this host's */
	uint32_t owner;     /* of the container: the uid of who made it; 0: root */
	pid_t pid;          /* of the main process */
	uint64_t start_ticks;
	uint32_t uid, gid;
	char exe[1024];
	char cwd[1024];
	struct process_args args; /* without a title over them */
	size_t env_size;
	char env[SERVICE_ENV_MAX]; /* NAME=value, NUL after each */
	bool net_is_ours;          /* listeners can be looked for */
	size_t listeners_len;
	char listeners[SERVICE_LISTENERS_MAX][48]; /* as /proc/net/tcp says their addresses */
};

/* The daemon as it runs now; -ESRCH: it does not. */
DS_MUST_CHECK int service_of(uint32_t number, struct service *ret);
/* The same, of what runs from this very file, which has no name of the daemon's any more: nothing
 * but the file tells whose such a process is, until it is found by its place. */
DS_MUST_CHECK int service_of_file(
    uint32_t number, uint64_t device, uint64_t inode, struct service *ret);
/* A process is going to be killed: if it is a daemon's main one, the daemon is kept as it is now.
 */
void service_keep(pid_t pid);
/* As it was when its main process was killed; -ESRCH: that was not, or is forgotten. */
DS_MUST_CHECK int service_kept(uint32_t number, struct service *ret);
/* The daemon's own check of its configuration: 1 it is good, 0 it is not (why says what it said),
 * -ENOENT none is known, -errno. */
DS_MUST_CHECK int service_check(const struct service *s, char *why, size_t size);
/* 0 or -errno with a sentence. */
DS_MUST_CHECK int service_reload(const struct service *s, char *why, size_t size);
DS_MUST_CHECK int service_restart(const struct service *s, char *why, size_t size);
/* Waits until it runs, began at `since_ticks` or later, and listens: where it did, or anywhere if
 * it read another configuration (moved).  1; 0 when it does not in time (why says what is missing).
 */
int service_probe(
    const struct service *s, uint64_t since_ticks, bool moved, char *why, size_t size);
/* Whether the process itself listens as service_probe() wants it: somebody else at its address is
 * no sign that it is well.  True where that cannot be looked for. */
bool service_listens(const struct service *s, pid_t pid, bool moved, const char **ret_missing);
/* Fills where s->pid listens. */
void service_find_listeners(struct service *s);
/* Its main process by its program and name; 0: none. */
pid_t service_find(const struct service *s, uint64_t since_ticks);
/* The oldest process that runs that very file; 0: none. */
pid_t service_find_file(uint64_t device, uint64_t inode);
/* Whether a process runs, or maps, that very file. */
bool service_maps(pid_t pid, uint64_t device, uint64_t inode);
/* Drops titles that programs write over their arguments; for tests. */
void service_clean_args(struct process_args *args, const char *exe);

#endif
