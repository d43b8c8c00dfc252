/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fold - folds what happens again and again: the first time in full, then counted.
 *
 * For sensors that cannot count in the kernel (the fallbacks).  Bounded: when the table is full,
 * what was not seen for longest is told and forgotten, and would be a first time again.
 */
#ifndef AGENT_GUARD_SENSORS_FOLD_H
#define AGENT_GUARD_SENSORS_FOLD_H

#include "lib/event.h"

/* Counted repeats are told every interval_ms. */
void fold_init(uint64_t interval_ms);
void fold_done(void);
/* Emits the event with DS_FLAG_FIRST when the daemon (ev->daemon) never did this (kind and key);
 * else counts it, to be told with DS_FLAG_REPEAT.  Starts of programs are told in full again, once
 * a second. */
void fold_event(struct ds_event *ev, const void *key, size_t len);
/* Tells what is due; to be called about once a second. */
void fold_tick(uint64_t now_ms);

#endif
