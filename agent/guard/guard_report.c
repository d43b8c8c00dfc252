/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_report - the guard's events about itself: start, stop, cost, and what it did not see.
 *
 * Called by guard.
 */
#include "agent/guard/guard_report.h"
#include "agent/guard/emit.h"
#include "agent/guard/process.h"
#include "lib/clock.h"

#include <string.h>
#include <unistd.h>

struct cost {
	pid_t pid;
	uint64_t cpu_ticks, at_ms;
};

static struct ds_event
event_of(uint8_t kind)
{
	struct ds_event ev = { .time_us = ds_clock_wall_us(), .count = 1, .kind = kind };

	ev.num[DS_NUM_PID] = (uint64_t)getpid();
	return ev;
}

/* By itself and not through emit_gap(), which waits for more to come. */
static void
report_blind(uint64_t blind_us)
{
	static const char why[] = "the guard did not end in order: nobody watched";
	struct ds_event ev = event_of(DS_EVENT_GAP);

	ev.num[DS_NUM_DURATION_US] = blind_us;
	ds_event_set_str(&ev, DS_STR_SOURCE, "guard", 5);
	ds_event_set_str(&ev, DS_STR_MESSAGE, why, sizeof(why) - 1);
	emit_event(&ev);
}

void
report_start(const char *sensors, uint64_t blind_us)
{
	struct ds_event ev = event_of(DS_EVENT_AGENT_START);

	if (blind_us > 0)
		report_blind(blind_us);
	ds_event_set_str(&ev, DS_STR_VERSION, PACKAGE_VERSION, strlen(PACKAGE_VERSION));
	ds_event_set_str(&ev, DS_STR_SOURCE, "guard", 5);
	ds_event_set_str(&ev, DS_STR_MESSAGE, sensors, strlen(sensors));
	emit_event(&ev);
}

void
report_stop(void)
{
	struct ds_event ev = event_of(DS_EVENT_AGENT_STOP);

	ds_event_set_str(&ev, DS_STR_MESSAGE, "stopped in order", 16);
	emit_event(&ev);
}

static void
cost_of(struct cost *c, pid_t pid, const char *name, uint64_t now_ms)
{
	struct ds_event ev = event_of(DS_EVENT_AGENT_COST);
	struct process_stat st;
	uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);

	if (pid <= 0 || process_stat(pid, &st) < 0)
		return;
	if (c->pid == pid) {
		ev.num[DS_NUM_PID] = (uint64_t)pid;
		ev.num[DS_NUM_CPU_US] = (st.cpu_ticks - c->cpu_ticks) * 1000000 / ticks_per_s;
		ev.num[DS_NUM_RSS] = st.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
		ev.num[DS_NUM_DURATION_US] = (now_ms - c->at_ms) * 1000;
		ds_event_set_str(&ev, DS_STR_SOURCE, name, strlen(name));
		emit_event(&ev);
	}
	*c = (struct cost){ .pid = pid, .cpu_ticks = st.cpu_ticks, .at_ms = now_ms };
}

void
report_cost(pid_t uplink, uint64_t now_ms)
{
	static struct cost guard, other;

	cost_of(&guard, getpid(), "guard", now_ms);
	cost_of(&other, uplink, "uplink", now_ms);
}
