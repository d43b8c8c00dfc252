/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notice - the kernel's word that a file or a name in a directory changed.
 *
 * A fanotify mark is known by its file handle, of which a hash is kept; an inotify mark by its
 * number.  A hash that happens to be another's costs one look at a file too many.
 */
#include "agent/guard/notice.h"

#include "lib/map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

#define READS_MAX    16u /* buffers a drain */
#define HANDLE_MAX   128u
#define INOTIFY_KEYS (1ull << 63) /* keys of inotify marks have this bit, those of fanotify not */

#define DIR_MASK                                                                     \
	(FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_DELETE_SELF | \
	    FAN_MOVE_SELF | FAN_ONDIR)
#define FILE_MASK (FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF)
#define DIR_INOTIFY \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)
#define FILE_INOTIFY (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

struct handle_key {
	int fsid[2];
	int type;
	unsigned char bytes[HANDLE_MAX];
};

static int fan_fd = -1, ino_fd = -1;
static void (*handler)(const struct notice *n);
static int told;

bool
notice_has_pid(void)
{
	return fan_fd >= 0;
}

int
notice_open(int ret_fd[2])
{
	fan_fd = fanotify_init(
	    FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_DFID_NAME | FAN_CLOEXEC | FAN_NONBLOCK,
	    O_RDONLY);
	ino_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fan_fd < 0 && ino_fd < 0)
		return -errno;
	ret_fd[0] = fan_fd;
	ret_fd[1] = ino_fd;
	return 0;
}

void
notice_close(void)
{
	if (fan_fd >= 0)
		(void)close(fan_fd);
	if (ino_fd >= 0)
		(void)close(ino_fd);
	fan_fd = ino_fd = -1;
}

static uint64_t
key_of(const int fsid[2], const struct file_handle *handle)
{
	struct handle_key key = { .fsid = { fsid[0], fsid[1] }, .type = handle->handle_type };

	memcpy(key.bytes, handle->f_handle, DS_MIN(handle->handle_bytes, HANDLE_MAX));
	return (ds_hash(&key, offsetof(struct handle_key, bytes) + handle->handle_bytes) | 1) &
	       ~INOTIFY_KEYS;
}

static int
mark_fanotify(int fd, const char *path, bool directory, uint64_t *ret_key)
{
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + HANDLE_MAX];
	} at = { .handle.handle_bytes = HANDLE_MAX };
	uint64_t mask = directory ? DIR_MASK : FILE_MASK;
	struct statfs fs;
	int mount_id, fsid[2];

	if (fan_fd < 0)
		return -ENOSYS;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	/* The second is for file systems (overlay) whose handles cannot be opened: Linux 6.5. */
	if (name_to_handle_at(fd, "", &at.handle, &mount_id, AT_EMPTY_PATH) < 0) {
		at.handle.handle_bytes = HANDLE_MAX;
		if (name_to_handle_at(
			fd, "", &at.handle, &mount_id, AT_EMPTY_PATH | AT_HANDLE_FID) < 0)
			return -errno;
	}
	if (fanotify_mark(fan_fd, FAN_MARK_ADD, mask, AT_FDCWD, path) < 0)
		return -errno;
	memcpy(fsid, &fs.f_fsid, sizeof(fsid));
	*ret_key = key_of(fsid, &at.handle);
	return 0;
}

int
notice_mark(int fd, bool directory, uint64_t *ret_key)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mark_fanotify(fd, path, directory, ret_key) == 0)
		return 0;
	if (ino_fd < 0)
		return -ENOSYS;
	r = inotify_add_watch(ino_fd, path, directory ? DIR_INOTIFY : FILE_INOTIFY);
	if (r < 0)
		return -errno;
	*ret_key = INOTIFY_KEYS | (unsigned)r;
	return 0;
}

