/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hold_known - which programs a daemon has started before, kept in guard_dir/known; for hold. */
#ifndef AGENT_GUARD_HOLD_KNOWN_H
#define AGENT_GUARD_HOLD_KNOWN_H

#include "lib/compiler.h"

#include <stdbool.h>

#define HOLD_KNOWN_MAX 8192u

DS_MUST_CHECK int hold_known_open(const char *guard_dir);
void hold_known_close(void);
bool hold_known_has(const char *daemon, const char *exe);
/* Adds it, and to the kernel's map when the daemon is one that is held. */
void hold_known_add(const char *daemon, const char *exe);
/* Only here, in memory; whether it was new. */
bool hold_known_note(const char *daemon, const char *exe);
/* All of a daemon into the kernel's map. */
void hold_known_push(const char *daemon);
/* Calls for each of a daemon. */
void hold_known_each(const char *daemon, void (*call)(const char *exe, void *ctx), void *ctx);
/* What was added to disk. */
void hold_known_flush(void);

#endif
