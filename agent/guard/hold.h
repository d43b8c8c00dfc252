/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold - mode prevent: what a watched daemon starts for the first time is stopped in the kernel
 * before its first instruction, until somebody says whether it may run.
 *
 * Known programs are never stopped: their keys are in a map of the kernel side.  Without an answer
 * in time [reaction] hold_default decides.  A child process of ours and a file in guard_dir know
 * who is stopped, so that a guard that dies leaves nobody behind.  Where BPF cannot stop anybody,
 * fanotify asks before a program is opened, see hold_perm.  The guard's only thread.
 */
#ifndef AGENT_GUARD_HOLD_H
#define AGENT_GUARD_HOLD_H

#include "agent/config.h"
#include "lib/order.h"

struct probe_sample;
struct sample;
struct daemon;

/* Lets go on what a guard before us left stopped. */
void hold_init(const struct agent_config *config, const char *guard_dir);
/* Lets everything go on. */
void hold_done(void);
/* Holds the new programs of a daemon from now on, or no more.  0; -EOPNOTSUPP: this kernel cannot;
 * -ENOSPC. */
DS_MUST_CHECK int hold_daemon(const char *name, bool on);
bool hold_is_on(const char *name);
/* Only remembers it, without an effect: for the child that answers the kernel.  0 or -ENOSPC. */
int hold_note(const char *name, bool on);
/* A process was stopped. */
void hold_sample(const struct probe_sample *sample);
/* A daemon is here: it may be one whose programs are held. */
void hold_seen(const struct daemon *d);
/* A program that a daemon started while it was only watched. */
void hold_learn(const char *daemon, const char *exe);
/* A connection was refused because its destination is strange. */
void hold_connect_sample(const struct probe_sample *sample);
/* A destination that a daemon connected to while it was only watched. */
void hold_learn_connect(const char *daemon, const struct sample *s);
/* Whether connections are held, too. */
bool hold_net_is_on(void);
/* The answer to a question: 0, -ENOENT: there is no such question (any more), -errno. */
DS_MUST_CHECK int hold_answer(const uint8_t id[DS_ORDER_ID_SIZE], unsigned answer);
/* Decides what is overdue; in how many ms something is due again, UINT64_MAX: nothing. */
uint64_t hold_tick(uint64_t now_ms);
/* How many wait for an answer. */
size_t hold_len(void);

#endif
