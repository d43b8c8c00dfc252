/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/health.h"
#include "agent/uplink/slim.h"
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
#define SLIM_MS   10000u /* after the start */

uint64_t
health_cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * DS_US_PER_S +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* ru_maxrss would be the peak. */
uint64_t
health_resident_bytes(void)
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
	/* Of no daemon, as the guard's are: the agent would be one that is never learnt. */
	return (
	    struct ds_event){ .time_us = ds_clock_wall_us(), .count = 1, .kind = (uint8_t)kind };
}

static void
add(struct batcher *batcher, const struct ds_event *ev)
{
	if (batcher_add_own(batcher, ev) < 0)
		ds_log(WARN, "no memory for an event of our own", "kind=%u", ev->kind);
}

void
health_init(struct health *h)
{
	*h = (struct health){ .cost_at_ms = ds_clock_monotonic_ms(), .cpu_us = health_cpu_us() };
	h->slim_at_ms = h->cost_at_ms + SLIM_MS;
}

static void
tell_cost(struct health *h, struct batcher *batcher, uint64_t now_ms)
{
	struct ds_event ev = own_event(DS_EVENT_AGENT_COST);
	uint64_t cpu = health_cpu_us();

	ev.num[DS_NUM_PID] = (uint64_t)getpid();
	ev.num[DS_NUM_CPU_US] = cpu - h->cpu_us;
	ev.num[DS_NUM_RSS] = health_resident_bytes();
	ev.num[DS_NUM_DURATION_US] = (now_ms - h->cost_at_ms) * 1000;
	ds_event_set_str(&ev, DS_STR_SOURCE, "uplink", 6);
	add(batcher, &ev);
	h->cost_at_ms = now_ms;
	h->cpu_us = cpu;
}

void
health_lost(struct health *h, const char *source, uint64_t events, const char *message)
{
	if (h->lost == 0)
		h->lost_from_ms = ds_clock_monotonic_ms();
	h->lost += events;
	h->lost_total += events;
	h->lost_source = source;
	h->lost_message = message;
}

/* Once a second at most, so that dropping does not fill the spool with news of itself. */
static void
tell_gap(struct health *h, struct batcher *batcher, uint64_t now_ms)
{
	struct ds_event ev = own_event(DS_EVENT_GAP);

	if (h->lost == 0 || now_ms - h->gap_at_ms < GAP_MS)
		return;
	ev.num[DS_NUM_LOST] = h->lost;
	ev.num[DS_NUM_DURATION_US] = (now_ms - h->lost_from_ms) * 1000;
	ds_event_set_str(&ev, DS_STR_SOURCE, h->lost_source, strlen(h->lost_source));
	ds_event_set_str(&ev, DS_STR_MESSAGE, h->lost_message, strlen(h->lost_message));
	if (batcher_add_own(batcher, &ev) < 0)
		return; /* told once there is room */
	h->lost = 0;
	h->gap_at_ms = now_ms;
}

static void
log_disk(struct health *h, const struct spool_status *stats)
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
 * places, disk error, age of the oldest batch in seconds. */
static void
tell_guard(struct health *h, const struct spool *spool, const struct spool_status *stats)
{
	uint64_t now_us = ds_clock_wall_us();
	struct spool_backlog left;
	struct ds_buf body;
	int r = 0;

	spool_get_backlog(spool, &left);
	const uint64_t numbers[] = { stats->bytes, stats->memory, left.records[0] + left.records[1],
		stats->dropped, stats->damaged, (uint64_t)-stats->last_error,
		left.oldest_us != 0 && left.oldest_us < now_us
		    ? (now_us - left.oldest_us) / DS_US_PER_S
		    : 0 };

	ds_buf_init(&body, 64);
	for (size_t i = 0; r == 0 && i < DS_LEN(numbers); i++)
		r = ds_buf_put_u64(&body, numbers[i]);
	if (r == 0)
		(void)!courier_send(
		    h->courier, DS_IPC_STATUS, body.data, body.len); /* the next one comes soon */
	ds_buf_done(&body);
}

void
health_tick(struct health *h, const struct spool *spool, struct batcher *batcher)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct spool_status stats;

	spool_get_status(spool, &stats);
	log_disk(h, &stats);
	tell_gap(h, batcher, now_ms);
	if (now_ms - h->status_at_ms >= STATUS_MS) {
		tell_guard(h, spool, &stats);
		h->status_at_ms = now_ms;
	}
	if (now_ms >= h->slim_at_ms) {
		slim_down();
		h->slim_at_ms = now_ms + COST_MS;
	}
	if (now_ms - h->cost_at_ms >= COST_MS)
		tell_cost(h, batcher, now_ms);
}
