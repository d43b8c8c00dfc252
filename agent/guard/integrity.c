/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity - tells when a file of a watched daemon changes: program, libraries, unit,
 * configuration.
 *
 * A file waits until it is due, is opened and read in slices, and judged.  What was noticed goes
 * first; files that are new to us wait until nothing else is to be done, and their owners are
 * looked up for all of them in one pass over the package database.
 */
#include "agent/guard/integrity.h"

#include "agent/guard/emit.h"
#include "agent/guard/integrity_judge.h"
#include "agent/guard/integrity_keep.h"
#include "agent/guard/integrity_owner.h"
#include "agent/guard/integrity_scan.h"
#include "agent/guard/notice.h"
#include "agent/guard/sensors/sensors.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define WRITE_MS    20u /* a writer that goes on is looked at after so long */
#define AGAIN_MS    50u
#define TRIES_MAX   20u
#define REST_MS     10u /* between slices of what is not urgent */
#define SLICE_BYTES (2u << 20)
#define SLICE_FILES 16u
#define WALK_S      60u /* every file is looked at once in so many seconds */
#define REREAD_S    21600u
#define MARKS_MAX   (4u * INTEGRITY_FILES_MAX) /* before all are taken away and set again */

static const struct agent_config *config;
static int epoll_fd = -1, timer_fd = -1;
static struct hash_job hashing = { .fd = -1 };
static struct watched_file *reading; /* what hashing reads; NULL: nothing */
static struct file_state fresh;      /* of it */
static int fresh_fd = -1;            /* O_PATH, of it */
static bool reread;                  /* something was noticed while it was read */
static uint64_t overflows, refused_told;
static size_t walk_at, reread_at;

static void
due(struct watched_file *f, uint64_t when_ms, bool urgent)
{
	if (f == reading) {
		reread = true;
		return;
	}
	if (f->phase != FILE_DUE || when_ms < f->due_ms)
		f->due_ms = when_ms;
	f->phase = FILE_DUE;
	f->urgent |= urgent;
	f->fresh |= urgent;
}

static void
stop_reading(void)
{
	hash_abort(&hashing);
	if (fresh_fd >= 0)
		(void)close(fresh_fd);
	fresh_fd = -1;
	reading = NULL;
}

/* Entries that came into being while we looked, and went again, leave nothing behind. */
static bool
has_gone_for_good(const struct watched_file *f)
{
	return f->was_absent && f->now.type == FILE_ABSENT && f->phase == FILE_IDLE;
}

static void
drop_for_all(struct watched_file *f)
{
	uint32_t numbers[INTEGRITY_USERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++)
		if (f->daemon[i] != 0)
			numbers[n++] = f->daemon[i];
	while (n > 0)
		integrity_drop(f, numbers[--n]);
}

/* A directory of a tree came into being: so did what is in it. */
static void
enter_tree(struct watched_file *f, uint64_t now_ms)
{
	bool was_known = f->known;

	integrity_mark_tree(f);
	integrity_scan_tree(f, was_known, now_ms);
}

static void
accept(struct watched_file *f, const struct file_state *before, enum integrity_verdict verdict)
{
	f->now = fresh;
	f->known = true;
	f->tries = 0;
	f->initial = false;
	if (before == NULL || verdict == INTEGRITY_TOLD || verdict == INTEGRITY_EXPLAINED)
		integrity_want(f, before, before == NULL || verdict == INTEGRITY_EXPLAINED);
}

