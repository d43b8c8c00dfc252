/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox - the packed batches of one lane of a simulated agent that the server has not committed
 * yet: what a real agent's spool is, in memory.
 */
#ifndef SIM_OUTBOX_H
#define SIM_OUTBOX_H

#include "sim/tally.h"

/* A packed batch and what is in it.  Prepared ones are shared by many agents. */
struct parcel {
	uint8_t *bytes;
	size_t size;
	uint32_t events;
	bool is_shared; /* not the outbox's to free */
	struct tally tally;
};

/* Takes the bytes of `packed`; the tally is computed with `scratch`.  NULL on failure. */
struct parcel *parcel_new(struct ds_buf *packed, struct ds_batch *scratch);
void parcel_free(struct parcel *p);

struct letter {
	uint64_t seq;
	struct parcel *parcel;
	uint64_t sent_us; /* boot clock; 0: not sent on any connection yet */
};

struct outbox {
	struct letter *ring;
	size_t cap, head, len;
	size_t unsent;     /* of the newest: not sent on this connection yet */
	uint64_t last_seq; /* given out */
};

void outbox_done(struct outbox *o);
/* Gives the parcel the next number; it is the outbox's then, unless shared.  -ENOMEM. */
DS_MUST_CHECK int outbox_push(struct outbox *o, struct parcel *p);
/* The next one to be sent on this connection, or NULL; sent() moves on. */
struct letter *outbox_next(struct outbox *o);
void outbox_sent(struct outbox *o);
/* A new connection: all that is left is sent again. */
void outbox_rewind(struct outbox *o);
/* The oldest, when its number is at most `seq`: the caller looks at it, then pops it. */
struct letter *outbox_acked(struct outbox *o, uint64_t seq);
void outbox_pop(struct outbox *o);

#endif
