/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hold_perm_part - what the guard and its child say to each other; nobody else includes it. */
#ifndef AGENT_GUARD_HOLD_PERM_PART_H
#define AGENT_GUARD_HOLD_PERM_PART_H

#include "agent/guard/process.h"
#include "lib/compiler.h"

#include <stdint.h>

enum hold_perm_kind {
	HOLD_PERM_READY,    /* child: marks are set; number: -errno when they are not */
	HOLD_PERM_QUESTION, /* child: number is the token; pid, daemon, path */
	HOLD_PERM_PASSED,   /* child: one passed because there was no room */
	HOLD_PERM_PONG,     /* child */
	HOLD_PERM_PING,     /* guard: it lives */
	HOLD_PERM_WANT,     /* guard: daemon is held; number 0: no more */
	HOLD_PERM_KNOW,     /* guard: daemon, path */
	HOLD_PERM_ANSWER,   /* guard: number is the token; pid 1: allow */
};

/* One datagram; text: the daemon, a NUL, the path, a NUL. */
struct hold_perm_message {
	uint32_t kind;
	uint32_t number;
	int32_t pid;
	uint32_t daemon_len, path_len; /* without NUL */
	char text[256 + PROCESS_PATH_MAX + 2];
};

/* 0 or -errno. */
DS_MUST_CHECK int hold_perm_send(int fd, enum hold_perm_kind kind, uint32_t number, pid_t pid,
    const char *daemon, const char *path);
/* 1: one was read, 0: none is there, -EPIPE: the other has ended, -errno. */
DS_MUST_CHECK int hold_perm_read(int fd, struct hold_perm_message *ret);
static inline const char *
hold_perm_path(const struct hold_perm_message *m)
{
	return m->text + m->daemon_len + 1;
}

/* The child's life; does not return. */
_Noreturn void hold_perm_child(int socket_fd, pid_t guard);

#endif