/* The state was read: is it news? */
static void
finish(uint64_t now_ms)
{
	struct watched_file *f = reading;
	struct integrity_change change = { &f->now, &fresh, -1, false };
	enum integrity_verdict verdict = INTEGRITY_SAME;
	bool is_tree = f->tree && fresh.type == FILE_DIRECTORY;
	struct file_state before;

	if (!f->known && integrity_recall(f, &f->now))
		f->known = f->initial = true; /* what it was when we ended */
	before = f->now;
	change.initial = f->initial;
	f->phase = FILE_IDLE;
	f->urgent = f->fresh = false;
	if (f->known) {
		change.fd = fresh.type == FILE_REGULAR ? file_reopen(fresh_fd) : -1;
		/* A directory that is one of a tree's is told by what is in it. */
		if (!is_tree)
			verdict = integrity_judge(f, &change, now_ms);
		if (change.fd >= 0)
			(void)close(change.fd);
	} else if (!f->owner_known && f->dir->root == 0) {
		integrity_owner_want();
	}
	if (verdict == INTEGRITY_POSTPONED) {
		f->urgent = true;
		if (!f->owner_known)
			integrity_owner_want();
	} else {
		if (is_tree)
			enter_tree(f, now_ms);
		accept(f, f->known ? &before : NULL, verdict);
	}
	stop_reading();
	if (reread)
		due(f, now_ms, true);
	else if (has_gone_for_good(f))
		drop_for_all(f);
}

static void
retry(uint64_t now_ms)
{
	struct watched_file *f = reading;

	stop_reading();
	f->phase = FILE_DUE;
	f->due_ms = now_ms + AGAIN_MS;
}

/* Opens what is due.  False: it is finished already. */
static bool
begin(struct watched_file *f, uint64_t now_ms)
{
	int root = integrity_root(f->dir->root), r;

	/* The file system of a container ended with its processes: nothing in it was changed.  Its
	 * daemon is looked at anew when it comes back. */
	if (root < 0 && root != AT_FDCWD) {
		f->phase = FILE_IDLE;
		drop_for_all(f);
		return false;
	}
	reading = f;
	reread = false;
	f->phase = FILE_HASHING;
	fresh_fd = file_open_path(root, f->path);
	if (root >= 0)
		(void)close(root);
	integrity_mark(f, fresh_fd); /* before it is read: what happens next is noticed */
	r = file_state_read(fresh_fd, &fresh);
	if (r == 0 && fresh.type == FILE_REGULAR && !f->fresh && f->known && f->now.hashed &&
	    hash_key_equal(&fresh.key, &f->now.key)) {
		memcpy(fresh.sha256, f->now.sha256, HASH_SIZE);
		fresh.hashed = true;
	} else if (r == 0 && fresh.type == FILE_REGULAR) {
		r = file_reopen(fresh_fd);
		if (r >= 0)
			r = hash_begin(&hashing, r);
		if (r == 0) {
			hashing.fresh = f->fresh;
			return true;
		}
	}
	finish(now_ms);
	return false;
}

static void
read_slice(uint64_t now_ms)
{
	int r = hash_step(&hashing, SLICE_BYTES, fresh.sha256);

	if (r == 0)
		return;
	if (r == 1 && hash_key_equal(&hashing.key, &fresh.key)) {
		fresh.hashed = true;
		finish(now_ms);
	} else if (++reading->tries < TRIES_MAX) {
		retry(now_ms); /* it is being written to */
	} else {
		finish(now_ms);
	}
}

static struct watched_file *
next_due(uint64_t now_ms, bool urgent, uint64_t *ret_when_ms)
{
	struct watched_file *best = NULL;

	for (size_t i = 0; i < integrity_len(); i++) {
		struct watched_file *f = integrity_at(i);

		if (f->phase != FILE_DUE || f->urgent != urgent)
			continue;
		*ret_when_ms = DS_MIN(*ret_when_ms, f->due_ms);
		if (f->due_ms <= now_ms && (best == NULL || f->due_ms < best->due_ms))
			best = f;
	}
	return best;
}

static void
arm(uint64_t now_ms, uint64_t when_ms)
{
	struct itimerspec at = { 0 };
	uint64_t wait_ms = when_ms > now_ms ? when_ms - now_ms : 0;

	if (when_ms != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(wait_ms / 1000);
		at.it_value.tv_nsec = (long)(wait_ms % 1000) * 1000000 + 1;
	}
	(void)timerfd_settime(timer_fd, 0, &at, NULL);
}

