/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots - until when each connection must have sent its request, against peers that send a byte now
 * and then for ever.
 *
 * The listeners' threads set deadlines; one other thread sweeps.  No locks: a slot's state is one
 * atomic.
 */
#ifndef SERVER_API_SLOTS_H
#define SERVER_API_SLOTS_H

#include <stdatomic.h>
#include <stdint.h>

#define SLOTS_MAX 4096u

enum slot_state { SLOT_FREE, SLOT_USED, SLOT_SWEPT };

struct slot {
	_Atomic int state; /* enum slot_state */
	_Atomic int fd;
	_Atomic uint64_t deadline_ms; /* monotonic; 0: none */
};

struct slots {
	struct slot items[SLOTS_MAX];
};

/* NULL: all are used. */
struct slot *slots_take(struct slots *s, int fd, uint64_t deadline_ms);
/* Before the descriptor is closed; NULL is taken. */
void slot_release(struct slot *s);
void slot_set_deadline(struct slot *s, uint64_t deadline_ms);
/* Shuts down what is late; how many. */
unsigned slots_sweep(struct slots *s, uint64_t now_ms);

#endif
