/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive - see the header. */
#include "ctl/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 512u

struct archive {
	char path[PATH_MAX], part[PATH_MAX];
	int fd; /* -1: finished, or never open */
	time_t now;
};

/* POSIX.1-1988, section 10.1.1: fields are text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
	    magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

struct archive *
archive_new(const char *path, int *ret)
{
	struct archive *a = calloc(1, sizeof(*a));

	*ret = -ENOMEM;
	if (a == NULL)
		return NULL;
	a->fd = -1;
	a->now = time(NULL);
	if ((size_t)snprintf(a->path, sizeof(a->path), "%s", path) >= sizeof(a->path) ||
	    (size_t)snprintf(a->part, sizeof(a->part), "%s.part", path) >= sizeof(a->part))
		*ret = -ENAMETOOLONG;
	else if (access(path, F_OK) == 0)
		*ret = -EEXIST;
	else if ((a->fd = open(
		      a->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		*ret = -errno;
	else
		return a;
	free(a);
	return NULL;
}

static int
put(struct archive *a, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(a->fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int
put_padding(struct archive *a, uint64_t size)
{
	static const char zeroes[BLOCK];

	return put(a, zeroes, (BLOCK - size % BLOCK) % BLOCK);
}

/* Octal digits, or, where they are too few, a number of 95 bits as GNU tar and POSIX pax write it.
 */
static void
put_size(char to[12], uint64_t size)
{
	if (size < UINT64_C(1) << 33) {
		char text[24];

		snprintf(text, sizeof(text), "%011llo", (unsigned long long)size);
		memcpy(to, text, 12);
		return;
	}
	to[0] = (char)0x80;
	for (int i = 11; i > 0; i--, size >>= 8)
		to[i] = (char)(size & 0xff);
}

static int
put_header(struct archive *a, const char *name, uint64_t size)
{
	struct header h = { .mode = "0000600",
		.uid = "0000000",
		.gid = "0000000",
		.type = '0',
		.magic = "ustar",
		.version = { '0', '0' } };
	char text[24];
	unsigned sum = 0;

	if (strlen(name) > sizeof(h.name))
		return -ENAMETOOLONG;
	memcpy(h.name, name, strlen(name));
	put_size(h.size, size);
	snprintf(text, sizeof(text), "%011llo", (unsigned long long)a->now);
	memcpy(h.mtime, text, sizeof(h.mtime));
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h.sum, text, 7);
	return put(a, &h, sizeof(h));
}

int
archive_add(struct archive *a, const char *name, const void *data, size_t size)
{
	int r = put_header(a, name, size);

	if (r == 0)
		r = put(a, data, size);
	return r == 0 ? put_padding(a, size) : r;
}

static int
copy(struct archive *a, int from, uint64_t size)
{
	static char buf[1 << 16];

	for (uint64_t left = size; left > 0;) {
		ssize_t n = read(from, buf, (size_t)DS_MIN(left, sizeof(buf)));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* it became shorter meanwhile */
		r = put(a, buf, (size_t)n);
		if (r < 0)
			return r;
		left -= (uint64_t)n;
	}
	return put_padding(a, size);
}

int
archive_add_file(struct archive *a, const char *name, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r == 0)
		r = put_header(a, name, (uint64_t)st.st_size);
	if (r == 0)
		r = copy(a, fd, (uint64_t)st.st_size);
	close(fd);
	return r;
}

/* The name is durable once its directory is. */
static int
sync_directory(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, r;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0';
	fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int
archive_finish(struct archive *a)
{
	static const char end[2 * BLOCK];
	int r = put(a, end, sizeof(end));

	if (r == 0 && fsync(a->fd) < 0)
		r = -errno;
	/* Not rename(): what came there meanwhile is not replaced. */
	if (r == 0 && link(a->part, a->path) < 0)
		r = -errno;
	return r == 0 ? sync_directory(a->path) : r;
}

void
archive_free(struct archive *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0) {
		close(a->fd);
		unlink(a->part);
	}
	free(a);
}
