/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decide - answers the kernel side's questions: which daemon a process is of, after it executed
 * something, came into another cgroup, or began to listen.
 *
 * Each question has a key and is asked once: the answer is left in the kernel.
 */
#ifndef AGENT_GUARD_DECIDE_H
#define AGENT_GUARD_DECIDE_H

#include "agent/guard/daemon.h"
#include "agent/guard/probe.h"

void decide_init(void);
/* About all processes of this host; at the start and after a reload. */
void decide_all(void);
/* The daemon that a sample is of, decided when that is due; NULL: none. */
const struct daemon *decide_sample(const struct probe_sample *sample);

#endif
