/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed_replay - sends a recording again, with its clocks moved.
 *
 * At a speed, the first recorded event happens now and the others follow at that speed; at speed 0
 * all is sent at once and the last one happened now, or as long ago as is wanted, after so many
 * repetitions of the whole: hours of a fleet are days of one.  Hosts of the recording are dealt out
 * to the agents.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "sim/feed.h"
#include "sim/recording.h"

#include <errno.h>
#include <stdlib.h>

#define WAITING_MAX 64u /* batches read and not yet acknowledged, of all agents */

struct replay {
	struct feed_replay_config cfg;
	struct recording *recording;
	struct ds_batch *batch;
	struct recorded next;
	bool has_next, is_over;
	uint64_t min_us, max_us; /* of the recording */
	uint64_t start_us;
	uint32_t left; /* repetitions after this one */
	uint64_t every_us;
	uint64_t left_out; /* events of kinds that we do not know */
	uint64_t damaged;  /* batches that could not be read */
};

static int
bounds_find(struct replay *p)
{
	struct recorded one;
	int r;

	p->min_us = UINT64_MAX;
	while ((r = recording_next(p->recording, &one)) == 1) {
		p->min_us = DS_MIN(p->min_us, one.header.time_min_us);
		p->max_us = DS_MAX(p->max_us, one.header.time_max_us);
	}
	recording_rewind(p->recording);
	return r;
}

/* Of what is sent at once; times that wrap would be in the future, and waited for. */
static bool
is_before_1970(const struct replay *p)
{
	double back_us = (double)p->cfg.ago_ms * 1000 + (double)p->left * (double)p->every_us +
			 (double)(p->max_us - DS_MIN(p->min_us, p->max_us));

	return back_us >= (double)p->start_us;
}

static int
replay_open(struct fleet *f)
{
	struct replay *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	f->feed = p;
	p->cfg = *(const struct feed_replay_config *)f->cfg.feed_config;
	p->start_us = ds_clock_wall_us();
	p->batch = ds_batch_new();
	p->recording = recording_open(p->cfg.from);
	if (p->batch == NULL || p->recording == NULL)
		return -ENOENT;
	r = bounds_find(p);
	if (r == 0 && p->max_us == 0) {
		ds_log(ERROR, "nothing is recorded there", "path=\"%s\"", p->cfg.from);
		r = -ENODATA;
	}
	p->left = p->cfg.repeat > 0 ? p->cfg.repeat - 1 : 0;
	p->every_us = p->cfg.every_ms > 0 ? p->cfg.every_ms * 1000
					  : p->max_us - DS_MIN(p->min_us, p->max_us) + 1;
	if (r == 0 && p->cfg.speed <= 0 && is_before_1970(p)) {
		ds_log(
		    ERROR, "the first repetition would be before 1970", "repeat=%u", p->cfg.repeat);
		r = -ERANGE;
	}
	return r;
}

static void
replay_close(struct fleet *f)
{
	struct replay *p = f->feed;

	if (p == NULL)
		return;
	if (p->left_out > 0)
		ds_log(WARN, "events of unknown kinds were left out", "events=%llu",
		    (unsigned long long)p->left_out);
	if (p->damaged > 0)
		ds_log(WARN, "batches were damaged and left out", "batches=%llu",
		    (unsigned long long)p->damaged);
	recording_close(p->recording);
	ds_batch_free(p->batch);
	free(p);
	f->feed = NULL;
}

static uint64_t
clock_move(const struct replay *p, uint64_t time_us)
{
	if (p->cfg.speed <= 0)
		return time_us + (p->start_us - p->max_us) - p->cfg.ago_ms * 1000 -
		       p->left * p->every_us;
	return p->start_us + (uint64_t)((double)(time_us - p->min_us) / p->cfg.speed);
}

static int
batch_resend(struct fleet *f, struct replay *p)
{
	struct agent *a = &f->agents[p->next.host % f->cfg.agents];
	struct ds_event ev;
	int r = ds_batch_decode(p->batch, p->next.packed, p->next.size);

	for (size_t i = 0; r == 0 && i < ds_batch_len(p->batch); i++) {
		r = ds_batch_event(p->batch, i, &ev);
		if (r < 0)
			return r;
		ev.time_us = clock_move(p, ev.time_us);
		r = ds_batch_add(f->builder, &ev);
		if (r == -ENOSPC) {
			r = agent_pack(a, p->next.lane, f->builder);
			if (r == 0)
				r = ds_batch_add(f->builder, &ev);
		}
		if (r == -EINVAL) {
			p->left_out++;
			r = 0;
		}
	}
	if (r == 0)
		r = agent_pack(a, p->next.lane, f->builder);
	agent_pump(a);
	return r;
}

static size_t
waiting(const struct fleet *f)
{
	size_t n = 0;

	for (uint32_t i = 0; i < f->cfg.agents; i++)
		n += f->agents[i].lane[DS_LANE_URGENT].len + f->agents[i].lane[DS_LANE_BULK].len;
	return n;
}

static int
replay_refill(struct agent *a)
{
	struct fleet *f = a->fleet;
	struct replay *p = f->feed;
	int r = 0;

	while (r == 0 && !p->is_over && waiting(f) < WAITING_MAX) {
		if (!p->has_next)
			r = recording_next(p->recording, &p->next);
		if (r == 0 && !p->has_next && p->left > 0) {
			p->left--;
			recording_rewind(p->recording);
			continue;
		}
		if (r <= 0 && !p->has_next) {
			p->is_over = true;
			return r;
		}
		r = 0;
		p->has_next = true;
		if (clock_move(p, p->next.header.time_max_us) > ds_clock_wall_us())
			return 0;
		p->has_next = false;
		r = batch_resend(f, p);
		if (r == -EBADMSG || r == -EPROTONOSUPPORT) {
			p->damaged++;
			ds_batch_builder_clear(f->builder);
			r = 0;
		}
	}
	return r;
}

static bool
replay_is_done(const struct fleet *f)
{
	const struct replay *p = f->feed;

	return p->is_over && waiting(f) == 0;
}

const struct feed feed_replay = {
	.name = "replay",
	.open = replay_open,
	.close = replay_close,
	.visit = replay_refill,
	.refill = replay_refill,
	.is_done = replay_is_done,
};
