/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow - reads the lines of one log file, each once.
 *
 * Called by logs on the uplink's only thread.  Owns the descriptor of the file being read.
 */
#include "agent/uplink/logs/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIBLINGS_MAX 1000u /* entries of a directory looked at */

static uint64_t
hash_of(const uint8_t *data, size_t size)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * UINT64_C(1099511628211);
	return h;
}

static ssize_t
read_at(int fd, void *ret, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, ret, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static bool
head_is_same(const struct follow *f, int fd)
{
	uint8_t head[FOLLOW_HEAD];
	ssize_t n;

	if (f->head_size == 0)
		return true;
	n = read_at(fd, head, f->head_size, 0);
	return n == (ssize_t)f->head_size && hash_of(head, f->head_size) == f->head_hash;
}

/* The hash grows with the file until it has all its bytes, but never over what was not read yet. */
static void
learn_head(struct follow *f)
{
	uint8_t head[FOLLOW_HEAD];
	size_t want = (size_t)DS_MIN((uint64_t)FOLLOW_HEAD, f->offset);
	ssize_t n;

	if (want <= f->head_size)
		return;
	n = read_at(f->fd, head, want, 0);
	if (n != (ssize_t)want)
		return;
	f->head_size = (uint32_t)want;
	f->head_hash = hash_of(head, want);
}

static int
open_log(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

/* What has the name now.  What may not be read any more was opened while it might. */
static int
open_named(struct follow *f)
{
	struct stat named, opened;
	int fd = open_log(AT_FDCWD, f->path);

	if (fd != -EACCES || f->early_fd < 0)
		return fd;
	fd = f->early_fd;
	f->early_fd = -1;
	if (stat(f->path, &named) == 0 && fstat(fd, &opened) == 0 &&
	    named.st_ino == opened.st_ino && named.st_dev == opened.st_dev)
		return fd;
	close(fd);
	return -EACCES;
}

static void
begin_at(struct follow *f, int fd, uint64_t inode, uint64_t offset)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->inode = inode;
	f->offset = offset;
	f->head_size = 0;
	f->is_skipping = false;
	learn_head(f);
}

/* Is this the file that the place is in?  By its first bytes and its length; a copy counts. */
static bool
holds_place(const struct follow *f, int fd, const struct stat *st)
{
	return (uint64_t)st->st_size >= f->offset && head_is_same(f, fd) &&
	       (f->head_size > 0 || (uint64_t)st->st_ino == f->inode);
}

/* What was rotated or copied away: a file beside it whose name begins the same.  An fd or -ENOENT.
 */
static int
find_rotated(const struct follow *f, uint64_t *ret_inode)
{
	char dir[FOLLOW_PATH];
	const char *slash = strrchr(f->path, '/'), *base = slash != NULL ? slash + 1 : f->path;
	struct dirent *e;
	unsigned seen = 0;
	int fd = -ENOENT;
	DIR *d;

	if (f->head_size == 0 && f->inode == 0)
		return -ENOENT;
	snprintf(dir, sizeof(dir), "%.*s/", slash != NULL ? (int)(slash - f->path) : 1,
	    slash != NULL ? f->path : ".");
	d = opendir(dir);
	if (d == NULL)
		return -ENOENT;
	while (fd < 0 && seen++ < SIBLINGS_MAX && (e = readdir(d)) != NULL) {
		struct stat st;

		if (strncmp(e->d_name, base, strlen(base)) != 0 || strcmp(e->d_name, base) == 0)
			continue;
		fd = open_log(dirfd(d), e->d_name);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && holds_place(f, fd, &st)) {
			*ret_inode = (uint64_t)st.st_ino;
			break;
		}
		close(fd);
		fd = -ENOENT;
	}
	closedir(d);
	return fd;
}

/* The place is not in what has the file's name now. */
static int
find_place(struct follow *f, int fd, const struct stat *st, const struct follow_ops *ops)
{
	uint64_t inode;
	int old = find_rotated(f, &inode);

	if (old >= 0) {
		if (fd >= 0 && fd != f->fd)
			close(fd);
		if (f->fd >= 0)
			close(f->fd);
		f->fd = old;
		f->inode = inode;
		return 0;
	}
	if (f->offset > 0 && st != NULL && (uint64_t)st->st_ino != f->inode)
		ops->lost("the file that was read has gone", ops->ctx);
	if (fd >= 0) {
		if (fd == f->fd)
			f->fd = -1;
		begin_at(f, fd, (uint64_t)st->st_ino, 0);
	}
	return 0;
}

/* Nothing is open: what has the name now, or where an earlier run left off. */
static int
open_current(struct follow *f, const struct follow_ops *ops)
{
	struct stat st;
	int fd = open_named(f);

	if (fd == -ENOENT)
		return f->offset > 0 ? find_place(f, -1, NULL, ops) : 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	if (f->offset == 0) {
		begin_at(f, fd, (uint64_t)st.st_ino, 0);
		return 0;
	}
	if (!holds_place(f, fd, &st))
		return find_place(f, fd, &st, ops);
	f->fd = fd;
	f->inode = (uint64_t)st.st_ino;
	return 0;
}

/* Copytruncate, or "> auth.log": the file is the same and the place is not in it. */
static int
check_truncated(struct follow *f, const struct follow_ops *ops)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size >= f->offset && head_is_same(f, f->fd))
		return 0;
	return find_place(f, f->fd, &st, ops);
}

