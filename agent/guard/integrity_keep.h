/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_keep - watched files and the vault: what a path was when the guard last ran, and copies
 * of what it is.
 *
 * Called by integrity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_INTEGRITY_KEEP_H
#define AGENT_GUARD_INTEGRITY_KEEP_H

#include "agent/guard/integrity_table.h"

/* The last state the vault knows; false: none. */
bool integrity_recall(const struct watched_file *f, struct file_state *ret);
/* Wants `now` in the vault; trusted: it may be gone back to by itself.  before: NULL at first. */
void integrity_want(struct watched_file *f, const struct file_state *before, bool trusted);
/* Keeps one of those that are wanted; whether there was one. */
bool integrity_keep_one(void);

#endif
