/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/batcher.h"
#include "lib/batch.h"
#include "lib/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* Urgent batches are small and must not wait; bulk has the time to be smaller still. */
#define URGENT_LEVEL 1
#define BULK_LEVEL   6

struct lane_state {
	struct batcher *batcher;
	enum ds_lane lane;
	struct ds_batch_builder *builder;
	struct event *timer;
	uint32_t window_ms;
	struct spool_mark stored; /* of the guard's stream, in the spool */
	struct spool_mark taken;  /* of the guard's stream, in the builder or the spool */
	uint64_t pending_from;    /* oldest message with events in the builder, 0: none */
};

struct batcher {
	struct lane_state lanes[DS_LANES];
	struct spool *spool;
	struct ds_buf packed;
	uint64_t last_number; /* newest complete message */
	void (*stored)(void *ctx);
	void *ctx;
};

static void
adapt_window(struct lane_state *l, size_t len)
{
	if (l->lane != DS_LANE_URGENT)
		return;
	if (len >= BATCHER_BURST_LEN)
		l->window_ms = DS_MIN(l->window_ms * 2, BATCHER_BURST_MS);
	else
		l->window_ms = DS_MAX(l->window_ms / 2, BATCHER_URGENT_MS);
}

static int
flush_lane(struct lane_state *l)
{
	struct batcher *b = l->batcher;
	size_t len = ds_batch_builder_len(l->builder);
	int r;

	(void)evtimer_del(l->timer); /* a timer that is not pending is no error */
	if (len == 0)
		return 0;
	ds_buf_clear(&b->packed);
	r = ds_batch_pack(
	    l->builder, l->lane == DS_LANE_URGENT ? URGENT_LEVEL : BULK_LEVEL, &b->packed);
	if (r == 0)
		r = spool_append(b->spool, l->lane, b->packed.data, b->packed.len, l->taken);
	if (r < 0) {
		static struct ds_log_rate rate;

		if (ds_log_pass(&rate, 5))
			ds_log(ERROR, "a batch could not be kept", "error=%d events=%zu", r, len);
		return r;
	}
	adapt_window(l, len);
	ds_batch_builder_clear(l->builder);
	if (b->packed.cap > (1u << 20))
		ds_buf_done(&b->packed);
	l->stored = l->taken;
	l->pending_from = 0;
	b->stored(b->ctx);
	return 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct lane_state *l = ctx;

	(void)fd;
	(void)what;
	(void)flush_lane(l); /* told; the events stay for the next try */
}

static int
arm_timer(struct lane_state *l)
{
	uint32_t ms = l->lane == DS_LANE_URGENT ? l->window_ms : BATCHER_BULK_MS;
	const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_pending(l->timer, NULL))
		return 0;
	return evtimer_add(l->timer, &tv) < 0 ? -ENOMEM : 0;
}

static int
add_to_lane(struct lane_state *l, const struct ds_event *ev)
{
	int r = ds_batch_add(l->builder, ev);

	if (r == -ENOSPC) {
		r = flush_lane(l);
		if (r == 0)
			r = ds_batch_add(l->builder, ev);
	}
	if (r == -EINVAL) {
		static struct ds_log_rate rate;

		if (ds_log_pass(&rate, 5))
			ds_log(WARN, "an event is malformed, leaving it out", "kind=%u", ev->kind);
		return 0;
	}
	if (r < 0)
		return r;
	return arm_timer(l);
}

static struct lane_state *
lane_of(struct batcher *b, const struct ds_event *ev)
{
	return &b->lanes[ds_event_is_urgent(ev) ? DS_LANE_URGENT : DS_LANE_BULK];
}

static int
flush_when_large(struct lane_state *l)
{
	if (ds_batch_builder_size(l->builder) < BATCHER_BULK_SIZE &&
	    ds_batch_builder_len(l->builder) < BATCHER_BULK_LEN)
		return 0;
	return flush_lane(l);
}

/* `part` counts the events of the message; a lane's mark counts in the same numbers, so that "up to
 * part k of message n" holds for each lane alone. */
int
batcher_add(struct batcher *b, const struct ds_event *ev, uint64_t number, uint32_t part)
{
	struct lane_state *l = lane_of(b, ev);
	int r;

	if (number <= l->taken.number || (number == l->taken.number + 1 && part < l->taken.part))
		return 0;
	r = add_to_lane(l, ev);
	if (r < 0)
		return r;
	l->taken = (struct spool_mark){ number - 1, part + 1 };
	if (l->pending_from == 0)
		l->pending_from = number;
	return 0;
}

int
batcher_add_own(struct batcher *b, const struct ds_event *ev)
{
	struct lane_state *l = lane_of(b, ev);
	int r = add_to_lane(l, ev);

	return r < 0 ? r : flush_when_large(l);
}

void
batcher_end_message(struct batcher *b, uint64_t number)
{
	b->last_number = DS_MAX(b->last_number, number);
	for (unsigned i = 0; i < DS_LANES; i++) {
		struct lane_state *l = &b->lanes[i];

		if (l->taken.number < number)
			l->taken = (struct spool_mark){ number, 0 };
		if (ds_batch_builder_len(l->builder) == 0)
			l->stored = l->taken;
		(void)flush_when_large(l); /* told; the events stay for the next try */
	}
}

uint64_t
batcher_confirmed(const struct batcher *b)
{
	uint64_t confirmed = b->last_number;

	for (unsigned i = 0; i < DS_LANES; i++)
		if (b->lanes[i].pending_from != 0)
			confirmed = DS_MIN(confirmed, b->lanes[i].pending_from - 1);
	return confirmed;
}

void
batcher_flush(struct batcher *b)
{
	for (unsigned i = 0; i < DS_LANES; i++)
		(void)flush_lane(&b->lanes[i]); /* told */
}

static int
init_lane(struct batcher *b, enum ds_lane lane, struct event_base *base)
{
	struct lane_state *l = &b->lanes[lane];

	*l = (struct lane_state){ .batcher = b, .lane = lane, .window_ms = BATCHER_URGENT_MS };
	l->taken = l->stored = spool_mark(b->spool, lane);
	l->builder = ds_batch_builder_new();
	l->timer = evtimer_new(base, on_timer, l);
	return l->builder != NULL && l->timer != NULL ? 0 : -ENOMEM;
}

struct batcher *
batcher_new(struct event_base *base, struct spool *spool, void (*stored)(void *ctx), void *ctx)
{
	struct batcher *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->spool = spool;
	b->stored = stored;
	b->ctx = ctx;
	ds_buf_init(&b->packed, DS_BATCH_PACKED_MAX);
	if (init_lane(b, DS_LANE_URGENT, base) < 0 || init_lane(b, DS_LANE_BULK, base) < 0) {
		batcher_free(b);
		return NULL;
	}
	return b;
}

void
batcher_free(struct batcher *b)
{
	if (b == NULL)
		return;
	for (unsigned i = 0; i < DS_LANES; i++) {
		ds_batch_builder_free(b->lanes[i].builder);
		if (b->lanes[i].timer != NULL)
			event_free(b->lanes[i].timer);
	}
	ds_buf_done(&b->packed);
	free(b);
}
