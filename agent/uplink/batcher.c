/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/batcher.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* Urgent batches are small and must not wait; bulk has the time to be smaller still. */
#define URGENT_LEVEL 1
#define BULK_LEVEL   6
#define RETRY_MS     500u
#define OWN_MAX      (1u << 20) /* bytes of our own events while the spool takes none */

struct lane_state {
	struct batcher *batcher;
	enum ds_lane lane;
	struct ds_batch_builder *builder;
	struct event *timer;
	uint32_t window_ms;
	uint64_t flushed_at_ms;
	uint64_t paid_until_ms;   /* a batch of the urgent lane costs a window */
	struct spool_mark stored; /* of the guard's stream, in the spool */
	struct spool_mark taken;  /* of the guard's stream, in the builder or the spool */
	uint64_t pending_from;    /* oldest message with events in the builder, 0: none */
};

struct batcher {
	struct lane_state lanes[DS_LANES];
	struct spool *spool;
	struct ds_buf packed, notes;
	uint64_t last_number; /* newest complete message */
	uint32_t held;        /* events taken since bulk was flushed */
	bool is_stuck;
	int (*get_notes)(struct ds_buf *ret, void *ctx);
	void *notes_ctx;
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
	else if (len < BATCHER_BURST_LEN / 2)
		l->window_ms = DS_MAX(l->window_ms / 2, BATCHER_URGENT_MS);
	l->flushed_at_ms = ds_clock_monotonic_ms();
	l->paid_until_ms = DS_MAX(l->paid_until_ms, l->flushed_at_ms) + l->window_ms;
}

static void
arm(struct lane_state *l, uint32_t ms)
{
	const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(l->timer, &tv) < 0)
		ds_log(ERROR, "no memory for a timer", "%s", "");
}

/* Where the readers stand, when that is news to the spool; else nothing. */
static void
read_notes(struct batcher *b)
{
	size_t size;
	const void *known = spool_notes(b->spool, &size);

	ds_buf_clear(&b->notes);
	if (b->get_notes == NULL || b->get_notes(&b->notes, b->notes_ctx) < 0 ||
	    (b->notes.len == size && memcmp(b->notes.data, known, size) == 0))
		ds_buf_clear(&b->notes);
}

static int
append(struct lane_state *l, size_t len)
{
	struct batcher *b = l->batcher;
	struct spool_origin origin = { .events = (uint32_t)len };

	ds_buf_clear(&b->notes);
	if (l->lane == DS_LANE_URGENT)
		read_notes(b);
	origin.notes = b->notes.data;
	origin.notes_size = b->notes.len;
	for (unsigned i = 0; i < DS_LANES; i++)
		origin.marks[i] = b->lanes[i].stored;
	origin.marks[l->lane] = l->taken;
	return spool_append(b->spool, (uint8_t)l->lane, b->packed.data, b->packed.len, &origin);
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
		r = append(l, len);
	if (r < 0) {
		static struct ds_log_rate rate;

		if (ds_log_pass(&rate, 5))
			ds_log(
			    ERROR, "a batch could not be kept yet", "error=%d events=%zu", r, len);
		b->is_stuck = true;
		arm(l, RETRY_MS);
		return r;
	}
	b->is_stuck = false;
	if (l->lane == DS_LANE_BULK)
		b->held = 0;
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

static void
arm_window(struct lane_state *l)
{
	uint64_t now_ms = ds_clock_monotonic_ms(), due_ms;

	if (evtimer_pending(l->timer, NULL))
		return;
	if (l->lane == DS_LANE_BULK) {
		arm(l, l->window_ms);
		return;
	}
	if (now_ms - l->flushed_at_ms > BATCHER_CALM_MS)
		l->window_ms = BATCHER_URGENT_MS;
	/* What was read in the same turn goes with it all the same. */
	due_ms = l->paid_until_ms - DS_MIN(l->paid_until_ms, BATCHER_CREDIT_MS);
	arm(l, due_ms > now_ms ? (uint32_t)(due_ms - now_ms) : 0);
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
	arm_window(l);
	return 0;
}

static struct lane_state *
lane_of(struct batcher *b, const struct ds_event *ev)
{
	return &b->lanes[ds_event_is_urgent(ev) ? DS_LANE_URGENT : DS_LANE_BULK];
}

static bool
is_large(const struct lane_state *l)
{
	return ds_batch_builder_size(l->builder) >= BATCHER_BULK_SIZE ||
	       ds_batch_builder_len(l->builder) >= BATCHER_BULK_LEN;
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
	b->held++;
	return 0;
}

int
batcher_add_own(struct batcher *b, const struct ds_event *ev)
{
	struct lane_state *l = lane_of(b, ev);
	int r;

	if (b->is_stuck && ds_batch_builder_size(l->builder) > OWN_MAX)
		return -ENOSPC;
	r = add_to_lane(l, ev);
	/* Not flushed here: who gave the event counts it as given only once we return, and its
	 * notes must fit what is in the record. */
	if (r == 0 && is_large(l))
		arm(l, 0);
	return r;
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
		if (is_large(l) && !b->is_stuck)
			(void)flush_lane(l); /* told; the events stay for the next try */
	}
	if (ds_batch_builder_len(b->lanes[DS_LANE_BULK].builder) == 0)
		b->held = 0;
	if (b->held >= BATCHER_HELD_LEN && !b->is_stuck)
		(void)flush_lane(&b->lanes[DS_LANE_BULK]); /* told */
}

uint64_t
batcher_confirmed(const struct batcher *b)
{
	uint64_t confirmed = b->last_number;

	for (uint8_t i = 0; i < DS_LANES; i++) {
		if (b->lanes[i].pending_from != 0)
			confirmed = DS_MIN(confirmed, b->lanes[i].pending_from - 1);
		confirmed = DS_MIN(confirmed, spool_unsafe_after(b->spool, i));
	}
	return confirmed;
}

bool
batcher_is_stuck(const struct batcher *b)
{
	return b->is_stuck;
}

void
batcher_settle(struct batcher *b)
{
	for (uint8_t i = 0; i < DS_LANES; i++)
		if (ds_batch_builder_len(b->lanes[i].builder) == 0)
			spool_set_mark(b->spool, i, b->lanes[i].stored);
	if (ds_batch_builder_len(b->lanes[DS_LANE_URGENT].builder) > 0 || b->get_notes == NULL)
		return;
	read_notes(b);
	if (b->notes.len > 0)
		spool_set_notes(b->spool, b->notes.data, b->notes.len);
}

void
batcher_set_notes(struct batcher *b, int (*notes)(struct ds_buf *ret, void *ctx), void *ctx)
{
	b->get_notes = notes;
	b->notes_ctx = ctx;
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

	*l = (struct lane_state){ .batcher = b,
		.lane = lane,
		.window_ms = lane == DS_LANE_URGENT ? BATCHER_URGENT_MS : BATCHER_BULK_MS };
	l->taken = l->stored = spool_mark(b->spool, (uint8_t)lane);
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
	ds_buf_init(&b->notes, SPOOL_NOTES_MAX);
	if (init_lane(b, DS_LANE_URGENT, base) < 0 || init_lane(b, DS_LANE_BULK, base) < 0) {
		batcher_free(b);
		return NULL;
	}
	return b;
}

void
batcher_set_bulk_ms(struct batcher *b, uint32_t ms)
{
	b->lanes[DS_LANE_BULK].window_ms = ms;
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
	ds_buf_done(&b->notes);
	free(b);
}
