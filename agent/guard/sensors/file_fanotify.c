/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_fanotify - files created, written, renamed, removed and changed, by fanotify.
 *
 * For kernels without BPF.  Whole file systems are marked (file_mounts.c); the kernel says pid,
 * directory handle and name.  Most events are of processes that nobody watches: who a pid is, is
 * remembered for a moment, and only a watched one costs a path.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/exec_track.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/file_mounts.h"
#include "agent/guard/sensors/fold.h"
#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FAN_RENAME
#define FAN_RENAME                        0x10000000
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

#define READS_MAX  16u /* buffers a drain */
#define PIDS       256u
#define PID_MS     2000u
#define REMOUNT_MS 10000u

static int fd = -1;
static uint64_t lost;
static uint64_t mounts_ms; /* when the mounts were looked at */

/* Who a pid was a moment ago. */
static struct remembered {
	pid_t pid;
	uint32_t number;
	uint64_t until_ms;
} remembered[PIDS];

static bool
is_ours(pid_t pid)
{
	struct process_stat st;

	return pid == getpid() || (process_stat(pid, &st) == 0 && st.ppid == getpid());
}

static const struct daemon *
daemon_of_pid(pid_t pid, uint64_t now_ms)
{
	struct remembered *m = &remembered[(unsigned)pid % PIDS];
	const struct daemon *d;

	if (pid <= 0)
		return NULL; /* outside of our pid namespace */
	if (m->pid == pid && now_ms < m->until_ms)
		return daemon_get(m->number);
	d = daemon_get(track_daemon(pid));
	if (d == NULL)
		d = daemon_of_process(pid);
	if (is_ours(pid))
		d = NULL; /* the spool's own files must not fill the spool */
	*m = (struct remembered){ pid, d != NULL ? d->number : 0, now_ms + PID_MS };
	return d;
}

/* One event's directory handles with names; views into the buffer. */
struct names {
	const struct fanotify_event_info_fid *at, *from, *to;
	uint16_t at_len, from_len, to_len;
};

static void
find_names(const struct fanotify_event_metadata *m, struct names *ret)
{
	const char *at = (const char *)m + m->metadata_len, *end = (const char *)m + m->event_len;

	*ret = (struct names){ 0 };
	while ((size_t)(end - at) >= sizeof(struct fanotify_event_info_fid)) {
		const struct fanotify_event_info_fid *info = (const void *)at;
		uint16_t len = info->hdr.len;

		if (len < sizeof(*info) || len > (size_t)(end - at))
			return;
		if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
			ret->at = info;
			ret->at_len = len;
		} else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME) {
			ret->from = info;
			ret->from_len = len;
		} else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME) {
			ret->to = info;
			ret->to_len = len;
		}
		at += len;
	}
}

static void
begin(struct ds_event *ev, enum ds_event_kind kind, const struct daemon *d, pid_t pid)
{
	static char exe[PROCESS_PATH_MAX];
	uint32_t uid;

	*ev = (struct ds_event){ .kind = (uint8_t)kind, .count = 1, .flags = DS_FLAG_FALLBACK };
	ev->time_us = ds_clock_wall_us();
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev->num[DS_NUM_PID] = (uint64_t)pid;
	if (process_uid(pid, &uid) == 0)
		ev->num[DS_NUM_UID] = uid;
	if (process_exe(pid, exe, sizeof(exe), NULL) == 0)
		ds_event_set_str(ev, DS_STR_EXE, exe, strlen(exe));
	else
		ev->flags |= DS_FLAG_PARTIAL; /* it has ended */
}

static void
set_file(struct ds_event *ev, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	ev->num[DS_NUM_INODE] = st.st_ino;
	ev->num[DS_NUM_DEVICE] = st.st_dev;
	ev->num[DS_NUM_MODE] = st.st_mode & 07777;
}

/* The kinds' bits, in the order in which they are told when the kernel merged several. */
static const struct bit {
	uint64_t mask;
	enum ds_event_kind kind;
} bits[] = {
	{ FAN_CREATE, DS_EVENT_FILE_CREATE },
	{ FAN_CLOSE_WRITE, DS_EVENT_FILE_WRITE },
	{ FAN_ATTRIB, DS_EVENT_FILE_CHMOD },
	{ FAN_MOVED_TO, DS_EVENT_FILE_RENAME },
	{ FAN_DELETE, DS_EVENT_FILE_UNLINK },
};