/* Some of what is due, then the timer for the rest. */
static void
work(void)
{
	uint64_t now_ms = ds_clock_monotonic_ms(), when_ms = UINT64_MAX, calm_ms = UINT64_MAX;
	struct watched_file *f = NULL;
	bool kept = false;

	for (unsigned n = 0; n < SLICE_FILES; n++) {
		when_ms = calm_ms = UINT64_MAX;
		f = reading == NULL ? next_due(now_ms, true, &when_ms) : NULL;
		if (reading == NULL && f == NULL && n == 0)
			f = next_due(now_ms, false, &calm_ms); /* one in a slice */
		if (f == NULL && reading == NULL)
			break;
		if (f == NULL || begin(f, now_ms)) {
			read_slice(now_ms);
			if (reading != NULL)
				break;
		}
		now_ms = ds_clock_monotonic_ms();
	}
	if (reading == NULL && f == NULL && !integrity_owner_is_wanted())
		kept = integrity_keep_one();
	if (reading == NULL && integrity_owner_is_wanted() &&
	    next_due(now_ms, false, &calm_ms) == NULL)
		integrity_owner_slice();
	when_ms = calm_ms = UINT64_MAX;
	(void)next_due(now_ms, true, &when_ms);
	(void)next_due(now_ms, false, &calm_ms);
	if (calm_ms != UINT64_MAX || integrity_owner_is_wanted())
		when_ms = DS_MIN(when_ms, DS_MAX(calm_ms, now_ms + REST_MS));
	if (integrity_owner_is_wanted() || kept)
		when_ms = DS_MIN(when_ms, now_ms + REST_MS);
	if (reading != NULL)
		when_ms = now_ms + (reading->urgent ? 0 : REST_MS);
	arm(now_ms, when_ms);
}

static void
all_due(uint64_t now_ms)
{
	for (size_t i = 0; i < integrity_len(); i++)
		due(integrity_at(i), now_ms, true);
}

/* Other names of the same file are changed with it. */
static void
twins_due(const struct watched_file *f, uint64_t when_ms)
{
	for (size_t i = 0; i < integrity_len() && f->now.links > 1; i++) {
		struct watched_file *twin = integrity_at(i);

		if (twin != f && twin->now.key.inode == f->now.key.inode &&
		    twin->now.key.device == f->now.key.device)
			due(twin, when_ms, true);
	}
}

static void
on_name(const struct watched_dir *d, const struct notice *n, uint64_t now_ms)
{
	struct watched_file *f = integrity_scan_name(d, n->name, n->name_len);

	if (f == NULL)
		return;
	integrity_note_changer(f, n->pid);
	/* What is new in a tree is usually written to next; and who removed a file, or put another
	 * in its place, is told before what became of it. */
	due(f, now_ms + WRITE_MS, true);
}

static void
on_moved_dir(struct watched_dir *d, uint64_t now_ms)
{
	d->key = 0; /* marked anew with the next file in it that is looked at */
	for (size_t i = 0; i < integrity_len(); i++)
		if (integrity_at(i)->dir == d || integrity_at(i)->inner == d)
			due(integrity_at(i), now_ms, true);
}

static void
on_notice(const struct notice *n)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct watched_file *f;
	struct watched_dir *d;

	if (n->what == NOTICE_OVERFLOW) {
		overflows++;
		all_due(now_ms);
		return;
	}
	integrity_of_key(n->key, &f, &d);
	if (d != NULL && n->what == NOTICE_NAME)
		on_name(d, n, now_ms);
	else if (d != NULL && n->what == NOTICE_MOVED)
		on_moved_dir(d, now_ms);
	if (f == NULL || n->what == NOTICE_NAME)
		return;
	integrity_note_changer(f, n->pid);
	due(f, n->what == NOTICE_WRITE ? now_ms + WRITE_MS : now_ms, true);
	twins_due(f, now_ms);
}

