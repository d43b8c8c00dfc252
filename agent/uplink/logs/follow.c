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

/* One of those opened while we might, by what it is; an fd or -EACCES. */
static int
open_early(const struct follow *f, const struct stat *wanted)
{
	for (unsigned i = 0; i < f->early_len; i++) {
		struct stat st;
		int fd;

		if (fstat(f->early[i], &st) < 0 || st.st_ino != wanted->st_ino ||
		    st.st_dev != wanted->st_dev)
			continue;
		fd = fcntl(f->early[i], F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	return -EACCES;
}

static int
open_at(const struct follow *f, int dir_fd, const char *path)
{
	struct stat st;
	int fd = open_log(dir_fd, path);

	if (fd != -EACCES || fstatat(dir_fd, path, &st, 0) < 0)
		return fd;
	return open_early(f, &st);
}

/* What has the name now. */
static int
open_named(const struct follow *f)
{
	return open_at(f, AT_FDCWD, f->path);
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

/* Files beside a log whose names begin with its name. */
struct sibling_dir {
	DIR *dir;
	char base[FOLLOW_PATH];
	unsigned seen;
};

static bool
sibling_open(struct sibling_dir *s, const char *path)
{
	char dir[FOLLOW_PATH];
	const char *slash = strrchr(path, '/');

	snprintf(dir, sizeof(dir), "%.*s/", slash != NULL ? (int)(slash - path) : 1,
	    slash != NULL ? path : ".");
	snprintf(s->base, sizeof(s->base), "%s", slash != NULL ? slash + 1 : path);
	s->seen = 0;
	s->dir = opendir(dir);
	return s->dir != NULL;
}

static const char *
sibling_next(struct sibling_dir *s)
{
	struct dirent *e;

	while (s->seen++ < SIBLINGS_MAX && (e = readdir(s->dir)) != NULL)
		if (strncmp(e->d_name, s->base, strlen(s->base)) == 0 &&
		    strcmp(e->d_name, s->base) != 0)
			return e->d_name;
	return NULL;
}

/* What was rotated or copied away: an fd or -ENOENT. */
static int
find_rotated(const struct follow *f, uint64_t *ret_inode)
{
	struct sibling_dir s;
	const char *name;

	if ((f->head_size == 0 && f->inode == 0) || !sibling_open(&s, f->path))
		return -ENOENT;
	while ((name = sibling_next(&s)) != NULL) {
		int fd = open_at(f, dirfd(s.dir), name);
		struct stat st;

		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && holds_place(f, fd, &st)) {
			*ret_inode = (uint64_t)st.st_ino;
			closedir(s.dir);
			return fd;
		}
		close(fd);
	}
	closedir(s.dir);
	return -ENOENT;
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

/* Keeps the newest: [0] is the file itself. */
static void
add_early(struct follow *f, struct timespec *times, int fd)
{
	unsigned at = f->early_len;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return;
	}
	if (at == FOLLOW_EARLY) {
		at = 1;
		for (unsigned i = 2; i < FOLLOW_EARLY; i++)
			if (times[i].tv_sec < times[at].tv_sec)
				at = i;
		if (times[at].tv_sec >= st.st_mtim.tv_sec) {
			close(fd);
			return;
		}
		close(f->early[at]);
	} else {
		f->early_len++;
	}
	f->early[at] = fd;
	times[at] = st.st_mtim;
}

/* The file, and beside it those that were rotated last. */
static void
open_all_early(struct follow *f)
{
	struct timespec times[FOLLOW_EARLY] = { { 0, 0 } };
	struct sibling_dir s;
	int fd = open_log(AT_FDCWD, f->path);

	if (fd < 0)
		return;
	add_early(f, times, fd);
	if (!sibling_open(&s, f->path))
		return;
	for (const char *name; (name = sibling_next(&s)) != NULL;) {
		fd = open_log(dirfd(s.dir), name);
		if (fd >= 0)
			add_early(f, times, fd);
	}
	closedir(s.dir);
}

int
follow_init(struct follow *f, const char *path)
{
	*f = (struct follow){ .fd = -1 };
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s", path) >= sizeof(f->path))
		return -ENAMETOOLONG;
	open_all_early(f);
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
	struct follow f = { .fd = -1 };
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

bool
follow_is_readable(const struct follow *f)
{
	int fd = open_named(f);

	if (fd >= 0)
		close(fd);
	return fd != -EACCES;
}

void
follow_done(struct follow *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	while (f->early_len > 0)
		close(f->early[--f->early_len]);
}