void
notice_flush(void)
{
	/* inotify's go with their inodes, and one inode has one mark: nothing grows there. */
	if (fan_fd >= 0)
		(void)fanotify_mark(fan_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
}

static void
tell(const struct notice *n)
{
	told++;
	handler(n);
}

/* Notices about the marked object itself, for fanotify's and inotify's bits, which are the same. */
static void
tell_self(uint64_t key, uint64_t mask, pid_t pid)
{
	struct notice n = { .key = key, .pid = pid };

	if ((mask & (FAN_CLOSE_WRITE | FAN_ATTRIB)) != 0)
		n.what = NOTICE_DONE;
	else if ((mask & FAN_MODIFY) != 0)
		n.what = NOTICE_WRITE;
	else if ((mask & (FAN_DELETE_SELF | FAN_MOVE_SELF)) != 0)
		n.what = NOTICE_MOVED;
	else
		return;
	tell(&n);
}

static void
tell_name(uint64_t key, const char *name, size_t len, pid_t pid)
{
	tell(&(struct notice){
	    .what = NOTICE_NAME, .key = key, .name = name, .name_len = len, .pid = pid });
}

static void
on_info(
    const struct fanotify_event_metadata *m, const struct fanotify_event_info_fid *info, size_t len)
{
	const uint64_t names = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO;
	const struct file_handle *handle = (const void *)info->handle;
	size_t head = sizeof(*info) + sizeof(*handle);
	const char *name;
	int fsid[2];
	uint64_t key;

	if (len < head || handle->handle_bytes > HANDLE_MAX || handle->handle_bytes > len - head)
		return;
	memcpy(fsid, &info->fsid, sizeof(fsid));
	key = key_of(fsid, handle);
	name = (const char *)info + head + handle->handle_bytes;
	if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME && (m->mask & FAN_ONDIR) != 0 &&
	    (m->mask & names) == 0)
		tell_self(key, m->mask, m->pid);
	else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME)
		/* Also of what happens to a file: an overlay's file gets another handle when it is
		 * copied up, its name stays. */
		tell_name(key, name, strnlen(name, len - head - handle->handle_bytes), m->pid);
	else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_FID)
		tell_self(key, m->mask & ~names, m->pid);
}

static void
on_fanotify(const struct fanotify_event_metadata *m, const char *at, const char *end)
{
	if ((m->mask & FAN_Q_OVERFLOW) != 0) {
		tell(&(struct notice){ .what = NOTICE_OVERFLOW });
		return;
	}
	while ((size_t)(end - at) >= sizeof(struct fanotify_event_info_fid)) {
		const struct fanotify_event_info_fid *info = (const void *)at;

		if (info->hdr.len < sizeof(*info) || info->hdr.len > (size_t)(end - at))
			return;
		on_info(m, info, info->hdr.len);
		at += info->hdr.len;
	}
}

static void
drain_fanotify(char *data, size_t size)
{
	for (unsigned i = 0; fan_fd >= 0 && i < READS_MAX; i++) {
		ssize_t n = read(fan_fd, data, size);
		struct fanotify_event_metadata m; /* events are aligned to 4 bytes only */

		if (n <= 0)
			return;
		for (char *at = data; data + n - at >= (ssize_t)sizeof(m); at += m.event_len) {
			memcpy(&m, at, sizeof(m));
			if (m.vers != FANOTIFY_METADATA_VERSION || m.event_len < sizeof(m) ||
			    m.event_len > data + n - at || m.metadata_len > m.event_len)
				return;
			if (m.fd >= 0)
				(void)close(m.fd);
			on_fanotify(&m, at + m.metadata_len, at + m.event_len);
		}
	}
}

static void
on_inotify(const struct inotify_event *e)
{
	const uint32_t names = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
	uint64_t key = INOTIFY_KEYS | (unsigned)e->wd;

	if ((e->mask & IN_Q_OVERFLOW) != 0)
		tell(&(struct notice){ .what = NOTICE_OVERFLOW });
	else if ((e->mask & names) != 0 && e->len > 0)
		tell_name(key, e->name, strnlen(e->name, e->len), 0);
	else
		tell_self(key,
		    e->mask &
			(IN_CLOSE_WRITE | IN_ATTRIB | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF),
		    0);
}

static void
drain_inotify(char *data, size_t size)
{
	for (unsigned i = 0; ino_fd >= 0 && i < READS_MAX; i++) {
		ssize_t n = read(ino_fd, data, size);
		const struct inotify_event *e;

		if (n <= 0)
			return;
		for (const char *at = data; at + sizeof(*e) <= data + n;
		     at += sizeof(*e) + e->len) {
			e = (const void *)at;
			if (e->len > (size_t)(data + n - at) - sizeof(*e))
				return;
			on_inotify(e);
		}
	}
}

int
notice_drain(void (*call)(const struct notice *n))
{
	static char data[16u << 10] __attribute__((aligned(8)));

	told = 0;
	handler = call;
	drain_fanotify(data, sizeof(data));
	drain_inotify(data, sizeof(data));
	return told;
}
