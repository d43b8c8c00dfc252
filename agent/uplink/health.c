/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/health.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COST_MS   60000u
#define STATUS_MS 10000u
#define GAP_MS    1000u

static uint64_t
cpu_used_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * DS_US_PER_S +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Resident now; ru_maxrss would be the peak. */
static uint64_t
resident_bytes(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct ds_event
own_event(enum ds_event_kind kind)
{
	struct ds_event ev = { .time_us = ds_clock_wall_us(), .count = 1, .kind = (uint8_t)kind };

	ev.daemon = (struct ds_str){ "daemonsec", 9 };
	return ev;
}

static void
add(struct batcher *batcher, const struct ds_event *ev)
{
	if (batcher_add_own(batcher, ev) < 0)
		ds_log(WARN, "no memory for an event of our own", "kind=%u", ev->kind);
}

void
health_init(struct health *h, struct courier *courier)
{
	*h = (struct health){
		.courier = courier, .cost_at_ms = ds_clock_monotonic_ms(), .cpu_us = cpu_used_us()
	};
}

static void
tell_cost(struct health *h, struct batcher *batcher, uint64_t now_ms)
{
	struct ds_event ev = own_event(DS_EVENT_AGENT_COST);
	uint64_t cpu = cpu_used_us();

	ev.num[DS_NUM_PID] = (uint64_t)getpid();
	ev.num[DS_NUM_CPU_US] = cpu - h->cpu_us;
	ev.num[DS_NUM_RSS] = resident_bytes();
	ev.num[DS_NUM_DURATION_US] = (now_ms - h->cost_at_ms) * 1000;
	ds_event_set_str(&ev, DS_STR_SOURCE, "uplink", 6);
	add(batcher, &ev);
	h->cost_at_ms = now_ms;
	h->cpu_us = cpu;
}

static void
tell_gap(
    struct health *h, struct batcher *batcher, uint64_t lost, uint64_t now_ms, const char *what)
{
	struct ds_event ev = own_event(DS_EVENT_GAP);

	ev.num[DS_NUM_LOST] = lost;
	ev.num[DS_NUM_DURATION_US] = h->gap_from_ms ? (now_ms - h->gap_from_ms) * 1000 : 0;
	ds_event_set_str(&ev, DS_STR_SOURCE, "spool", 5);
	ds_event_set_str(&ev, DS_STR_MESSAGE, what, strlen(what));
	add(batcher, &ev);
}

/* Once a second at most, so that dropping does not fill the spool with news of itself. */
static void
tell_dropped(struct health *h, struct spool *spool, struct batcher *batcher, uint64_t now_ms)
{
	uint64_t dropped;

	if (now_ms - h->gap_from_ms < GAP_MS && h->gap_from_ms != 0)
		return;
	dropped = spool_take_dropped(spool);
	if (dropped > 0)
		tell_gap(h, batcher, dropped, now_ms, "the spool was full: oldest events dropped");
	h->gap_from_ms = now_ms;
}

static void
tell_damage(
    struct health *h, const struct spool_stats *stats, struct batcher *batcher, uint64_t now_ms)
{
	if (stats->damaged == h->damaged_told)
		return;
	tell_gap(h, batcher, stats->damaged - h->damaged_told, now_ms,
	    "batches in the spool were damaged and left out");
	h->damaged_told = stats->damaged;
}

static void
log_disk(struct health *h, const struct spool_stats *stats)
{
	if (stats->last_error == h->disk_error)
		return;
	if (stats->last_error != 0)
		ds_log(ERROR, "the spool's disk refuses, keeping events in memory", "error=\"%s\"",
		    strerror(-stats->last_error));
	else
		ds_log(INFO, "the spool's disk takes events again", "%s", "");
	h->disk_error = stats->last_error;
}

/* For the guard: bytes on disk, bytes in memory, batches not confirmed, events dropped, damaged
 * records, disk error. */
static void
tell_guard(struct health *h, const struct spool_stats *stats)
{
	const uint64_t numbers[] = { stats->bytes, stats->memory_bytes, stats->batches,
		stats->dropped_events, stats->damaged, (uint64_t)-stats->last_error };
	struct ds_buf body;
	int r = 0;

	ds_buf_init(&body, 64);
	for (size_t i = 0; r == 0 && i < DS_LEN(numbers); i++)
		r = ds_buf_put_u64(&body, numbers[i]);
	if (r == 0)
		(void)!courier_send(
		    h->courier, DS_IPC_STATUS, body.data, body.len); /* the next one comes soon */
	ds_buf_done(&body);
}

void
health_tick(struct health *h, struct spool *spool, struct batcher *batcher)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct spool_stats stats;

	spool_get_stats(spool, &stats);
	log_disk(h, &stats);
	tell_damage(h, &stats, batcher, now_ms);
	tell_dropped(h, spool, batcher, now_ms);
	if (now_ms - h->status_at_ms >= STATUS_MS) {
		tell_guard(h, &stats);
		h->status_at_ms = now_ms;
	}
	if (now_ms - h->cost_at_ms >= COST_MS)
		tell_cost(h, batcher, now_ms);
}
