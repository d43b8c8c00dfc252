/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity - which executable a daemon is: path, inode, SHA-256, package and version.
 *
 * A daemon waits its turn (WAIT), is read from /proc (at once), hashed (HASH), looked up in the
 * package database together with the others that wait for it (PACKAGE), and told.  One hash and one
 * package job run at a time.
 */
#include "agent/guard/identity.h"

#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/engine.h"
#include "agent/guard/hash.h"
#include "agent/guard/package.h"
#include "agent/guard/process.h"
#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_MS      1000u
#define BUSY_MS      20u
#define SETTLE_MS    300u /* what a unit runs before its program (ExecStartPre) has gone by then */
#define HASH_BUDGET  (2u << 20)
#define LISTS_BUDGET (2u << 20)
#define HASH_TRIES   3u
#define LOOKS_MAX    3u
#define TOGETHER_MAX 4u /* daemons begun in one slice */

enum identity_state { IDENTITY_IDLE, IDENTITY_WAIT, IDENTITY_HASH, IDENTITY_PACKAGE };

struct facts {
	char *exe; /* owned */
	struct hash_key key;
	uint8_t sha256[HASH_SIZE];
	bool hashed;
	char package[128], version[128];
};

struct identity {
	enum identity_state state;
	uint64_t due_ms;
	pid_t pid; /* of the main process */
	uint64_t start_us;
	uint32_t uid, processes, tries;
	uint32_t looks; /* in vain, as it ran another program by then */
	bool initial, announced, gone;
	char root[32]; /* "" or /proc/PID/root: where its package database is */
	struct facts now, told;
};

static struct identity *entries[DAEMON_TABLE_MAX + 1]; /* by daemon number */
static struct hash_job hashing = { .fd = -1 };
static uint32_t hashing_number;    /* 0: nobody's */
static struct package_job *asking; /* NULL: none; big, so only while needed */
static uint32_t asking_numbers[PACKAGE_QUERIES_MAX];
static uint64_t asking_due_ms;     /* when to begin although others still wait to be hashed */
static identity_listener listener; /* may be NULL */
static uint64_t born_us;           /* of the guard: what is older was found, not seen */

void
identity_set_listener(identity_listener call)
{
	listener = call;
}

void
identity_init(void)
{
	born_us = ds_clock_wall_us();
}

static void
asking_end(void)
{
	if (asking != NULL)
		package_end(asking);
	free(asking);
	asking = NULL;
}

void
identity_done(void)
{
	for (uint32_t i = 1; i <= DAEMON_TABLE_MAX; i++) {
		if (entries[i] == NULL)
			continue;
		free(entries[i]->now.exe);
		free(entries[i]->told.exe);
		free(entries[i]);
		entries[i] = NULL;
	}
	hash_abort(&hashing);
	hashing_number = 0;
	asking_end();
	hash_forget();
}

/* Sessions and jobs are many programs: they have a name, and no identity beyond it. */
static bool
has_executable(const struct daemon *d)
{
	switch (d->role) {
	case DAEMON_SERVICE:
	case DAEMON_CONTAINER:
	case DAEMON_PROCESS:
		return true;
	case DAEMON_SESSION:
	case DAEMON_JOB:
	case DAEMON_TRANSIENT:
	case DAEMON_PACKAGE:
		return false;
	}
	return false;
}

static void
set_text(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	if (text != NULL && text[0] != '\0')
		ds_event_set_str(ev, field, text, strlen(text));
}

static void
event_begin(struct ds_event *ev, enum ds_event_kind kind, const struct daemon *d)
{
	*ev = (struct ds_event){ .kind = (uint8_t)kind, .count = 1 };
	ev->time_us = ds_clock_wall_us();
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
}

static void
event_set_daemon(struct ds_event *ev, const struct daemon *d)
{
	set_text(ev, DS_STR_UNIT, d->unit);
	set_text(ev, DS_STR_INSTANCE, d->instance);
	set_text(ev, DS_STR_ROLE, daemon_role_name(d->role));
	set_text(ev, DS_STR_CONTAINER, d->container);
	set_text(ev, DS_STR_CONTAINER_NAME, d->container_name);
	set_text(ev, DS_STR_IMAGE, d->image);
}

