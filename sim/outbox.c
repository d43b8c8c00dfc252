/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outbox - batches waiting for their ack; on the simulator's only thread. */
#include "sim/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct parcel *
parcel_new(struct ds_buf *packed, struct ds_batch *scratch)
{
	struct parcel *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	if (tally_add_batch(&p->tally, scratch, packed->data, packed->len) < 0) {
		tally_done(&p->tally);
		free(p);
		return NULL;
	}
	p->events = (uint32_t)tally_events(&p->tally);
	p->bytes = packed->data;
	p->size = packed->len;
	ds_buf_init(packed, packed->max);
	return p;
}

void
parcel_free(struct parcel *p)
{
	if (p == NULL)
		return;
	free(p->bytes);
	tally_done(&p->tally);
	free(p);
}

void
outbox_done(struct outbox *o)
{
	while (o->len > 0)
		outbox_pop(o);
	free(o->ring);
	*o = (struct outbox){ 0 };
}

static struct letter *
letter_at(struct outbox *o, size_t index)
{
	return &o->ring[(o->head + index) & (o->cap - 1)];
}

static int
ring_grow(struct outbox *o)
{
	size_t cap = o->cap ? 2 * o->cap : 8;
	struct letter *ring = malloc(cap * sizeof(*ring));

	if (ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < o->len; i++)
		ring[i] = *letter_at(o, i);
	free(o->ring);
	o->ring = ring;
	o->cap = cap;
	o->head = 0;
	return 0;
}

int
outbox_push(struct outbox *o, struct parcel *p)
{
	if (o->len == o->cap && ring_grow(o) < 0)
		return -ENOMEM;
	o->len++;
	o->unsent++;
	*letter_at(o, o->len - 1) = (struct letter){ .seq = ++o->last_seq, .parcel = p };
	return 0;
}

struct letter *
outbox_next(struct outbox *o)
{
	return o->unsent > 0 ? letter_at(o, o->len - o->unsent) : NULL;
}

void
outbox_sent(struct outbox *o)
{
	o->unsent--;
}

void
outbox_rewind(struct outbox *o)
{
	o->unsent = o->len;
}

struct letter *
outbox_acked(struct outbox *o, uint64_t seq)
{
	return o->len > 0 && letter_at(o, 0)->seq <= seq ? letter_at(o, 0) : NULL;
}

void
outbox_pop(struct outbox *o)
{
	struct parcel *p = letter_at(o, 0)->parcel;

	if (!p->is_shared)
		parcel_free(p);
	o->head = (o->head + 1) & (o->cap - 1);
	o->len--;
	if (o->unsent > o->len)
		o->unsent = o->len;
}
