/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_perm - holding without BPF: the kernel asks (fanotify, FAN_OPEN_EXEC_PERM) whether a program
 * may be opened to be executed; for hold.
 *
 * The kernel waits with every start on the host until it is answered, so a child of the guard that
 * does nothing else answers, at once for all that is not held; the guard hears only of the rest.
 * Only the child has the descriptor: when it, or the guard, ends, the kernel lets everything pass.
 */
#ifndef AGENT_GUARD_HOLD_PERM_H
#define AGENT_GUARD_HOLD_PERM_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A process waits in the kernel at the start of a program that is new for its daemon. */
struct hold_perm_question {
	uint32_t token; /* > 0 */
	pid_t pid;
	const char *daemon, *exe; /* borrowed */
};

/* Starts the child if it does not run, and adds its socket to the guard's epoll set.  0 or -errno:
 * this kernel cannot. */
DS_MUST_CHECK int hold_perm_start(void);
void hold_perm_stop(void);
bool hold_perm_is_on(void);
/* A daemon is held from now on, or no more. */
void hold_perm_want(const char *daemon, bool on);
/* A program is known from now on. */
void hold_perm_know(const char *daemon, const char *exe);
/* The process goes on, or its start fails (kill it before). */
void hold_perm_answer(uint32_t token, bool allow);
/* Calls for each question that has come. */
void hold_perm_drain(void (*call)(const struct hold_perm_question *q));
/* About once a second: tells the child that we are here, and ends one that is not. */
void hold_perm_tick(void);

#endif