static void
event_set_facts(struct ds_event *ev, const struct facts *f)
{
	set_text(ev, DS_STR_EXE, f->exe);
	set_text(ev, DS_STR_PACKAGE, f->package);
	set_text(ev, DS_STR_PACKAGE_VERSION, f->version);
	ev->num[DS_NUM_INODE] = f->key.inode;
	ev->num[DS_NUM_DEVICE] = f->key.device;
	if (f->hashed)
		ds_event_set_str(ev, DS_STR_SHA256, f->sha256, HASH_SIZE);
	else if (f->exe != NULL)
		ev->flags |= DS_FLAG_PARTIAL;
}

static void
tell_listener(const struct daemon *d, const struct identity *id, pid_t pid)
{
	if (listener != NULL && has_executable(d))
		listener(d->number, pid, id->root, id->told.package);
}

/* The new facts become the told ones. */
static void
tell(const struct daemon *d, struct identity *id)
{
	struct ds_event ev;

	event_begin(&ev, DS_EVENT_DAEMON, d);
	event_set_daemon(&ev, d);
	event_set_facts(&ev, &id->now);
	ev.num[DS_NUM_PID] = (uint64_t)id->pid;
	ev.num[DS_NUM_UID] = id->uid;
	ev.num[DS_NUM_START] = id->start_us;
	ev.num[DS_NUM_PROCESSES] = DS_MAX(id->processes, 1u);
	if (id->initial || id->start_us < born_us)
		ev.flags |= DS_FLAG_INITIAL;
	emit_event(&ev);
	free(id->told.exe);
	id->told = id->now;
	id->now = (struct facts){ 0 };
	id->announced = true;
	id->gone = false;
	id->initial = false;
	id->state = IDENTITY_IDLE;
	tell_listener(d, id, id->pid);
}

static void
tell_gone(const struct daemon *d, struct identity *id)
{
	struct ds_event ev;

	event_begin(&ev, DS_EVENT_DAEMON_GONE, d);
	set_text(&ev, DS_STR_EXE, id->told.exe);
	set_text(&ev, DS_STR_UNIT, d->unit);
	ev.num[DS_NUM_PID] = (uint64_t)id->pid;
	emit_event(&ev);
	id->gone = true;
	id->pid = 0;
	tell_listener(d, id, 0);
}

static struct identity *
entry_of(uint32_t number)
{
	if (number > DAEMON_TABLE_MAX)
		return NULL;
	if (entries[number] == NULL)
		entries[number] = calloc(1, sizeof(struct identity));
	return entries[number];
}

static void
schedule(struct identity *id, pid_t pid, uint64_t delay_ms)
{
	id->pid = pid;
	id->tries = 0;
	if (id->state != IDENTITY_IDLE)
		return; /* what runs is checked against the new process when it is told */
	id->state = IDENTITY_WAIT;
	id->due_ms = ds_clock_monotonic_ms() + delay_ms;
}

static bool
is_alive(pid_t pid)
{
	struct process_stat st;

	return pid > 0 && process_stat(pid, &st) == 0 && !st.zombie;
}

void
identity_seen(uint32_t number, pid_t pid, bool initial)
{
	const struct daemon *d = daemon_get(number);
	struct identity *id = d != NULL && d->watched ? entry_of(number) : NULL;

	if (id == NULL)
		return;
	id->initial |= initial && !id->announced;
	if (!has_executable(d)) {
		id->pid = pid;
		if (!id->announced)
			tell(d, id);
	} else if (pid == id->pid || !is_alive(id->pid)) {
		schedule(id, pid, initial ? 0 : SETTLE_MS);
	} else if (!id->announced) {
		/* What the main process starts before it is told of is not the daemon. */
		schedule(id, id->pid, initial ? 0 : SETTLE_MS);
	}
}

