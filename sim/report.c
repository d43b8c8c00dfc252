/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report - the summary of a run; called by main.c after the loop. */
#include "sim/report.h"

#include "lib/json.h"
#include "sim/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail for this clock */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Milliseconds below which that part of the acks came: the upper end of its bucket. */
static double
latency_ms(const struct fleet_stats *s, double part)
{
	uint64_t total = 0, n = 0;
	unsigned i;

	for (i = 0; i < LATENCY_BUCKETS; i++)
		total += s->latency[i];
	for (i = 0; i < LATENCY_BUCKETS && total > 0; i++) {
		n += s->latency[i];
		if ((double)n >= part * (double)total)
			break;
	}
	return total == 0 ? 0 : (double)(UINT64_C(1) << i / 8) * (1 + (i % 8 + 1) / 8.0) / 1000;
}

uint64_t
report_unacked(const struct fleet *f)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < f->cfg.agents; i++)
		for (unsigned lane = 0; lane < DS_LANES; lane++) {
			const struct outbox *o = &f->agents[i].lane[lane];

			for (size_t k = 0; k < o->len; k++)
				n += o->ring[(o->head + k) & (o->cap - 1)].parcel->events;
		}
	return n;
}

/* Seconds in which all agents were online, and events acknowledged in them. */
static double
steady(const struct fleet *f, uint64_t *ret_events)
{
	if (f->full_ms == 0 || f->end_ms <= f->full_ms) {
		*ret_events = 0;
		return 0;
	}
	*ret_events = f->end_acked_events - f->full_acked_events;
	return (double)(f->end_ms - f->full_ms) / 1000;
}

static void
errors_write(struct ds_json *j, const struct fleet_stats *s)
{
	char key[16];

	ds_json_key(j, "errors");
	ds_json_object(j);
	for (unsigned i = 0; i < DS_LEN(s->errors); i++) {
		if (s->errors[i] == 0)
			continue;
		snprintf(key, sizeof(key), "%u", i);
		ds_json_put_uint(j, key, s->errors[i]);
	}
	ds_json_end(j);
}

static void
json_write(struct ds_json *j, const struct fleet *f)
{
	const struct fleet_stats *s = &f->stats;
	uint64_t events;
	double seconds = steady(f, &events);

	ds_json_object(j);
	ds_json_put_string(j, "feed", f->cfg.feed->name);
	ds_json_put_uint(j, "agents", f->cfg.agents);
	ds_json_put_uint(j, "online", f->online);
	ds_json_put_uint(j, "enrolled", s->enrolled);
	ds_json_put_uint(j, "connects", s->connects);
	ds_json_put_uint(j, "disconnects", s->disconnects);
	ds_json_put_uint(j, "failures", s->failures);
	errors_write(j, s);
	ds_json_put_double(
	    j, "ramp_s", f->full_ms > f->begin_ms ? (double)(f->full_ms - f->begin_ms) / 1000 : 0);
	ds_json_put_uint(j, "sent_batches", s->sent_batches);
	ds_json_put_uint(j, "sent_events", s->sent_events);
	ds_json_put_uint(j, "sent_bytes", s->sent_bytes);
	ds_json_put_uint(j, "resent_batches", s->resent_batches);
	ds_json_put_uint(j, "acked_batches", s->acked_batches);
	ds_json_put_uint(j, "acked_events", s->acked_events);
	ds_json_put_uint(j, "unacked_events", report_unacked(f));
	ds_json_put_double(j, "seconds", seconds);
	ds_json_put_uint(j, "events", events);
	ds_json_put_double(j, "events_per_s", seconds > 0 ? (double)events / seconds : 0);
	ds_json_put_double(j, "ack_p50_ms", latency_ms(s, 0.5));
	ds_json_put_double(j, "ack_p99_ms", latency_ms(s, 0.99));
	ds_json_put_double(j, "cpu_s", cpu_s());
	ds_json_end(j);
}

static void
text_print(const struct fleet *f)
{
	const struct fleet_stats *s = &f->stats;
	uint64_t events;
	double seconds = steady(f, &events);

	printf("%u of %u agents online, %" PRIu64 " enrolled, %" PRIu64 " connects, %" PRIu64
	       " disconnects, %" PRIu64 " failures\n",
	    f->online, f->cfg.agents, s->enrolled, s->connects, s->disconnects, s->failures);
	printf("%" PRIu64 " events in %" PRIu64 " batches acknowledged, %" PRIu64
	       " not acknowledged, %" PRIu64 " batches sent again\n",
	    s->acked_events, s->acked_batches, report_unacked(f), s->resent_batches);
	if (seconds > 0)
		printf(
		    "%.0f events/s over %.1f s; ack p50 %.1f ms, p99 %.1f ms; %.1f s of CPU here\n",
		    (double)events / seconds, seconds, latency_ms(s, 0.5), latency_ms(s, 0.99),
		    cpu_s());
}

int
report_print(const struct fleet *f, bool is_json)
{
	struct ds_json j;
	struct ds_buf b;
	int r;

	if (!is_json) {
		text_print(f);
		return 0;
	}
	ds_buf_init(&b, 64u << 10);
	ds_json_init(&j, &b);
	json_write(&j, f);
	r = ds_json_done(&j);
	if (r == 0)
		printf("%.*s\n", (int)b.len, (const char *)b.data);
	ds_buf_done(&b);
	return r;
}
