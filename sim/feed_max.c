/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed_max - batches made before the run, sent as fast as the server acknowledges them; and the
 * feed that sends nothing.
 *
 * Each agent uses the batches of one prepared stream: first the one in which its daemons introduce
 * themselves, then the others round and round.  Making them costs nothing while the server is
 * measured.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "sim/feed.h"
#include "sim/stream.h"

#include <errno.h>
#include <stdlib.h>

#define CYCLE      8u  /* batches of a stream after the first */
#define SPAN_S     600 /* how much time a stream's batches cover */
#define PACK_LEVEL 6

struct max {
	struct feed_max_config cfg;
	struct parcel **parcels; /* 1 + CYCLE for each stream */
};

/* Of an agent: where it is in its stream. */
struct place {
	struct parcel **parcels;
	unsigned next;
};

static void
max_close(struct fleet *f)
{
	struct max *m = f->feed;

	if (m == NULL)
		return;
	for (size_t i = 0; m->parcels != NULL && i < (size_t)m->cfg.streams * (1 + CYCLE); i++)
		parcel_free(m->parcels[i]);
	free(m->parcels);
	free(m);
	f->feed = NULL;
}

static struct parcel *
parcel_make(struct fleet *f, struct sim_stream *s, unsigned events)
{
	struct ds_buf packed;
	struct ds_event ev;
	struct parcel *p = NULL;
	int r = 0;

	for (unsigned i = 0; i < events && r == 0; i++) {
		sim_stream_next(s, &ev);
		r = ds_batch_add(f->builder, &ev);
	}
	ds_buf_init(&packed, DS_BATCH_PACKED_MAX + (1u << 20));
	if (ds_batch_pack(f->builder, PACK_LEVEL, &packed) == 0)
		p = parcel_new(&packed, f->scratch);
	ds_batch_builder_clear(f->builder);
	ds_buf_done(&packed);
	if (p != NULL)
		p->is_shared = true;
	return p;
}

static int
stream_prepare(struct fleet *f, struct max *m, uint32_t number)
{
	struct parcel **at = m->parcels + (size_t)number * (1 + CYCLE);
	double rate = (double)m->cfg.batch * (1 + CYCLE) / SPAN_S;
	struct sim_stream s;

	sim_stream_init(&s, f->cfg.seed, number, ds_clock_wall_us() - SPAN_S * DS_US_PER_S, rate);
	for (unsigned i = 0; i < 1 + CYCLE; i++) {
		at[i] = parcel_make(f, &s, m->cfg.batch);
		if (at[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
max_open(struct fleet *f)
{
	const struct feed_max_config *cfg = f->cfg.feed_config;
	struct max *m = calloc(1, sizeof(*m));
	int r = 0;

	if (m == NULL)
		return -ENOMEM;
	f->feed = m;
	m->cfg = *cfg;
	m->cfg.streams = DS_MIN(m->cfg.streams, f->cfg.agents);
	m->parcels = calloc((size_t)m->cfg.streams * (1 + CYCLE), sizeof(struct parcel *));
	if (m->parcels == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->cfg.streams && r == 0; i++)
		r = stream_prepare(f, m, i);
	if (r < 0)
		ds_log(ERROR, "cannot prepare batches", "events=%u", m->cfg.batch);
	return r;
}

static int
max_begin(struct agent *a)
{
	struct max *m = a->fleet->feed;
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->parcels = m->parcels + (size_t)(a->number % m->cfg.streams) * (1 + CYCLE);
	a->feed = p;
	return 0;
}

static void
max_end(struct agent *a)
{
	free(a->feed);
	a->feed = NULL;
}

static int
max_refill(struct agent *a)
{
	const struct max *m = a->fleet->feed;
	struct place *p = a->feed;
	int r = 0;

	while (a->lane[DS_LANE_BULK].len < m->cfg.window && r == 0) {
		r = outbox_push(&a->lane[DS_LANE_BULK], p->parcels[p->next]);
		p->next = p->next == CYCLE ? 1 : p->next + 1;
	}
	return r;
}

const struct feed feed_max = {
	.name = "max",
	.open = max_open,
	.close = max_close,
	.begin = max_begin,
	.end = max_end,
	.refill = max_refill,
};

const struct feed feed_idle = { .name = "idle" };