void
identity_update(uint32_t number, pid_t main_pid, uint32_t processes)
{
	const struct daemon *d = daemon_get(number);
	struct identity *id = d != NULL && d->watched ? entry_of(number) : NULL;

	if (id == NULL)
		return;
	id->processes = processes;
	if (main_pid == 0) {
		if (id->announced && !id->gone && has_executable(d) && !is_alive(id->pid))
			tell_gone(d, id);
	} else if (!id->announced || id->gone || (has_executable(d) && main_pid != id->pid)) {
		identity_seen(number, main_pid, false);
		if (has_executable(d))
			schedule(id, main_pid, 0);
	}
}

void
identity_lost(uint32_t number)
{
	const struct daemon *d = daemon_get(number);
	struct identity *id = d != NULL && number <= DAEMON_TABLE_MAX ? entries[number] : NULL;

	if (id != NULL && id->announced && !id->gone)
		tell_gone(d, id);
}

bool
identity_take_name(void)
{
	struct container_info info;
	char id[80];
	uint32_t old = engine_tick(id, &info) ? daemon_name_container(id, &info) : 0;

	if (old != 0)
		identity_lost(old);
	return old != 0;
}

/* Where the package database of a process is: a root directory of its own counts only together
 * with a mount namespace of its own (a chroot has no packages). */
static void
find_root(pid_t pid, char *ret, size_t size)
{
	struct stat ours, theirs, inits;
	char path[64];

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	if (stat("/proc/self/ns/mnt", &ours) < 0 || stat(path, &theirs) < 0 ||
	    ours.st_ino == theirs.st_ino)
		return;
	/* systemd may have given us one of our own; the host's is that of its init. */
	if (stat("/proc/1/ns/mnt", &inits) == 0 && inits.st_ino == theirs.st_ino)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	if (stat("/", &ours) < 0 || stat(path, &theirs) < 0 ||
	    (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev))
		return;
	(void)snprintf(ret, size, "%s", path);
}

