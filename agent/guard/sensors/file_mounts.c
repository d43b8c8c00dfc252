/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_mounts - the file systems that fanotify watches, and the paths of its handles.
 *
 * One mark a file system, however often it is mounted; one descriptor each, to open handles with.
 */
#include "agent/guard/sensors/file_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif

#define MOUNTS_MAX 256u
#define HANDLE_MAX 128u

struct mounted {
	char device[24]; /* major:minor, as in mountinfo */
	int fsid[2];
	int fd; /* of the mount point; -1: cannot be marked */
};

static struct mounted mounted[MOUNTS_MAX];
static size_t mounted_len, marked;

static bool
is_of_files(const char *type)
{
	static const char *const types[] = { "ext2", "ext3", "ext4", "xfs", "btrfs", "overlay",
		"tmpfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "vfat", "exfat", "nfs",
		"nfs4" };

	for (size_t i = 0; i < DS_LEN(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Renames with both names since Linux 5.17, else the new name only. */
static int
mark(int fanotify_fd, const char *point)
{
	const uint64_t mask = FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_ONDIR;
	const unsigned flags = FAN_MARK_ADD | FAN_MARK_FILESYSTEM;

	if (fanotify_mark(fanotify_fd, flags, mask | FAN_RENAME, AT_FDCWD, point) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	return fanotify_mark(fanotify_fd, flags, mask | FAN_MOVED_TO, AT_FDCWD, point) < 0 ? -errno
											   : 0;
}

static bool
is_known(const char *device)
{
	for (size_t i = 0; i < mounted_len; i++)
		if (strcmp(mounted[i].device, device) == 0)
			return true;
	return false;
}

static void
add(const char *device, const char *point, void *ctx)
{
	struct mounted *m = &mounted[mounted_len];
	int fanotify_fd = *(const int *)ctx;
	struct statfs fs;

	if (mounted_len == MOUNTS_MAX || is_known(device))
		return;
	*m = (struct mounted){ .fd = -1 };
	(void)snprintf(m->device, sizeof(m->device), "%s", device);
	mounted_len++;
	if (statfs(point, &fs) < 0 || mark(fanotify_fd, point) < 0)
		return;
	m->fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	memcpy(m->fsid, &fs.f_fsid, sizeof(m->fsid));
	marked += m->fd >= 0;
}

/* mountinfo writes blanks as \040. */
static void
unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] != '\0' &&
		    text[3] != '\0') {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [...] - TYPE SOURCE OPTIONS */
static void
see_line(char *line, void (*call)(const char *device, const char *point, void *ctx), void *ctx)
{
	char *word[5], *save = NULL, *type = strstr(line, " - ");

	if (type == NULL)
		return;
	*type = '\0';
	type = strtok_r(type + 3, " ", &save);
	if (type == NULL || !is_of_files(type))
		return;
	word[0] = strtok_r(line, " ", &save);
	for (size_t i = 1; i < DS_LEN(word); i++)
		word[i] = word[i - 1] != NULL ? strtok_r(NULL, " ", &save) : NULL;
	if (word[4] == NULL)
		return;
	unescape(word[4]);
	call(word[2], word[4], ctx);
}

int
mounts_each(void (*call)(const char *device, const char *point, void *ctx), void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	if (f == NULL)
		return -errno;
	while (getline(&line, &size, f) > 0)
		see_line(line, call, ctx);
	free(line);
	(void)fclose(f);
	return 0;
}

int
mounts_mark(int fanotify_fd)
{
	int r = mounts_each(add, &fanotify_fd);

	return r < 0 ? r : (int)marked;
}

void
mounts_done(void)
{
	for (size_t i = 0; i < mounted_len; i++)
		if (mounted[i].fd >= 0)
			(void)close(mounted[i].fd);
	mounted_len = marked = 0;
}

static int
open_handle(const struct fanotify_event_info_fid *info, const struct file_handle *handle)
{
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + HANDLE_MAX];
	} copy;

	memcpy(copy.space, handle, sizeof(*handle) + handle->handle_bytes);
	for (size_t i = 0; i < mounted_len; i++) {
		int fd;

		if (mounted[i].fd < 0 ||
		    memcmp(mounted[i].fsid, &info->fsid, sizeof(mounted[i].fsid)) != 0)
			continue;
		fd = open_by_handle_at(mounted[i].fd, &copy.handle, O_PATH | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -ESTALE;
}

void
mounts_path(const struct fanotify_event_info_fid *info, size_t info_len, char *ret, size_t size)
{
	const struct file_handle *handle = (const void *)info->handle;
	size_t head = sizeof(*info) + sizeof(*handle), name_len;
	const char *name;
	char link[64];
	ssize_t n;
	int fd;

	ret[0] = '\0';
	if (info_len < head || handle->handle_bytes > HANDLE_MAX ||
	    handle->handle_bytes > info_len - head)
		return;
	name = (const char *)info + head + handle->handle_bytes;
	name_len = strnlen(name, info_len - head - handle->handle_bytes);
	fd = open_handle(info, handle);
	if (fd < 0)
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	(void)close(fd);
	if (n < 0 || (size_t)n + name_len + 2 > size) {
		ret[0] = '\0';
		return;
	}
	ret[n] = '\0';
	if (strcmp(ret, "/") == 0)
		n = 0;
	if (name_len > 0 && !(name_len == 1 && name[0] == '.'))
		(void)snprintf(ret + n, size - (size_t)n, "/%.*s", (int)name_len, name);
}
