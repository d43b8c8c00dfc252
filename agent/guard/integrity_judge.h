/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_judge - what a change of a watched file means, and its event.
 *
 * Called by integrity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_INTEGRITY_JUDGE_H
#define AGENT_GUARD_INTEGRITY_JUDGE_H

#include "agent/guard/integrity_table.h"

enum integrity_verdict {
	INTEGRITY_SAME,      /* nothing that matters differs */
	INTEGRITY_TOLD,      /* an event was emitted, nothing explains the change */
	INTEGRITY_EXPLAINED, /* and the package database or the daemon itself does */
	INTEGRITY_POSTPONED  /* ask again when f->due_ms comes */
};

struct integrity_change {
	const struct file_state *before, *now;
	int fd;       /* of the contents; -1: there are none */
	bool initial; /* it happened while nobody looked */
};

/* Compares, asks the package database, tells.  Remembers in f what the database said. */
enum integrity_verdict integrity_judge(
    struct watched_file *f, const struct integrity_change *change, uint64_t now_ms);
/* Who that is, now: it may end any moment. */
void integrity_note_changer(struct watched_file *f, pid_t pid);
/* The database's word about a file whose first state was read. */
void integrity_ask_package(struct watched_file *f, int fd);

#endif
