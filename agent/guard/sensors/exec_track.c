/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_track - who belongs to which daemon, kept up to date by forks, execs and exits.
 *
 * A table of pids.  Everything else about a process is read from /proc when it matters, and may be
 * gone by then: such events say so (DS_FLAG_PARTIAL).
 */
#include "agent/guard/sensors/exec_track.h"

#include "agent/guard/daemon.h"
#include "agent/guard/identity.h"
#include "agent/guard/process.h"
#include "agent/guard/redact.h"
#include "agent/guard/resource.h"
#include "agent/guard/sensors/fold.h"
#include "lib/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACKED_MAX   32768u
#define ANCESTORS_MAX 8u

struct tracked {
	pid_t pid; /* 0: free */
	pid_t parent;
	uint32_t unit;   /* daemon by cgroup, or 0 */
	uint32_t number; /* daemon, or 0 */
	uint32_t found;  /* generation, see track_forget() */
};

static struct tracked *slots;
static size_t slot_count, used; /* slot_count is a power of two */
static uint32_t generation = 1;
static void (*listener)(const char *daemon, const char *exe);

void
track_set_listener(void (*call)(const char *daemon, const char *exe))
{
	listener = call;
}

static size_t
slot_of(pid_t pid)
{
	return ((uint32_t)pid * 2654435769u) & (slot_count - 1);
}

static struct tracked *
find(pid_t pid)
{
	for (size_t i = slot_of(pid); slot_count > 0 && slots[i].pid != 0;
	     i = (i + 1) & (slot_count - 1))
		if (slots[i].pid == pid)
			return &slots[i];
	return NULL;
}

static void
insert(struct tracked t)
{
	size_t i = slot_of(t.pid);

	while (slots[i].pid != 0)
		i = (i + 1) & (slot_count - 1);
	slots[i] = t;
	used++;
}

static int
resize(size_t count)
{
	struct tracked *old = slots;
	size_t old_count = slot_count;
	struct tracked *fresh = calloc(count, sizeof(*fresh));

	if (fresh == NULL)
		return -ENOMEM;
	slots = fresh;
	slot_count = count;
	used = 0;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].pid != 0)
			insert(old[i]);
	free(old);
	return 0;
}

static struct tracked *
make(pid_t pid)
{
	struct tracked *t = find(pid);

	if (t != NULL)
		return t;
	if (used >= TRACKED_MAX || (used * 4 >= slot_count * 3 && resize(slot_count * 2) < 0))
		return NULL;
	insert((struct tracked){ .pid = pid, .found = generation });
	return find(pid);
}

/* Takes an entry out, and moves up those that were put off by it. */
static void
take_out(struct tracked *t)
{
	size_t hole = (size_t)(t - slots), i = hole;

	slots[hole].pid = 0;
	used--;
	for (;;) {
		size_t home;

		i = (i + 1) & (slot_count - 1);
		if (slots[i].pid == 0)
			return;
		home = slot_of(slots[i].pid);
		if (((i - home) & (slot_count - 1)) < ((i - hole) & (slot_count - 1)))
			continue;
		slots[hole] = slots[i];
		slots[i].pid = 0;
		hole = i;
	}
}

static uint32_t
number_of(const struct daemon *d)
{
	return d != NULL ? d->number : 0;
}

static uint32_t
unit_of(pid_t pid)
{
	char path[PROCESS_PATH_MAX];

	return process_cgroup(pid, path, sizeof(path)) == 0 ? number_of(daemon_of_cgroup(path)) : 0;
}

static int
begin_one(pid_t pid, void *ctx)
{
	const struct daemon *d;

	(void)ctx;
	(void)track_found(pid, false);
	d = daemon_get(track_daemon(pid));
	if (d != NULL)
		identity_seen(d->number, pid, true);
	return 0;
}

int
track_begin(void)
{
	int r = resize(1024);

	return r < 0 ? r : process_each(begin_one, NULL);
}

void
track_end(void)
{
	free(slots);
	slots = NULL;
	slot_count = used = 0;
}

uint32_t
track_daemon(pid_t pid)
{
	const struct tracked *t = find(pid);

	return t != NULL ? t->number : 0;
}

void
track_set(pid_t pid, uint32_t number)
{
	struct tracked *t = find(pid);

	if (t != NULL)
		t->number = number;
}