static int
integrity_open(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fds[3], r;

	if (!config->integrity)
		return -EOPNOTSUPP;
	r = notice_open(fds);
	if (r < 0)
		return r;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fds[2] = timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	for (size_t i = 0; i < DS_LEN(fds); i++)
		if (fds[i] >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
			r = -errno;
	if (r < 0 || epoll_fd < 0 || timer_fd < 0) {
		notice_close();
		return r < 0 ? r : -EMFILE;
	}
	arm(0, 0); /* what was found before */
	return epoll_fd;
}

static int
integrity_drain(void)
{
	struct epoll_event events[3];
	uint64_t expired;

	if (epoll_wait(epoll_fd, events, DS_LEN(events), 0) <= 0)
		return 0;
	(void)notice_drain(on_notice);
	(void)!read(timer_fd, &expired, sizeof(expired));
	work();
	return 0;
}

/* Looks whether stat(2) still says the same; the contents once in a long while. */
static void
walk(uint64_t now_ms)
{
	size_t len = integrity_len(), some = len / WALK_S + 1;
	static uint64_t reread_due_ms;

	for (size_t i = 0; i < DS_MIN(some, len); i++) {
		struct watched_file *f = integrity_at(walk_at++ % len);

		if (f->known && f->phase == FILE_IDLE)
			due(f, now_ms, false);
	}
	if (len > 0 && now_ms >= reread_due_ms) {
		struct watched_file *f = integrity_at(reread_at++ % len);

		reread_due_ms = now_ms + 1000ull * REREAD_S / len;
		f->fresh = f->phase == FILE_DUE && !f->urgent;
	}
}

static void
integrity_tick(uint64_t now_ms)
{
	integrity_scan_options(config);
	walk(now_ms);
	if (integrity_refused() > refused_told) {
		emit_gap("integrity", integrity_refused() - refused_told, 0,
		    "daemons have more files than are watched");
		refused_told = integrity_refused();
	}
	if (integrity_marks() > MARKS_MAX) {
		notice_flush();
		integrity_mark_dirs();
		all_due(now_ms);
	}
	work();
}

static uint64_t
integrity_lost(void)
{
	return overflows;
}

static void
integrity_close(void)
{
	stop_reading();
	integrity_owner_end();
	notice_close();
	if (timer_fd >= 0)
		(void)close(timer_fd);
	if (epoll_fd >= 0)
		(void)close(epoll_fd);
	timer_fd = epoll_fd = -1;
}

const struct sensor sensor_integrity = {
	.name = "integrity",
	.plain = true,
	.kinds = 1ull << DS_EVENT_INTEGRITY,
	.open = integrity_open,
	.drain = integrity_drain,
	.tick = integrity_tick,
	.lost = integrity_lost,
	.close = integrity_close,
};

int
integrity_init(const struct agent_config *new_config)
{
	config = new_config;
	return integrity_table_init();
}

void
integrity_configure(const struct agent_config *new_config)
{
	config = new_config;
	integrity_scan_forget_options();
}

void
integrity_done(void)
{
	stop_reading();
	integrity_table_done();
	refused_told = overflows = 0;
	integrity_owner_end();
}

void
integrity_daemon(uint32_t number, pid_t pid, const char *root, const char *package)
{
	if (timer_fd < 0)
		return;
	integrity_scan_daemon(number, pid, root, package);
	arm(0, 0);
}

void
integrity_reacted(const char *path)
{
	struct watched_file *f = integrity_get(0, path);
	int fd;

	if (f == NULL || !f->known)
		return;
	if (f == reading)
		stop_reading();
	if (file_state_whole(path, &f->now) < 0)
		f->now = (struct file_state){ .type = FILE_ABSENT };
	f->phase = FILE_IDLE;
	f->urgent = f->fresh = false;
	free(f->changer);
	f->changer = NULL;
	f->first_ms = 0;
	fd = file_open_path(AT_FDCWD, path);
	integrity_mark(f, fd);
	if (fd >= 0)
		(void)close(fd);
}
