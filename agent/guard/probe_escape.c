/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_escape - kills what is held and goes on without an answer: which way this kernel allows.
 *
 * Called by hold on the guard's only thread.  Owns an object beside the sensors' one, with its
 * maps, that is loaded when the first daemon is held.
 */
#include "agent/guard/probe.h"
#include "agent/guard/probe_object.h"
#include "agent/guard/probe_point.h"
#include "agent/guard/sensors/escape.skel.h"
#include "lib/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#define PROGRAMS_MAX 3u

/* From the best to the worst.  The first costs nobody anything and leaves no gap, and wants
 * trampolines.  The last costs each system call of the host some 35 ns, and lets the first one of
 * what goes on be done.  So where the second works, that runs only while something is held; what is
 * let go on before it is attached is killed by who let it go on, some microseconds late: the signal
 * has to wait until the kernel is out of sending the other one. */
static const struct way {
	const char *name;
	const char *programs[PROGRAMS_MAX]; /* attached as long as somebody is held */
	const char *call;                   /* attached while something is: probe_escape_watch() */
} ways[] = {
	{ "fexit", { "escape_return" }, NULL },
	{ "signal", { "escape_continue", "escape_trace" }, "escape_call" },
	{ "sys_enter", { "escape_call" }, NULL },
};

static struct escape_bpf *object;
static const struct way *used; /* NULL: closed */
static struct bpf_link *links[PROGRAMS_MAX], *call_link;

static bool
is_of(const struct way *w, const char *name)
{
	for (unsigned i = 0; i < PROGRAMS_MAX && w->programs[i] != NULL; i++)
		if (strcmp(w->programs[i], name) == 0)
			return true;
	return w->call != NULL && strcmp(w->call, name) == 0;
}

static int
share_maps(struct bpf_object *mine, struct bpf_object *sensors)
{
	struct bpf_map *m, *other;
	int r = 0;

	bpf_object__for_each_map(m, mine)
	{
		if (bpf_map__is_internal(m))
			continue;
		other = bpf_object__find_map_by_name(sensors, bpf_map__name(m));
		r = other != NULL ? bpf_map__reuse_fd(m, bpf_map__fd(other)) : -ENOENT;
		if (r < 0)
			break;
	}
	return r;
}

static int
load(const struct way *w)
{
	struct bpf_program *p;
	int r;

	object = escape_bpf__open();
	if (object == NULL)
		return -errno;
	bpf_object__for_each_program(p, object->obj)
	{
		r = bpf_program__set_autoload(p, is_of(w, bpf_program__name(p)));
		if (r < 0)
			return r;
	}
	r = share_maps(object->obj, probe_object()->obj);
	return r < 0 ? r : escape_bpf__load(object);
}

static struct bpf_link *
attach(const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(object->obj, name);

	if (p == object->progs.escape_trace)
		return probe_point_attach(p, "sys_exit_ptrace", 0);
	return bpf_program__attach(p);
}

static int
try_way(const struct way *w)
{
	int r = load(w);

	for (unsigned i = 0; r == 0 && i < PROGRAMS_MAX && w->programs[i] != NULL; i++) {
		links[i] = attach(w->programs[i]);
		if (links[i] == NULL)
			r = -errno;
	}
	if (r < 0) {
		probe_escape_close();
		return r;
	}
	used = w;
	probe_object()->bss->hold_unwatched = w->call != NULL;
	return 0;
}

int
probe_escape_open(void)
{
	int r = -EOPNOTSUPP;

	if (used != NULL)
		return 0;
	for (unsigned i = 0; i < DS_LEN(ways) && r < 0; i++)
		r = try_way(&ways[i]);
	(void)malloc_trim(0); /* the kernel's types took some MiB */
	if (r == 0)
		ds_log(
		    INFO, "held programs that somebody lets go on are killed", "by=%s", used->name);
	return r;
}

void
probe_escape_close(void)
{
	probe_escape_watch(false);
	for (unsigned i = 0; i < PROGRAMS_MAX; i++) {
		(void)bpf_link__destroy(links[i]); /* NULL is nothing */
		links[i] = NULL;
	}
	escape_bpf__destroy(object);
	object = NULL;
	used = NULL;
}

void
probe_escape_watch(bool on)
{
	if (used == NULL || used->call == NULL || on == (call_link != NULL))
		return;
	if (on)
		call_link = attach(used->call);
	probe_object()->bss->hold_unwatched = call_link == NULL || !on;
	if (!on) {
		(void)bpf_link__destroy(call_link);
		call_link = NULL;
	}
}