void
track_fork(pid_t parent, pid_t pid)
{
	const struct tracked *from = find(parent);
	struct tracked carried = from != NULL ? *from : (struct tracked){ 0 };
	struct tracked *t = make(pid);

	if (t == NULL)
		return;
	*t = (struct tracked){ pid, parent, carried.unit, carried.number, generation };
	if (carried.number != 0)
		resource_assign(pid, carried.number);
}

/* The programs above, nearest first, with NUL after each; the bytes. */
static size_t
read_ancestors(pid_t parent, char *ret, size_t size, size_t *ret_first)
{
	struct process_stat st;
	size_t len = 0;

	*ret_first = 0;
	for (unsigned i = 0; i < ANCESTORS_MAX && parent > 0; i++) {
		if (len + 1 >= size || process_exe(parent, ret + len, size - len, NULL) < 0)
			break;
		len += strlen(ret + len) + 1;
		if (i == 0)
			*ret_first = len - 1;
		if (process_stat(parent, &st) < 0)
			break;
		parent = st.ppid;
	}
	return len;
}

/* What an exec event says; buffers of its own, for one event at a time. */
static struct image {
	char exe[PROCESS_PATH_MAX];
	bool deleted, partial;
	struct process_args args;
	char ancestors[8192];
	size_t ancestors_len, parent_len;
} image;

static void
read_image(pid_t pid, pid_t parent)
{
	image.partial = process_exe(pid, image.exe, sizeof(image.exe), &image.deleted) < 0;
	if (image.partial)
		image.exe[0] = '\0';
	if (process_args(pid, &image.args) < 0) {
		image.args.argv[0] = NULL;
		image.partial = true;
	}
	image.ancestors_len =
	    read_ancestors(parent, image.ancestors, sizeof(image.ancestors), &image.parent_len);
}

static size_t
args_len(void)
{
	size_t count = 0;

	while (image.args.argv[count] != NULL)
		count++;
	if (count == 0)
		return 0;
	return (size_t)(image.args.argv[count - 1] - image.args.text) +
	       strlen(image.args.argv[count - 1]);
}

static void
event_begin(struct ds_event *ev, enum ds_event_kind kind, const struct daemon *d, pid_t pid)
{
	uint32_t uid;

	*ev = (struct ds_event){ .kind = (uint8_t)kind, .count = 1, .flags = DS_FLAG_FALLBACK };
	ev->time_us = ds_clock_wall_us();
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev->num[DS_NUM_PID] = (uint64_t)pid;
	if (process_uid(pid, &uid) == 0)
		ev->num[DS_NUM_UID] = uid;
}

static void
event_set_file(struct ds_event *ev, pid_t pid)
{
	struct stat st;
	int fd = process_open(pid, "exe");

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0) {
		ev->num[DS_NUM_INODE] = st.st_ino;
		ev->num[DS_NUM_DEVICE] = st.st_dev;
	}
	(void)close(fd);
}

static enum ds_event_kind
exec_kind(void)
{
	if (strncmp(image.exe, "/memfd:", 7) == 0)
		return DS_EVENT_EXEC_MEMORY;
	return image.deleted ? DS_EVENT_EXEC_DELETED : DS_EVENT_EXEC;
}

static void
tell_exec(const struct daemon *d, pid_t pid, pid_t parent)
{
	static char key[2 * PROCESS_PATH_MAX], args[DS_ARGS_MAX];
	size_t exe_len = strlen(image.exe), len;
	struct process_stat st;
	struct ds_event ev;

	event_begin(&ev, exec_kind(), d, pid);
	ev.num[DS_NUM_PPID] = (uint64_t)parent;
	if (ev.kind == DS_EVENT_EXEC) {
		event_set_file(&ev, pid);
		if (process_stat(pid, &st) == 0)
			ev.num[DS_NUM_START] = process_start_us(st.start_ticks);
		ds_event_set_str(&ev, DS_STR_ANCESTORS, image.ancestors,
		    image.ancestors_len > 0 ? image.ancestors_len - 1 : 0);
	}
	ds_event_set_str(&ev, DS_STR_EXE, image.exe, exe_len);
	len = redact_args(image.args.text, args_len(), args, sizeof(args));
	ds_event_set_str(&ev, DS_STR_ARGS, args, len);
	ds_event_set_str(&ev, DS_STR_PARENT_EXE, image.ancestors, image.parent_len);
	if (image.partial)
		ev.flags |= DS_FLAG_PARTIAL;
	memcpy(key, image.exe, exe_len + 1);
	memcpy(key + exe_len + 1, image.ancestors, DS_MIN(image.parent_len, PROCESS_PATH_MAX - 1));
	fold_event(&ev, key, exe_len + 1 + DS_MIN(image.parent_len, PROCESS_PATH_MAX - 1));
}

