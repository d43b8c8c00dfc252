/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rotated - the files that a log is in.
 *
 * Called by follow on the uplink's only thread.
 */
#include "agent/uplink/logs/rotated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

ssize_t
rotated_read_at(int fd, void *ret, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, ret, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool
rotated_head_is_same(const struct follow *f, int fd)
{
	uint8_t head[FOLLOW_HEAD];
	ssize_t n;

	if (f->head_size == 0)
		return true;
	n = rotated_read_at(fd, head, f->head_size, 0);
	return n == (ssize_t)f->head_size && hash_of(head, f->head_size) == f->head_hash;
}

/* The hash grows with the file until it has all its bytes, but never over what was not read yet. */
void
rotated_learn_head(struct follow *f)
{
	uint8_t head[FOLLOW_HEAD];
	size_t want = (size_t)DS_MIN((uint64_t)FOLLOW_HEAD, f->offset);
	ssize_t n;

	if (want <= f->head_size)
		return;
	n = rotated_read_at(f->fd, head, want, 0);
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
int
rotated_open_named(const struct follow *f)
{
	return open_at(f, AT_FDCWD, f->path);
}

/* Is this the file that the place is in?  By its first bytes and its length; a copy counts. */
bool
rotated_holds_place(const struct follow *f, int fd, const struct stat *st)
{
	return (uint64_t)st->st_size >= f->offset && rotated_head_is_same(f, fd) &&
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
int
rotated_find(const struct follow *f, uint64_t *ret_inode)
{
	struct sibling_dir s;
	const char *name;
	off_t best_size = -1;
	int best_fd = -ENOENT;

	if ((f->head_size == 0 && f->inode == 0) || !sibling_open(&s, f->path))
		return -ENOENT;
	while ((name = sibling_next(&s)) != NULL) {
		int fd = open_at(f, dirfd(s.dir), name);
		struct stat st;
		bool is_it;

		if (fd < 0)
			continue;
		is_it = fstat(fd, &st) == 0 && rotated_holds_place(f, fd, &st);
		if (!is_it || ((uint64_t)st.st_ino != f->inode && st.st_size <= best_size)) {
			close(fd);
			continue;
		}
		if (best_fd >= 0)
			close(best_fd);
		best_fd = fd;
		best_size = st.st_size;
		*ret_inode = (uint64_t)st.st_ino;
		if (*ret_inode == f->inode)
			break;
	}
	closedir(s.dir);
	return best_fd;
}

/* "auth.log.1", "auth.log-20261104": not what somebody copied, edits or compressed. */
static bool
is_rotated_name(const char *name, size_t base_len)
{
	const char *tail = name + base_len;

	return tail[strspn(tail, "0123456789.-_:T+")] == '\0';
}

static bool
is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Whether this may be what was written after the file of `old`; a copy of that is not. */
static bool
is_later(const struct follow *f, int fd, const struct stat *st, const struct stat *old)
{
	return st->st_size > 0 && st->st_ino != old->st_ino &&
	       is_newer(&st->st_mtim, &old->st_mtim) &&
	       (fd < 0 || f->head_size == 0 || !rotated_head_is_same(f, fd));
}

/* Of those that were rotated away after `old`, the oldest. */
static int
find_between(const struct follow *f, const struct stat *old, bool *ret_missed)
{
	struct sibling_dir s;
	struct stat st, best = { 0 };
	const char *name;
	int best_fd = -ENOENT;

	if (!sibling_open(&s, f->path))
		return -ENOENT;
	while ((name = sibling_next(&s)) != NULL) {
		int fd;

		if (!is_rotated_name(name, strlen(s.base)))
			continue;
		fd = open_at(f, dirfd(s.dir), name);
		if (fd < 0 && fstatat(dirfd(s.dir), name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
		    is_later(f, -1, &st, old))
			*ret_missed = true;
		if (fd < 0)
			continue;
		if (fstat(fd, &st) < 0 || !is_later(f, fd, &st, old) ||
		    (best_fd >= 0 && !is_newer(&best.st_mtim, &st.st_mtim))) {
			close(fd);
			continue;
		}
		if (best_fd >= 0)
			close(best_fd);
		best_fd = fd;
		best = st;
	}
	closedir(s.dir);
	return best_fd;
}

/* What is not being read has served, and would keep its room on the disk when it is deleted. */
static void
close_other_early(struct follow *f)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->early_len; i++) {
		struct stat st;

		if (fstat(f->early[i], &st) == 0 && (uint64_t)st.st_ino == f->inode)
			f->early[kept++] = f->early[i];
		else
			close(f->early[i]);
	}
	f->early_len = kept;
}

int
rotated_next(struct follow *f, bool *ret_missed)
{
	struct stat old, named;
	bool is_named;
	int fd;

	*ret_missed = false;
	if (fstat(f->fd, &old) < 0)
		return -errno;
	is_named = stat(f->path, &named) == 0;
	if (is_named && (uint64_t)named.st_ino == f->inode) {
		close_other_early(f);
		return -ENOENT;
	}
	fd = find_between(f, &old, ret_missed);
	if (fd >= 0)
		return fd;
	return is_named && named.st_size > 0 ? rotated_open_named(f) : -ENOENT;
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
void
rotated_open_early(struct follow *f)
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
