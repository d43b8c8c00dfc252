/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise - keeps one uplink running: starts it, restarts it with back-off, talks to it.
 *
 * What the uplink says is hostile: anything that is not well formed ends that uplink, never the
 * guard.
 */
#ifndef AGENT_GUARD_SUPERVISE_H
#define AGENT_GUARD_SUPERVISE_H

#include "agent/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All strings are borrowed until supervise_done(). */
struct supervise_options {
	const char *program;               /* daemonsec-uplink */
	const char *conf;                  /* given to it with -c */
	const char *sensors;               /* text for its hello */
	const struct agent_config *config; /* for orders */
	int epoll_fd;
	uint32_t tag; /* data.u32 of its socket in the epoll set */
};

void supervise_init(const struct supervise_options *options);
/* Asks it to end, and waits a little. */
void supervise_done(void);
/* Starts it when it is time; returns in how many ms to call again. */
uint64_t supervise_tick(uint64_t now_ms);
/* The socket is readable, writable or closed. */
void supervise_ready(uint64_t now_ms);
/* SIGCHLD: some child has ended. */
void supervise_reap(uint64_t now_ms);
/* The guard's loop wakes up when this descriptor is readable, too; until it is closed.  0 or
 * -errno. */
DS_MUST_CHECK int supervise_watch(int fd);
/* Ends another child of the guard's, if there is one, and closes what connects to it. */
void supervise_end(pid_t *other_child, int *other_fd);
/* Writes what emit has; arms the wait for room in the socket. */
void supervise_flush(uint64_t now_ms, bool all);
/* Tells it of a reload. */
void supervise_reload(void);
/* 0: none runs. */
pid_t supervise_pid(void);

#endif