void
track_exec(pid_t pid)
{
	struct tracked *t = find(pid);
	const struct daemon *base, *d;
	char parent_exe[PROCESS_PATH_MAX];
	uint32_t unit;

	if (t == NULL && !track_found(pid, false))
		return;
	t = find(pid);
	if (t == NULL)
		return;
	read_image(pid, t->parent);
	unit = unit_of(pid);
	base = daemon_get(unit != 0 && unit != t->unit ? unit : t->number);
	memcpy(parent_exe, image.ancestors, DS_MIN(image.parent_len + 1, sizeof(parent_exe)));
	parent_exe[DS_MIN(image.parent_len, sizeof(parent_exe) - 1)] = '\0';
	d = image.exe[0] == '\0' ? base
				 : daemon_of_exec(image.exe, image.args.argv,
				       image.parent_len > 0 ? parent_exe : NULL, base);
	t->unit = unit != 0 ? unit : t->unit;
	t->number = number_of(d);
	resource_assign(pid, t->number);
	if (base != NULL && base->watched && listener != NULL && image.exe[0] != '\0')
		listener(base->name, image.exe);
	if (d == NULL || !d->watched)
		return;
	tell_exec(d, pid, t->parent);
	identity_seen(d->number, pid, false);
}

void
track_exit(pid_t pid, int status)
{
	struct tracked *t = find(pid);
	const struct daemon *d = t != NULL ? daemon_get(t->number) : NULL;
	struct ds_event ev;
	uint64_t key;

	if (t != NULL)
		take_out(t);
	if (d == NULL || !d->watched)
		return;
	event_begin(&ev, DS_EVENT_EXIT, d, pid);
	ev.num[DS_NUM_EXIT_CODE] = WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 0;
	ev.num[DS_NUM_SIGNAL] = WIFSIGNALED(status) ? (uint64_t)WTERMSIG(status) : 0;
	key = (uint64_t)(unsigned)status;
	fold_event(&ev, &key, sizeof(key));
}

void
track_id(pid_t pid, enum ds_event_kind kind, uint32_t id)
{
	const struct daemon *d = daemon_get(track_daemon(pid));
	char exe[PROCESS_PATH_MAX + sizeof(id)];
	struct ds_event ev;
	size_t len;

	if (d == NULL || !d->watched)
		return;
	event_begin(&ev, kind, d, pid);
	if (process_exe(pid, exe, PROCESS_PATH_MAX, NULL) < 0) {
		exe[0] = '\0';
		ev.flags |= DS_FLAG_PARTIAL;
	}
	len = strlen(exe);
	ds_event_set_str(&ev, DS_STR_EXE, exe, len);
	ev.num[kind == DS_EVENT_SETUID ? DS_NUM_NEW_UID : DS_NUM_NEW_GID] = id;
	memcpy(exe + len, &id, sizeof(id));
	fold_event(&ev, exe, len + sizeof(id));
}

bool
track_found(pid_t pid, bool tell)
{
	struct tracked *t = find(pid);
	const struct daemon *d;
	struct process_stat st;

	if (t != NULL) {
		t->found = generation;
		return false;
	}
	if (process_stat(pid, &st) < 0 || st.zombie)
		return false;
	t = make(pid);
	if (t == NULL)
		return false;
	t->parent = st.ppid;
	if (st.kernel_thread)
		return true;
	d = daemon_of_process(pid);
	t = find(pid);
	t->unit = unit_of(pid);
	t->number = number_of(d);
	if (!tell || d == NULL || !d->watched)
		return true;
	resource_assign(pid, d->number);
	read_image(pid, st.ppid);
	if (strlen(image.exe) != image.parent_len ||
	    memcmp(image.exe, image.ancestors, image.parent_len) != 0) {
		if (listener != NULL && image.exe[0] != '\0')
			listener(d->name, image.exe);
		tell_exec(d, pid, st.ppid);
		identity_seen(d->number, pid, false);
	}
	return true;
}

void
track_forget(void)
{
	bool again = true;

	/* Taking one out moves others: go round until nothing moved. */
	while (again) {
		again = false;
		for (size_t i = 0; i < slot_count; i++) {
			if (slots[i].pid == 0 || slots[i].found == generation)
				continue;
			take_out(&slots[i]);
			again = true;
			i--;
		}
	}
	generation++;
}
