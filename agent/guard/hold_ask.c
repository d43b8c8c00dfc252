/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_ask - the event that asks whether what is held may go on.
 *
 * Called by hold.
 */
#include "agent/guard/emit.h"
#include "agent/guard/hold_args.h"
#include "agent/guard/hold_part.h"
#include "agent/guard/probe.h"
#include "agent/guard/process.h"
#include "agent/guard/redact.h"
#include "lib/clock.h"

#include <string.h>

/* What both ways of holding know. */
static void
event_of(const struct question *q, struct ds_event *ev)
{
	static char id[33]; /* until the event is emitted */

	*ev = (struct ds_event){ .time_us = ds_clock_wall_us(),
		.count = 1,
		.kind = DS_EVENT_HELD,
		.flags = DS_FLAG_FIRST,
		.daemon = { q->daemon, (uint32_t)strlen(q->daemon) } };
	ds_order_id_format(q->id, id);
	ev->num[DS_NUM_PID] = (uint64_t)q->process.pid;
	ev->num[DS_NUM_START] = process_start_us(q->process.start_ticks);
	ev->num[DS_NUM_UNTIL] = ev->time_us + q->timeout_ms * 1000;
	ds_event_set_str(ev, DS_STR_ORDER, id, strlen(id));
	ds_event_set_str(ev, DS_STR_EXE, q->exe, strlen(q->exe));
}

void
hold_ask(const struct question *q, const struct probe_sample *sample)
{
	const struct probe_topic *topic = probe_topic_of(SENSOR_EXEC);
	struct ds_event ev;

	event_of(q, &ev);
	ev.num[DS_NUM_PPID] = sample->s->ppid;
	ev.num[DS_NUM_UID] = sample->s->uid;
	if (topic != NULL)
		(void)topic->fill(sample, &ev); /* arguments, ancestors, account */
	emit_event(&ev);
}

void
hold_ask_perm(const struct question *q)
{
	static char args[DS_ARGS_MAX], clean[DS_ARGS_MAX], parent[PROCESS_PATH_MAX];
	struct process_stat st;
	struct ds_event ev;
	uint32_t uid;
	size_t len = hold_args_of(q->process.pid, args, sizeof(args));

	event_of(q, &ev);
	ev.flags |= DS_FLAG_FALLBACK;
	if (process_uid(q->process.pid, &uid) == 0)
		ev.num[DS_NUM_UID] = uid;
	if (process_stat(q->process.pid, &st) == 0)
		ev.num[DS_NUM_PPID] = (uint64_t)st.ppid;
	/* What it runs until the exec is what starts the program. */
	if (process_exe(q->process.pid, parent, sizeof(parent), NULL) == 0)
		ds_event_set_str(&ev, DS_STR_PARENT_EXE, parent, strlen(parent));
	len = redact_args(args, len, clean, sizeof(clean));
	ds_event_set_str(&ev, DS_STR_ARGS, clean, len);
	emit_event(&ev);
}