/* 1: the same as told before; 0: read; -errno. */
static int
read_process(struct identity *id, int *ret_fd)
{
	struct process_stat stat_now;
	char exe[PROCESS_PATH_MAX];
	struct stat st;
	int fd, r = process_stat(id->pid, &stat_now);

	if (r == 0)
		r = process_exe(id->pid, exe, sizeof(exe), NULL);
	if (r == 0 && process_uid(id->pid, &id->uid) < 0)
		r = -ESRCH;
	if (r < 0)
		return r;
	fd = process_open(id->pid, "exe");
	if (fd < 0)
		return fd;
	free(id->now.exe);
	id->now = (struct facts){ .exe = strdup(exe) };
	if (id->now.exe == NULL || fstat(fd, &st) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	id->start_us = process_start_us(stat_now.start_ticks);
	find_root(id->pid, id->root, sizeof(id->root));
	hash_key_of(&st, &id->now.key);
	if (id->announced && !id->gone && id->told.exe != NULL && strcmp(id->told.exe, exe) == 0 &&
	    hash_key_equal(&id->told.key, &id->now.key)) {
		(void)close(fd);
		return 1;
	}
	*ret_fd = fd;
	return 0;
}

static void
begin(uint32_t number, struct identity *id)
{
	int fd = -1, r = read_process(id, &fd);

	id->state = IDENTITY_IDLE;
	if (r == 1)
		tell_listener(daemon_get(number), id, id->pid); /* perhaps with other arguments */
	if (r != 0)
		return; /* gone, or nothing new: the next sweep or exec comes back to it */
	daemon_set_executable(number, id->now.exe);
	r = hash_begin(&hashing, fd);
	if (r == 0)
		hashing_number = number;
	id->state = r == 0 ? IDENTITY_HASH : IDENTITY_PACKAGE;
}

static void
hash_slice(void)
{
	struct identity *id = entries[hashing_number];
	int r = hash_step(&hashing, HASH_BUDGET, id->now.sha256);

	if (r == 0)
		return;
	hashing_number = 0;
	id->now.hashed = r == 1;
	id->state = IDENTITY_PACKAGE;
	if (r == -EAGAIN && ++id->tries < HASH_TRIES) {
		id->state = IDENTITY_WAIT;
		id->due_ms = ds_clock_monotonic_ms() + IDLE_MS;
	}
}

/* A container's first process is runc for a moment, and becomes its program while runc is hashed.
 */
static bool
runs_another(const struct identity *id)
{
	char exe[PROCESS_PATH_MAX];

	return id->now.exe != NULL && process_exe(id->pid, exe, sizeof(exe), NULL) == 0 &&
	       strcmp(exe, id->now.exe) != 0;
}

/* What was found out, or once more what is to be found out. */
static void
tell_found(uint32_t number, struct identity *id)
{
	if (id->looks < LOOKS_MAX && runs_another(id)) {
		id->looks++;
		id->state = IDENTITY_WAIT;
		id->due_ms = 0;
		return;
	}
	id->looks = 0;
	tell(daemon_get(number), id);
}

/* The first that waits for a package database opens it. */
static bool
asking_open(uint32_t number, struct identity *id)
{
	asking = calloc(1, sizeof(*asking));
	if (asking != NULL && package_begin(asking, id->root) == 0)
		return true;
	asking_end(); /* no memory, or the process has gone: told without */
	tell_found(number, id);
	return false;
}

/* All that wait for a package database with the same root go into one pass over it. */
static void
asking_begin(void)
{
	const char *root = NULL;

	for (uint32_t i = 1; i <= daemon_count(); i++) {
		struct identity *id = entries[i];
		int r;

		if (id == NULL || id->state != IDENTITY_PACKAGE ||
		    (root != NULL && strcmp(root, id->root) != 0))
			continue;
		if (asking == NULL && !asking_open(i, id))
			return;
		root = id->root;
		r = package_add(asking, id->now.exe);
		if (r == -ENOSPC)
			return;
		if (r >= 0)
			asking_numbers[r] = i;
		else
			tell_found(i, id);
	}
}

static void
asking_slice(void)
{
	if (package_step(asking, LISTS_BUDGET) == 0)
		return;
	for (size_t i = 0; i < asking->len; i++) {
		struct identity *id = entries[asking_numbers[i]];
		struct package_query *q = &asking->query[i];

		memcpy(id->now.package, q->name, sizeof(id->now.package));
		memcpy(id->now.version, q->version, sizeof(id->now.version));
		tell_found(asking_numbers[i], id);
	}
	asking_end();
}

/* Begins what is due; whether anything waits. */
static bool
begin_due(uint64_t now_ms)
{
	bool waits = false;
	unsigned begun = 0;

	for (uint32_t i = 1; i <= daemon_count(); i++) {
		struct identity *id = entries[i];

		if (id == NULL || id->state != IDENTITY_WAIT)
			continue;
		waits = true;
		if (now_ms < id->due_ms || hashing_number != 0 || begun == TOGETHER_MAX)
			continue;
		begin(i, id);
		begun++;
		if (hashing_number != 0)
			hash_slice();
	}
	return waits;
}

pid_t
identity_pid(uint32_t number)
{
	const struct identity *id = number <= DAEMON_TABLE_MAX ? entries[number] : NULL;

	return id != NULL && !id->gone ? id->pid : 0;
}

uint32_t
identity_of_main(pid_t pid)
{
	for (uint32_t i = 1; i <= daemon_count(); i++)
		if (identity_pid(i) == pid)
			return i;
	return 0;
}

const char *
identity_exe(uint32_t number)
{
	const struct identity *id = number <= DAEMON_TABLE_MAX ? entries[number] : NULL;

	return id != NULL ? id->told.exe : NULL;
}

uint64_t
identity_tick(uint64_t now_ms)
{
	bool waits;

	if (hashing_number != 0)
		hash_slice();
	waits = begin_due(now_ms);
	/* The package database is read once for all, but nobody's restarts hold up the others. */
	if (asking == NULL && ((hashing_number == 0 && !waits) || now_ms >= asking_due_ms)) {
		asking_due_ms = now_ms + IDLE_MS;
		asking_begin();
	}
	if (asking != NULL)
		asking_slice();
	return hashing_number != 0 || asking != NULL || waits ? BUSY_MS : IDLE_MS;
}