/* Whether another file has the name now, and has something in it. */
static bool
is_replaced(const struct follow *f, struct stat *ret)
{
	return stat(f->path, ret) == 0 && (uint64_t)ret->st_ino != f->inode && ret->st_size > 0;
}

/* Gives away the whole lines of a chunk, and moves behind each once it is given: whoever asks for
 * the place in between gets one that fits what was given.  How many bytes are done with. */
static size_t
give_lines(struct follow *f, const char *data, size_t len, const struct follow_ops *ops)
{
	size_t done = 0;

	while (done < len) {
		const char *line = data + done, *end = memchr(line, '\n', len - done);
		size_t n, whole;

		if (end == NULL)
			break;
		n = (size_t)(end - line);
		whole = n + 1;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		if (!f->is_skipping && n > 0)
			ops->line(line, n, ops->ctx);
		f->is_skipping = false;
		f->offset += whole;
		done += whole;
	}
	if (done > 0 || len < FOLLOW_LINE)
		return done;
	/* No end in sight: its beginning is all we want of it. */
	if (!f->is_skipping)
		ops->line(data, len, ops->ctx);
	f->is_skipping = true;
	f->offset += len;
	return len;
}

/* 1: there may be more; 0: at the end; -errno. */
static int
read_some(struct follow *f, size_t budget, const struct follow_ops *ops)
{
	static char chunk[FOLLOW_LINE];
	size_t done = 0;

	while (done < budget) {
		ssize_t n = read_at(f->fd, chunk, sizeof(chunk), f->offset);
		size_t used;

		if (n <= 0)
			return (int)n;
		used = give_lines(f, chunk, (size_t)n, ops);
		done += used;
		learn_head(f);
		if (used == 0)
			return 0; /* the rest of the line is still to come */
	}
	return 1;
}

int
follow_read(struct follow *f, size_t budget, const struct follow_ops *ops)
{
	/* Two files at most in one go: what was rotated away, and what came after it. */
	for (unsigned i = 0; i < 3; i++) {
		struct stat st;
		bool replaced;
		int r, fd;

		r = f->fd < 0 ? open_current(f, ops) : check_truncated(f, ops);
		if (r < 0 || f->fd < 0)
			return r;
		/* Before reading: what the old writer wrote, it wrote before the new file had
		 * anything. */
		replaced = is_replaced(f, &st);
		r = read_some(f, budget, ops);
		if (r != 0 || !replaced)
			return r;
		fd = open_named(f);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		if (fstat(fd, &st) < 0) {
			close(fd);
			return -errno;
		}
		begin_at(f, fd, (uint64_t)st.st_ino, 0);
	}
	return 1;
}

int
follow_init(struct follow *f, const char *path)
{
	*f = (struct follow){ .fd = -1, .early_fd = -1 };
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s", path) >= sizeof(f->path))
		return -ENAMETOOLONG;
	f->early_fd = open_log(AT_FDCWD, path);
	return 0;
}

int
follow_begin(struct follow *f)
{
	struct stat st;
	char last;
	int fd;

	fd = open_named(f);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	begin_at(f, fd, (uint64_t)st.st_ino, (uint64_t)st.st_size);
	/* In the middle of a line: the rest of it says nothing. */
	f->is_skipping =
	    st.st_size > 0 && read_at(fd, &last, 1, (uint64_t)st.st_size - 1) == 1 && last != '\n';
	return 0;
}

int
follow_put(const struct follow *f, struct ds_buf *b)
{
	int r = ds_buf_put_str(b, f->path);

	if (r == 0)
		r = ds_buf_put_u64(b, f->inode);
	if (r == 0)
		r = ds_buf_put_u64(b, f->offset);
	if (r == 0)
		r = ds_buf_put_u32(b, f->head_size);
	if (r == 0)
		r = ds_buf_put_u64(b, f->head_hash);
	if (r == 0)
		r = ds_buf_put_u8(b, f->is_skipping);
	return r;
}

void
follow_take_place(struct follow *f, const struct follow *place)
{
	f->inode = place->inode;
	f->offset = place->offset;
	f->head_size = place->head_size;
	f->head_hash = place->head_hash;
	f->is_skipping = place->is_skipping;
}

int
follow_get(struct ds_buf *b, struct follow *ret)
{
	struct follow f = { .fd = -1, .early_fd = -1 };
	const uint8_t *path;
	uint8_t skipping;
	size_t len;

	if (ds_buf_get_bytes(b, sizeof(f.path) - 1, &path, &len) < 0 ||
	    ds_buf_get_u64(b, &f.inode) < 0 || ds_buf_get_u64(b, &f.offset) < 0 ||
	    ds_buf_get_u32(b, &f.head_size) < 0 || ds_buf_get_u64(b, &f.head_hash) < 0 ||
	    ds_buf_get_u8(b, &skipping) < 0 || f.head_size > FOLLOW_HEAD || f.offset > INT64_MAX ||
	    memchr(path, '\0', len) != NULL)
		return -EBADMSG;
	memcpy(f.path, path, len);
	f.is_skipping = skipping != 0;
	*ret = f;
	return 0;
}

void
follow_done(struct follow *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->early_fd >= 0)
		close(f->early_fd);
	f->fd = f->early_fd = -1;
}
