/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resource - what every watched daemon uses: CPU, memory, I/O, threads, descriptors, sockets.
 *
 * A sweep lists /proc once, reads some processes a tick, and ends with one event a daemon.  Who a
 * process belongs to is remembered by pid and start time, and asked anew now and then.  CPU time of
 * children that ended is in their parent's count of waited-for children; what was already told of
 * them is taken off.
 */
#include "agent/guard/resource.h"

#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/identity.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "agent/guard/resource_read.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 32768u /* looked at in one sweep */
#define SLICE_MIN     64u    /* processes a tick */
#define SWEEP_TICKS   4u     /* a sweep is spread over about so many */
#define RECHECK       6u     /* sweeps after which a process is asked again who it is */

/* A process, by pid; open addressing, a quarter of the slots stays free. */
struct entry {
	pid_t pid; /* 0: free */
	uint32_t number;
	uint32_t sweep;   /* last seen in */
	uint32_t checked; /* sweep in which its daemon was asked for */
	uint64_t start_ticks;
	bool child;    /* its parent is in the same daemon */
	bool kernel;   /* a kernel thread */
	bool assigned; /* by a sensor, which knows better than /proc */
	struct resource_reading last;
};

struct usage {
	int64_t cpu_ticks; /* since the last event */
	uint64_t rss, read_bytes, written_bytes;
	uint32_t threads, fds, sockets, processes;
	pid_t main_pid;
	uint64_t main_start;
	bool there; /* had processes at the last event */
};

static struct entry *slots;
static size_t slot_count, used; /* a power of two */
static struct usage *usages;    /* by daemon number */
static size_t usage_count;
static pid_t *pids; /* of this sweep */
static size_t pid_count, pid_next, pid_cap;
static uint32_t sweep;
static bool sweeping;
static uint64_t interval, begin_ms, told_ms;

static size_t
slot_of(pid_t pid)
{
	return ((uint32_t)pid * 2654435769u) & (slot_count - 1);
}

static struct entry *
entry_find(pid_t pid)
{
	for (size_t i = slot_of(pid); slots[i].pid != 0; i = (i + 1) & (slot_count - 1))
		if (slots[i].pid == pid)
			return &slots[i];
	return NULL;
}

/* Moves what is kept into `count` fresh slots; `alive` only: entries seen in this sweep. */
static int
rehash(size_t count, bool alive)
{
	struct entry *old = slots, *fresh = calloc(count, sizeof(*fresh));
	size_t old_count = slot_count;

	if (fresh == NULL)
		return -ENOMEM;
	slots = fresh;
	slot_count = count;
	used = 0;
	for (size_t i = 0; i < old_count; i++) {
		size_t at;

		if (old[i].pid == 0 || (alive && old[i].sweep != sweep))
			continue;
		for (at = slot_of(old[i].pid); slots[at].pid != 0; at = (at + 1) & (count - 1))
			;
		slots[at] = old[i];
		used++;
	}
	free(old);
	return 0;
}

static struct entry *
entry_make(pid_t pid)
{
	struct entry *e = entry_find(pid);
	size_t at;

	if (e != NULL)
		return e;
	if (used >= PROCESSES_MAX)
		return NULL;
	if ((used + 1) * 4 > slot_count * 3 && rehash(slot_count * 2, false) < 0)
		return NULL;
	for (at = slot_of(pid); slots[at].pid != 0; at = (at + 1) & (slot_count - 1))
		;
	slots[at] = (struct entry){ .pid = pid, .sweep = sweep };
	used++;
	return &slots[at];
}

static struct usage *
usage_of(uint32_t number)
{
	if (number >= usage_count) {
		size_t count = DS_MAX((size_t)number + 1, usage_count * 2);
		struct usage *more = realloc(usages, count * sizeof(*more));

		if (more == NULL)
			return NULL;
		for (size_t i = usage_count; i < count; i++)
			more[i] = (struct usage){ 0 };
		usages = more;
		usage_count = count;
	}
	return &usages[number];
}

void
resource_set_interval(uint64_t interval_ms)
{
	interval = interval_ms;
}