static void
tell(uint64_t mask, const char *path, const char *target, const struct daemon *d, pid_t pid)
{
	for (size_t i = 0; i < DS_LEN(bits); i++) {
		struct ds_event ev;

		if ((mask & bits[i].mask) == 0)
			continue;
		begin(&ev, bits[i].kind, d, pid);
		ds_event_set_str(&ev, DS_STR_PATH, path, DS_MIN(strlen(path), DS_PATH_MAX));
		if (target != NULL)
			ds_event_set_str(
			    &ev, DS_STR_TARGET_PATH, target, DS_MIN(strlen(target), DS_PATH_MAX));
		if (path[0] == '\0')
			ev.flags |= DS_FLAG_PARTIAL;
		else if (bits[i].kind != DS_EVENT_FILE_UNLINK &&
			 bits[i].kind != DS_EVENT_FILE_RENAME)
			set_file(&ev, path);
		fold_event(&ev, path, strlen(path));
	}
}

static void
handle(const struct fanotify_event_metadata *m)
{
	static char path[PROCESS_PATH_MAX + 256], target[PROCESS_PATH_MAX + 256];
	const struct daemon *d;
	struct names names;

	if ((m->mask & FAN_Q_OVERFLOW) != 0) {
		lost++; /* at least one; the kernel does not say how many */
		emit_gap("file_fanotify", 1, 0, "the kernel's queue of file events was full");
		return;
	}
	d = daemon_of_pid(m->pid, ds_clock_monotonic_ms());
	if (d == NULL || !d->watched)
		return;
	find_names(m, &names);
	if (names.from != NULL && names.to != NULL) {
		mounts_path(names.from, names.from_len, path, sizeof(path));
		mounts_path(names.to, names.to_len, target, sizeof(target));
		tell(FAN_MOVED_TO, path, target, d, m->pid);
	} else if (names.at != NULL) {
		mounts_path(names.at, names.at_len, path, sizeof(path));
		tell(m->mask, path, NULL, d, m->pid);
	}
}

static int
file_drain(void)
{
	static char data[64u << 10] __attribute__((aligned(8)));
	int count = 0;

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t n = read(fd, data, sizeof(data));
		struct fanotify_event_metadata *m = (void *)data;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? count : -errno;
		for (; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
			if (m->vers != FANOTIFY_METADATA_VERSION)
				return -EPROTO;
			if (m->fd >= 0)
				(void)close(m->fd);
			handle(m);
			count++;
		}
	}
	return count;
}

static void
file_close(void)
{
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
	mounts_done();
}

static int
file_open(void)
{
	int r;

	fd = fanotify_init(
	    FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
	if (fd < 0)
		return -errno;
	lost = 0;
	mounts_ms = ds_clock_monotonic_ms();
	r = mounts_mark(fd);
	if (r <= 0) {
		file_close();
		return r < 0 ? r : -EOPNOTSUPP;
	}
	return fd;
}

static void
file_tick(uint64_t now_ms)
{
	fold_tick(now_ms);
	if (now_ms - mounts_ms < REMOUNT_MS)
		return;
	mounts_ms = now_ms;
	(void)mounts_mark(fd); /* what is new and can be marked */
}

static uint64_t
file_lost(void)
{
	return lost;
}

const struct sensor sensor_file_fanotify = {
	.name = "file_fanotify",
	.replaces = "file",
	.kinds = 1ull << DS_EVENT_FILE_CREATE | 1ull << DS_EVENT_FILE_WRITE |
		 1ull << DS_EVENT_FILE_CHMOD | 1ull << DS_EVENT_FILE_RENAME |
		 1ull << DS_EVENT_FILE_UNLINK,
	.blind =
	    "file systems that fanotify refuses, who did it when the process has ended, writes until the file is closed",
	.open = file_open,
	.drain = file_drain,
	.tick = file_tick,
	.lost = file_lost,
	.close = file_close,
};
