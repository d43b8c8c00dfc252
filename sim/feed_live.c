/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed_live - streams in real time, each event when it is due; with a past to catch up with, and
 * attacks, for the demo.
 *
 * What is urgent goes into the urgent lane, the rest into the bulk lane, as a real uplink does.  An
 * agent whose outbox is full waits: its events come later, none is left out.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "sim/attack.h"
#include "sim/feed.h"
#include "sim/stream.h"

#include <errno.h>
#include <stdlib.h>

#define OUTBOX_MAX 64u    /* batches waiting in a lane */
#define BATCH_MAX  16384u /* events in a batch, while catching up */
#define WAVE_HOSTS 5u

struct live {
	struct feed_live_config cfg;
	struct ds_batch_builder *urgent; /* the fleet's builder is for bulk */
	uint64_t next_attack_us, attack_number;
};

struct live_agent {
	struct sim_stream stream;
	struct ds_event ahead; /* taken from the stream, not due yet */
	bool has_ahead;
	uint64_t next_flush_us;
	struct attack_run attack;
};

static int
live_open(struct fleet *f)
{
	struct live *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	f->feed = l;
	l->cfg = *(const struct feed_live_config *)f->cfg.feed_config;
	l->urgent = ds_batch_builder_new();
	l->next_attack_us = ds_clock_wall_us() + l->cfg.attack_ms * 1000;
	return l->urgent != NULL ? 0 : -ENOMEM;
}

static void
live_close(struct fleet *f)
{
	struct live *l = f->feed;

	if (l == NULL)
		return;
	ds_batch_builder_free(l->urgent);
	free(l);
	f->feed = NULL;
}

static int
live_begin(struct agent *a)
{
	const struct live *l = a->fleet->feed;
	struct live_agent *mine = calloc(1, sizeof(*mine));

	if (mine == NULL)
		return -ENOMEM;
	a->feed = mine;
	sim_stream_init(&mine->stream, a->fleet->cfg.seed, a->number,
	    ds_clock_wall_us() - l->cfg.history_us, l->cfg.events_per_s / a->fleet->cfg.agents);
	return 0;
}

static void
live_end(struct agent *a)
{
	free(a->feed);
	a->feed = NULL;
}

static int
event_add(struct agent *a, const struct ds_event *ev)
{
	struct live *l = a->fleet->feed;
	bool is_urgent = ds_event_is_urgent(ev);
	struct ds_batch_builder *b = is_urgent ? l->urgent : a->fleet->builder;
	int r = ds_batch_add(b, ev);

	if (r != -ENOSPC && ds_batch_builder_len(b) < BATCH_MAX)
		return r;
	if (r == 0)
		return agent_pack(a, is_urgent ? DS_LANE_URGENT : DS_LANE_BULK, b);
	r = agent_pack(a, is_urgent ? DS_LANE_URGENT : DS_LANE_BULK, b);
	return r < 0 ? r : ds_batch_add(b, ev);
}

/* Everything due by now, as long as there is room. */
static int
events_take(struct agent *a, uint64_t now_us)
{
	struct live_agent *mine = a->feed;
	struct ds_event ev;
	int r = 0;

	while (r == 0 && a->lane[DS_LANE_BULK].len < OUTBOX_MAX &&
	       a->lane[DS_LANE_URGENT].len < OUTBOX_MAX) {
		if (!mine->has_ahead)
			sim_stream_next(&mine->stream, &mine->ahead);
		mine->has_ahead = mine->ahead.time_us > now_us;
		if (mine->has_ahead)
			break;
		r = event_add(a, &mine->ahead);
	}
	while (r == 0 && attack_next(&mine->attack, now_us, &ev))
		r = event_add(a, &ev);
	return r;
}

/* Begins the next attack on a host, or on several. */
static void
attack_start(struct fleet *f, struct live *l, uint64_t now_us)
{
	const struct attack *attack = &attack_table[l->attack_number++ % attack_table_len];
	unsigned hosts = attack->is_wave ? WAVE_HOSTS : 1;

	l->next_attack_us =
	    now_us +
	    (l->cfg.attack_ms / 2 + sim_below(&f->random, (uint32_t)l->cfg.attack_ms)) * 1000;
	for (unsigned i = 0; i < hosts; i++) {
		struct agent *victim = &f->agents[sim_below(&f->random, f->cfg.agents)];
		struct live_agent *theirs = victim->feed;

		if (theirs == NULL || theirs->attack.attack != NULL)
			continue;
		attack_begin(&theirs->attack, attack, now_us);
		ds_log(INFO, "attack", "name=%s host=sim-%05u", attack->name, victim->number);
	}
}

static int
live_visit(struct agent *a)
{
	struct live *l = a->fleet->feed;
	struct live_agent *mine = a->feed;
	uint64_t now_us = ds_clock_wall_us();
	int r;

	if (l->cfg.has_attacks && now_us >= l->next_attack_us)
		attack_start(a->fleet, l, now_us);
	if (now_us < mine->next_flush_us)
		return 0;
	mine->next_flush_us = now_us + l->cfg.flush_ms * 1000;
	r = events_take(a, now_us);
	if (r == 0)
		r = agent_pack(a, DS_LANE_URGENT, l->urgent);
	if (r == 0)
		r = agent_pack(a, DS_LANE_BULK, a->fleet->builder);
	ds_batch_builder_clear(l->urgent);
	ds_batch_builder_clear(a->fleet->builder);
	return r;
}

const struct feed feed_live = {
	.name = "live",
	.open = live_open,
	.close = live_close,
	.begin = live_begin,
	.end = live_end,
	.visit = live_visit,
	.refill = live_visit,
};