int
resource_init(void)
{
	if (slots != NULL)
		return 0;
	told_ms = ds_clock_monotonic_ms();
	return rehash(256, false);
}

void
resource_done(void)
{
	free(slots);
	free(usages);
	free(pids);
	slots = NULL;
	usages = NULL;
	pids = NULL;
	slot_count = usage_count = used = pid_count = pid_next = pid_cap = 0;
	begin_ms = 0;
	sweep = 0;
	sweeping = false;
}

void
resource_assign(pid_t pid, uint32_t number)
{
	struct entry *e = slots != NULL ? entry_make(pid) : NULL;

	if (e == NULL)
		return;
	if (e->number != number)
		*e = (struct entry){ .pid = pid, .number = number, .sweep = sweep };
	e->checked = DS_MAX(sweep, 1u);
	e->assigned = number != 0;
}

static int
pid_add(pid_t pid, void *ctx)
{
	(void)ctx;
	if (pid_count == PROCESSES_MAX)
		return 1;
	if (pid_count == pid_cap) {
		size_t cap = DS_MAX(pid_cap * 2, (size_t)256);
		pid_t *more = realloc(pids, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		pids = more;
		pid_cap = cap;
	}
	pids[pid_count++] = pid;
	return 0;
}

/* sshd and cron wait for processes that are none of theirs. */
static bool
counts_children(const struct daemon *d)
{
	return d->role != DAEMON_CONTAINER && d->role != DAEMON_SESSION && d->role != DAEMON_JOB &&
	       !program_same_daemon(d->name, "sshd") && !program_same_daemon(d->name, "cron") &&
	       strcmp(d->unit, "ssh.service") != 0 && strcmp(d->unit, "sshd.service") != 0 &&
	       strcmp(d->unit, "cron.service") != 0 && strcmp(d->unit, "crond.service") != 0;
}

/* Whose it is: known, asked the first time, asked anew. */
static const struct daemon *
decide(struct entry *e, const struct process_stat *st)
{
	const struct daemon *d;

	if (e->start_ticks != st->start_ticks && e->start_ticks != 0)
		*e = (struct entry){ .pid = e->pid,
			.sweep = sweep }; /* another process with its pid */
	if (!e->assigned && (e->checked == 0 || sweep - e->checked >= RECHECK)) {
		d = st->kernel_thread ? NULL : daemon_of_process(e->pid);
		e->number = d != NULL ? d->number : 0;
		e->checked = DS_MAX(sweep, 1u);
	}
	e->kernel = st->kernel_thread;
	return daemon_get(e->number);
}

static void
add_usage(struct entry *e, const struct daemon *d, const struct process_stat *st)
{
	struct usage *u = usage_of(d->number);
	bool is_new = e->start_ticks == 0;
	struct resource_reading now;
	struct entry *parent = entry_find(st->ppid);

	if (u == NULL || resource_read(e->pid, st, &e->last, &now) < 0)
		return;
	if (!counts_children(d))
		now.child_ticks = 0;
	/* What it used before it was first seen counts when it began since the last sweep. */
	if (!is_new || sweep > 1) {
		u->cpu_ticks += (int64_t)(now.cpu_ticks - e->last.cpu_ticks);
		u->cpu_ticks += (int64_t)(now.child_ticks - e->last.child_ticks);
		u->read_bytes += now.read_bytes - DS_MIN(e->last.read_bytes, now.read_bytes);
		u->written_bytes +=
		    now.written_bytes - DS_MIN(e->last.written_bytes, now.written_bytes);
	}
	e->last = now;
	e->child = parent != NULL && parent->number == e->number;
	e->start_ticks = st->start_ticks;
	u->rss += st->rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	u->threads += st->threads;
	u->fds += now.fds;
	u->sockets += now.sockets;
	u->processes++;
	if (u->main_pid == 0 || st->start_ticks < u->main_start) {
		u->main_pid = e->pid;
		u->main_start = st->start_ticks;
	}
}

static void
visit(pid_t pid)
{
	struct entry *e = entry_make(pid);
	const struct daemon *d;
	struct process_stat st;

	if (e == NULL)
		return;
	e->sweep = sweep;
	/* What is not watched is left alone most of the time. */
	if (e->checked != 0 && (e->kernel || e->number == 0) && sweep - e->checked < RECHECK)
		return;
	if (process_stat(pid, &st) < 0)
		return;
	if (st.zombie) {
		e->sweep = sweep - 1; /* as good as gone */
		return;
	}
	d = decide(e, &st);
	if (d == NULL || !d->watched) {
		e->number = d != NULL && d->watched ? e->number : 0;
		e->start_ticks = st.start_ticks;
		return;
	}
	add_usage(e, d, &st);
}

/* What ended: its time is in its parent's count of children now. */
static void
take_off_ended(void)
{
	size_t ended = 0;

	for (size_t i = 0; i < slot_count; i++) {
		struct entry *e = &slots[i];
		struct usage *u;

		if (e->pid == 0 || e->sweep == sweep)
			continue;
		ended++;
		u = e->child && e->number != 0 ? usage_of(e->number) : NULL;
		if (u != NULL && counts_children(daemon_get(e->number)))
			u->cpu_ticks -= (int64_t)(e->last.cpu_ticks + e->last.child_ticks);
	}
	if (ended > 0)
		(void)rehash(slot_count, true); /* without memory they stay for another sweep */
}

static void
tell(const struct daemon *d, const struct usage *u, uint64_t now_ms)
{
	struct ds_event ev = { .kind = DS_EVENT_RESOURCE, .count = 1 };
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	ev.time_us = ds_clock_wall_us();
	ev.daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev.num[DS_NUM_CPU_US] = u->cpu_ticks > 0 ? (uint64_t)u->cpu_ticks * (DS_US_PER_S / hz) : 0;
	ev.num[DS_NUM_RSS] = u->rss;
	ev.num[DS_NUM_IO_READ] = u->read_bytes;
	ev.num[DS_NUM_IO_WRITE] = u->written_bytes;
	ev.num[DS_NUM_THREADS] = u->threads;
	ev.num[DS_NUM_FDS] = u->fds;
	ev.num[DS_NUM_SOCKETS] = u->sockets;
	ev.num[DS_NUM_PROCESSES] = u->processes;
	ev.num[DS_NUM_DURATION_US] = (now_ms - told_ms) * 1000;
	emit_event(&ev);
}

static void
sweep_end(uint64_t now_ms)
{
	sweeping = false;
	take_off_ended();
	for (uint32_t i = 1; i <= daemon_count() && i < usage_count; i++) {
		const struct daemon *d = daemon_get(i);
		struct usage *u = &usages[i];

		if (u->processes > 0 || u->there)
			identity_update(i, u->main_pid, u->processes);
		if (u->processes > 0 && sweep > 1)
			tell(d, u, now_ms);
		usages[i] = (struct usage){ .there = u->processes > 0 };
	}
	told_ms = now_ms;
}

static void
sweep_begin(uint64_t now_ms)
{
	static struct ds_log_rate rate;

	pid_count = pid_next = 0;
	sweep++;
	begin_ms = now_ms;
	sweeping = true;
	if (process_each(pid_add, NULL) != 0 && ds_log_pass(&rate, 1))
		ds_log(WARN, "too many processes to sample all", "max=%u", PROCESSES_MAX);
}

void
resource_tick(uint64_t now_ms)
{
	size_t end;

	if (!sweeping && begin_ms != 0 && now_ms - begin_ms < interval)
		return;
	if (!sweeping)
		sweep_begin(now_ms);
	/* The first sweep finds what runs, and is not spread. */
	end = sweep == 1 ? pid_count : pid_next + DS_MAX(SLICE_MIN, pid_count / SWEEP_TICKS + 1);
	resource_slice_begin();
	while (pid_next < DS_MIN(end, pid_count))
		visit(pids[pid_next++]);
	if (pid_next >= pid_count)
		sweep_end(now_ms);
}
