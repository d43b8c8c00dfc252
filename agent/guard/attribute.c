/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribute - makes events of samples: which daemon, which program, when.
 *
 * Called by probe with each sample and by main, on the guard's only thread.  Owns the table of
 * programs.
 */
#include "agent/guard/attribute.h"
#include "agent/guard/crowd.h"
#include "agent/guard/daemon.h"
#include "agent/guard/decide.h"
#include "agent/guard/hold.h"
#include "agent/guard/identity.h"
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/process.h"
#include "agent/guard/program_table.h"
#include "agent/guard/repeat.h"
#include "lib/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

static int64_t clock_offset_us; /* wall clock minus boot clock */

void
attribute_tick(void)
{
	clock_offset_us = (int64_t)(ds_clock_wall_us() - ds_clock_boot_us());
}

static uint64_t
wall_us(uint64_t boot_ns)
{
	return (uint64_t)((int64_t)(boot_ns / 1000) + clock_offset_us);
}

/* The path of a program by its id; a process that still runs knows it, too. */
static const char *
program_of(const struct sample *s)
{
	static char exe[PROCESS_PATH_MAX];
	const char *path = program_table_get(s->exe);

	if (path != NULL || process_exe((pid_t)s->pid, exe, sizeof(exe), NULL) < 0)
		return path;
	program_table_put(s->exe, exe, strlen(exe));
	return exe;
}

static void
fill_common(const struct sample *s, const struct daemon *d, struct ds_event *ev)
{
	const char *exe = program_of(s), *parent = program_table_get(s->parent_exe);

	*ev =
	    (struct ds_event){ .time_us = wall_us(s->time_ns), .count = s->count, .kind = s->kind };
	ev->flags = (uint8_t)((s->flags & (SAMPLE_FIRST | SAMPLE_WAITS) ? DS_FLAG_FIRST : 0) |
			      (s->flags & SAMPLE_TRUNCATED ? DS_FLAG_TRUNCATED : 0) |
			      (s->flags & SAMPLE_PARTIAL ? DS_FLAG_PARTIAL : 0));
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev->num[DS_NUM_PID] = s->pid;
	ev->num[DS_NUM_PPID] = s->ppid;
	ev->num[DS_NUM_UID] = s->uid;
	ev->num[DS_NUM_GID] = s->gid;
	ev->num[DS_NUM_START] = wall_us(s->start_ns);
	ev->num[DS_NUM_INODE] = s->inode;
	ev->num[DS_NUM_DEVICE] =
	    makedev(s->device >> 20, s->device & 0xfffff); /* the kernel's own form */
	if (exe != NULL)
		ds_event_set_str(ev, DS_STR_EXE, exe, strlen(exe));
	if (parent != NULL)
		ds_event_set_str(ev, DS_STR_PARENT_EXE, parent, strlen(parent));
}

/* EXEC_MEMORY or EXEC_DELETED beside the EXEC itself. */
static void
tell_nameless(
    const struct sample *s, uint64_t key, const struct ds_event *exec, uint32_t flag, uint8_t kind)
{
	struct ds_event ev = *exec;

	if ((s->flags & flag) == 0)
		return;
	ev.kind = kind;
	ev.count = 1;
	repeat_event(sample_mix(key, kind), &ev, false, false);
}

/* The program of an exec has a name now; and what a daemon starts while it is only watched is known
 * when it is held. */
static void
learn(const struct sample *s, const char *exe)
{
	uint32_t number = (uint32_t)s->arg[1];
	const struct daemon *before;
	bool watched;

	/* It executed again before the kernel side had heard what it was by then. */
	if (s->arg[0] != 0 && probe_decision(s->arg[0], &number, &watched) == 0)
		number = (uint32_t)s->arg[1];
	before = number != 0 ? daemon_get(number) : NULL;
	program_table_put(s->exe, exe, strlen(exe));
	if (before != NULL && before->watched)
		hold_learn(before->name, exe);
}

/* counted: the kernel has this key. */
static void
tell(uint64_t key, struct ds_event *ev, bool counted)
{
	uint64_t crowd, none;

	if (!repeat_knows(key) && crowd_take(ev, &crowd)) {
		if (counted)
			probe_repeat_remove(key, &none);
		repeat_event(crowd, ev, false, false);
		return;
	}
	repeat_event(key, ev, counted, ev->kind == DS_EVENT_EXEC);
}

static void
on_sample(const struct probe_sample *sample)
{
	static char exe[DS_PATH_MAX + 1];
	const struct sample *s = sample->s;
	const struct probe_topic *topic = probe_topic_of(s->sensor);
	bool waits = (s->flags & SAMPLE_WAITS) != 0;
	const struct daemon *d;
	struct ds_event ev;
	uint64_t key = s->key;

	if (s->kind == SAMPLE_HOLD) {
		hold_sample(sample);
		return;
	}
	if (s->kind == SAMPLE_HOLD_CONNECT) {
		hold_connect_sample(sample);
		return;
	}
	if (s->kind == DS_EVENT_EXEC && path_of_names(sample->str[1], exe, sizeof(exe)) > 0)
		learn(s, exe);
	d = decide_sample(sample);
	if (d == NULL || !d->watched || s->kind >= DS_EVENT_MAX || topic == NULL)
		return;
	/* Who makes a container ends before its first program begins, which inherits the daemon. */
	if (s->kind == DS_EVENT_EXEC && d->role == DAEMON_CONTAINER)
		identity_seen(d->number, (pid_t)s->pid, false);
	hold_seen(d);
	if (s->kind == DS_EVENT_CONNECT)
		hold_learn_connect(d->name, s);
	if (waits)
		key = sample_mix(key, d->number);
	fill_common(s, d, &ev);
	if (!topic->fill(sample, &ev)) {
		if (!waits)
			repeat_mute(key);
		return;
	}
	tell_nameless(s, key, &ev, SAMPLE_MEMORY, DS_EVENT_EXEC_MEMORY);
	tell_nameless(s, key, &ev, SAMPLE_DELETED, DS_EVENT_EXEC_DELETED);
	tell(key, &ev, !waits && (s->flags & SAMPLE_UNFOLDED) == 0);
}

int
attribute_init(void)
{
	attribute_tick();
	decide_init();
	probe_set_handler(on_sample);
	return program_table_init();
}

void
attribute_done(void)
{
	program_table_done();
}
