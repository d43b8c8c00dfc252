/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence - what is kept of a process before something is done to it: who it is, what is above and
 * below it, its open files and sockets.
 */
#ifndef AGENT_GUARD_EVIDENCE_H
#define AGENT_GUARD_EVIDENCE_H

#include "agent/guard/reaction.h"

#include <sys/types.h>

/* Adds keys to call->evidence.  The program's hash is among them when the program is small or was
 * hashed before; else its file is left in call->exe_fd.  What cannot be read is left out. */
void evidence_process(struct reaction_call *call, pid_t pid);
/* The hash of call->exe_fd as key exe_sha256, when it is there, not too big, and can be read in time
 * (else key exe_unread); closes it. */
void evidence_hash(struct reaction_call *call);

#endif
