/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribute - makes events of samples: which daemon, which program, when.
 *
 * Called by probe with each sample and by main, on the guard's only thread.  Owns the table of
 * programs.
 */
#include "agent/guard/attribute.h"
#include "agent/guard/daemon.h"
#include "agent/guard/identity.h"
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/process.h"
#include "agent/guard/program_table.h"
#include "agent/guard/repeat.h"
#include "agent/guard/resource.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define ARGV_MAX 64u

static int64_t clock_offset_us; /* wall clock minus boot clock */
static bool seeding;

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

/* Tells the kernel and the modules that follow processes. */
static const struct daemon *
decide(uint64_t key, pid_t pid, const struct daemon *d)
{
	probe_decide(key, d != NULL ? d->number : 0, d != NULL && d->watched);
	resource_assign(pid, d != NULL ? d->number : 0);
	if (d != NULL && d->watched)
		identity_seen(d->number, pid, seeding);
	return d;
}

static void
seed_one(const struct seed *seed)
{
	char exe[PROCESS_PATH_MAX];

	if (seed->exe != 0 && process_exe((pid_t)seed->pid, exe, sizeof(exe), NULL) == 0)
		program_table_put(seed->exe, exe, strlen(exe));
	(void)decide(seed->key, (pid_t)seed->pid, daemon_of_process((pid_t)seed->pid));
}

void
attribute_seed(void)
{
	int r;

	seeding = true;
	probe_new_epoch();
	r = probe_iterate(seed_one);
	if (r < 0 && r != -ENODEV) /* with fallback sensors there is nobody to ask */
		ds_log(WARN, "running processes are not known until they start something",
		    "error=\"%s\"", strerror(-r));
	seeding = false;
}

/* What the task carried before the change that this sample is about. */
static const struct daemon *
carried_before(const struct sample *s, uint64_t key, uint32_t number)
{
	bool watched;

	if (key == 0)
		return daemon_get(number);
	if (probe_decision(key, &number, &watched))
		return daemon_get(number);
	return daemon_of_process((pid_t)s->pid);
}

static void
split_args(struct ds_str args, char *text, size_t size, const char **argv)
{
	size_t len = DS_MIN((size_t)args.len, size - 1), n = 0;

	memcpy(text, args.ptr, len);
	text[len] = '\0';
	for (size_t at = 0; at < len && n < ARGV_MAX; at += strlen(text + at) + 1)
		argv[n++] = text + at;
	argv[n] = NULL;
}

/* A program started in a task whose decision is due. */
static const struct daemon *
decide_exec(const struct probe_sample *sample)
{
	static char text[DS_ARGS_MAX + 1];
	static char exe[DS_PATH_MAX + 1];
	const struct sample *s = sample->s;
	const char *argv[ARGV_MAX + 1];
	const char *parent = program_table_get(s->parent_exe);
	const struct daemon *before = carried_before(s, s->arg[0], s->daemon), *d;

	(void)path_of_names(sample->str[1], exe, sizeof(exe));
	split_args(sample->str[0], text, sizeof(text), argv);
	d = daemon_of_exec(exe, argv, parent, before);
	if (d != NULL && d != before) {
		daemon_set_executable(d->number, exe);
		d = daemon_get(d->number);
	}
	return decide(s->wait, (pid_t)s->pid, d);
}

/* A task in another cgroup: /proc says it as this namespace sees it; the kernel's path is the
 * fallback when the process has gone. */
static const struct daemon *
decide_cgroup(const struct probe_sample *sample)
{
	const struct sample *s = sample->s;
	char path[PROCESS_PATH_MAX];
	const struct daemon *d = NULL;

	if (process_cgroup((pid_t)s->pid, path, sizeof(path)) == 0) {
		d = daemon_of_cgroup(path);
	} else if (sample->str[0].len > 0 && sample->str[0].len < sizeof(path)) {
		(void)snprintf(
		    path, sizeof(path), "%.*s", (int)sample->str[0].len, sample->str[0].ptr);
		d = daemon_of_cgroup(path);
	}
	if (d == NULL)
		d = carried_before(s, s->arg[0], (uint32_t)s->arg[1]);
	return decide(s->wait, (pid_t)s->pid, d);
}

/* A process began to listen: when nobody watches it, or it is a session's, it may be a daemon that
 * somebody started by hand. */
static const struct daemon *
decide_listener(const struct probe_sample *sample)
{
	const struct sample *s = sample->s;
	const struct daemon *d = daemon_get(s->daemon);

	if (d == NULL || d->role == DAEMON_SESSION || d->role == DAEMON_PACKAGE)
		d = daemon_of_listener((pid_t)s->pid, program_table_get(s->exe));
	return decide(s->wait, (pid_t)s->pid, d);
}

static const struct daemon *
daemon_of_sample(const struct probe_sample *sample)
{
	const struct sample *s = sample->s;
	uint32_t number;
	bool watched;

	if ((s->flags & SAMPLE_WAITS) == 0)
		return daemon_get(s->daemon);
	if (s->kind == SAMPLE_CGROUP)
		return decide_cgroup(sample);
	if (probe_decision(s->wait, &number, &watched))
		return daemon_get(number);
	if (s->kind == DS_EVENT_EXEC)
		return decide_exec(sample);
	if (s->kind == DS_EVENT_LISTEN)
		return decide_listener(sample);
	return decide(s->wait, (pid_t)s->pid, daemon_of_process((pid_t)s->pid));
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

	if (s->kind == DS_EVENT_EXEC && path_of_names(sample->str[1], exe, sizeof(exe)) > 0)
		program_table_put(s->exe, exe, strlen(exe));
	d = daemon_of_sample(sample);
	if (d == NULL || !d->watched || s->kind >= DS_EVENT_MAX || topic == NULL)
		return;
	if (waits)
		key = sample_mix(key, d->number);
	fill_common(s, d, &ev);
	if (!topic->fill(sample, &ev))
		return;
	tell_nameless(s, key, &ev, SAMPLE_MEMORY, DS_EVENT_EXEC_MEMORY);
	tell_nameless(s, key, &ev, SAMPLE_DELETED, DS_EVENT_EXEC_DELETED);
	repeat_event(
	    key, &ev, !waits && (s->flags & SAMPLE_UNFOLDED) == 0, s->kind == DS_EVENT_EXEC);
}

int
attribute_init(void)
{
	attribute_tick();
	probe_set_handler(on_sample);
	return program_table_init();
}

void
attribute_done(void)
{
	program_table_done();
}
