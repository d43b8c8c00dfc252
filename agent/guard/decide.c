/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decide - answers the kernel side's questions: which daemon a process is of, after it executed
 * something, came into another cgroup, or began to listen.
 *
 * Called by attribute and guard on the guard's only thread.  The answers are kept in the kernel's
 * map of decisions.
 */
#include "agent/guard/decide.h"
#include "agent/guard/cgroup_path.h"
#include "agent/guard/identity.h"
#include "agent/guard/path.h"
#include "agent/guard/process.h"
#include "agent/guard/program_table.h"
#include "agent/guard/resource.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>

#define ARGV_MAX 64u

static bool seeding;

void
decide_init(void)
{
	cgroup_path_init();
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
decide_all(void)
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

	if (cgroup_path_of((pid_t)s->pid, sample->str[0], path, sizeof(path)) == 0)
		d = daemon_of_cgroup(path);
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
	const struct daemon *d = carried_before(s, s->arg[0], s->daemon);

	if (d == NULL || d->role == DAEMON_SESSION || d->role == DAEMON_PACKAGE)
		d = daemon_of_listener((pid_t)s->pid, program_table_get(s->exe));
	return decide(s->wait, (pid_t)s->pid, d);
}

const struct daemon *
decide_sample(const struct probe_sample *sample)
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
