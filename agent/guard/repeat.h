/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repeat - remembers what every behaviour looked like, so that the counts which the kernel keeps
 * can be told as events.
 *
 * Bounded by number and by bytes: the behaviour that was not seen for the longest time goes, after
 * what was counted of it is told.
 */
#ifndef AGENT_GUARD_REPEAT_H
#define AGENT_GUARD_REPEAT_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the counts are kept; probe's in the guard, a fake in the test. */
struct repeat_counts {
	int (*get)(uint64_t key, uint64_t *ret_count);
	int (*add)(uint64_t key);
	void (*remove)(uint64_t key, uint64_t *ret_count);
	int (*each)(void (*call)(uint64_t key, uint64_t count));
};

/* counts borrows. 0 or -ENOMEM. */
DS_MUST_CHECK int repeat_init(const struct repeat_counts *counts, size_t max_len, size_t max_bytes);
void repeat_done(void);
/* Emits what a sample has become, or counts it.  `counted`: the kernel counts this key already.
 * `full`: send it even when it is known, with what was counted since (EXEC). */
void repeat_event(uint64_t key, struct ds_event *ev, bool counted, bool full);
/* The kernel counts a behaviour that is not told: remembers it, so that it is forgotten in its
 * turn. */
void repeat_mute(uint64_t key);
bool repeat_knows(uint64_t key);
/* Emits what was counted since the last time. */
void repeat_flush(uint64_t now_us);
/* The same for programs that were started lately; each second. */
void repeat_flush_recent(uint64_t now_us);
size_t repeat_len(void);

#endif
