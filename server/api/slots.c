/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots - see slots.h.  The sweeper holds a slot (SWEPT) while it shuts its descriptor down, so
 * that the descriptor cannot be closed and given to somebody else meanwhile.
 */
#include "server/api/slots.h"

#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>

struct slot *
slots_take(struct slots *s, int fd, uint64_t deadline_ms)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &s->items[i];
		int was = SLOT_FREE;

		if (!atomic_compare_exchange_strong(&slot->state, &was, SLOT_USED))
			continue;
		slot->fd = fd;
		slot->deadline_ms = deadline_ms;
		return slot;
	}
	return NULL;
}

void
slot_release(struct slot *s)
{
	int used = SLOT_USED;

	if (s == NULL)
		return;
	s->deadline_ms = 0; /* whoever takes it next is left alone until its own is set */
	/* The sweeper holds it for one system call. */
	while (!atomic_compare_exchange_weak(&s->state, &used, SLOT_FREE)) {
		used = SLOT_USED;
		sched_yield();
	}
}

void
slot_set_deadline(struct slot *s, uint64_t deadline_ms)
{
	if (s != NULL)
		s->deadline_ms = deadline_ms;
}

unsigned
slots_sweep(struct slots *s, uint64_t now_ms)
{
	unsigned n = 0;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &s->items[i];
		int used = SLOT_USED;

		if (slot->deadline_ms == 0 || now_ms < slot->deadline_ms ||
		    !atomic_compare_exchange_strong(&slot->state, &used, SLOT_SWEPT))
			continue;
		if (slot->deadline_ms != 0 && now_ms >= slot->deadline_ms) {
			shutdown(slot->fd, SHUT_RDWR);
			slot->deadline_ms = 0;
			n++;
		}
		slot->state = SLOT_USED;
	}
	return n;
}
