/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batcher - collects events into batches and gives them to the spool.
 *
 * On the uplink's only thread.  Urgent events leave at once, with what was read in the same turn,
 * and a few times in a row; from then on each 2 ms, so that what happens together travels together.
 * Under a burst the window grows up to 64 ms: a storm makes large batches and not many.  Bulk
 * leaves by size or age.  Events come from the guard, in numbered messages, or from the uplink
 * itself (logins, its own gaps), which the guard's numbers do not know.
 */
#ifndef AGENT_UPLINK_BATCHER_H
#define AGENT_UPLINK_BATCHER_H

#include "agent/uplink/spool.h"
#include "lib/event.h"

struct batcher;
struct event_base;

#define BATCHER_BULK_SIZE (128u << 10) /* bytes before compression */
#define BATCHER_BULK_LEN  8192u        /* events */
#define BATCHER_BULK_MS   30000u       /* until told otherwise */
/* A bulk event that waits keeps all messages after its own from being confirmed, and the guard
 * keeps those: it waits for so many others at most. */
#define BATCHER_HELD_LEN  2048u
#define BATCHER_URGENT_MS 2u
#define BATCHER_CREDIT_MS 8u /* of windows that are not waited for */
#define BATCHER_BURST_MS  64u
#define BATCHER_BURST_LEN 8u   /* events in a window that count as a burst */
#define BATCHER_CALM_MS   250u /* without urgent events: the next one leaves at once again */

/* stored: called after something went into the spool (then the guard can be told, the link woken).
 * NULL: no memory.  spool is borrowed. */
struct batcher *batcher_new(
    struct event_base *base, struct spool *spool, void (*stored)(void *ctx), void *ctx);
/* notes: appends where those who give events of our own stand; it travels in the same record as
 * the events. */
void batcher_set_notes(struct batcher *b, int (*notes)(struct ds_buf *ret, void *ctx), void *ctx);
/* How long bulk waits for more of it, from the next batch on. */
void batcher_set_bulk_ms(struct batcher *b, uint32_t ms);
void batcher_free(struct batcher *b);
/* One event of the guard's message `number`; `part` counts the message's events from 0.  What an
 * earlier run has stored already is passed over.  -ENOMEM. */
DS_MUST_CHECK int batcher_add(
    struct batcher *b, const struct ds_event *ev, uint64_t number, uint32_t part);
/* An event of the uplink's own.  -ENOSPC: neither disk nor memory takes more. */
DS_MUST_CHECK int batcher_add_own(struct batcher *b, const struct ds_event *ev);
/* The message `number` is complete. */
void batcher_end_message(struct batcher *b, uint64_t number);
/* Everything up to this message of the guard is on disk, or committed by the server. */
uint64_t batcher_confirmed(const struct batcher *b);
/* Everything to the spool, now. */
void batcher_flush(struct batcher *b);
/* The spool takes no more for now: read no more from the guard.  Tried again by itself; stored() is
 * called when it works. */
bool batcher_is_stuck(const struct batcher *b);
/* Lets the spool keep marks and notes that no event came with. */
void batcher_settle(struct batcher *b);

#endif
