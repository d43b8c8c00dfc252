/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow - reads the lines of one log file, each once.
 *
 * Called by logs on the uplink's only thread.  Owns the descriptor of the file being read.
 */
#include "agent/uplink/logs/follow.h"

#include "agent/uplink/logs/rotated.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	rotated_learn_head(f);
}

/* The place is not in what has the file's name now. */
static int
find_place(struct follow *f, int fd, const struct stat *st, const struct follow_ops *ops)
{
	uint64_t inode;
	int old = rotated_find(f, &inode);

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
	int fd = rotated_open_named(f);

	if (fd == -ENOENT)
		return f->inode != 0 ? find_place(f, -1, NULL, ops) : 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	if (f->inode == 0) {
		begin_at(f, fd, (uint64_t)st.st_ino, 0);
		return 0;
	}
	if (!rotated_holds_place(f, fd, &st))
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
	if ((uint64_t)st.st_size >= f->offset && rotated_head_is_same(f, f->fd))
		return 0;
	return find_place(f, f->fd, &st, ops);
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
		ssize_t n = rotated_read_at(f->fd, chunk, sizeof(chunk), f->offset);
		size_t used;

		if (n <= 0)
			return (int)n;
		used = give_lines(f, chunk, (size_t)n, ops);
		done += used;
		rotated_learn_head(f);
		if (used == 0)
			return 0; /* the rest of the line is still to come */
	}
	return 1;
}

/* One file to its end, then on to the next: 1 when there may be more, 0, -errno. */
static int
read_one(struct follow *f, size_t budget, const struct follow_ops *ops, bool *ret_moved)
{
	struct stat st;
	bool missed;
	int r, next;

	*ret_moved = false;
	r = f->fd < 0 ? open_current(f, ops) : check_truncated(f, ops);
	if (r < 0 || f->fd < 0)
		return r;
	/* Before reading: what the old writer wrote, it wrote before the new file had anything. */
	next = rotated_next(f, &missed);
	r = read_some(f, budget, ops);
	if (r != 0 || next < 0) {
		if (next >= 0)
			close(next);
		return r != 0 || next == -ENOENT ? r : next;
	}
	if (fstat(next, &st) < 0) {
		r = -errno;
		close(next);
		return r;
	}
	if (missed)
		ops->lost("a log that was rotated may not be read", ops->ctx);
	begin_at(f, next, (uint64_t)st.st_ino, 0);
	*ret_moved = true;
	return 1;
}

int
follow_read(struct follow *f, size_t budget, const struct follow_ops *ops)
{
	/* Two files at most in one go: what was rotated away, and what came after it. */
	for (unsigned i = 0; i < 3; i++) {
		bool moved;
		int r = read_one(f, budget, ops, &moved);

		if (r < 0 || !moved)
			return r;
	}
	return 1;
}

int
follow_init(struct follow *f, const char *path)
{
	*f = (struct follow){ .fd = -1 };
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s", path) >= sizeof(f->path))
		return -ENAMETOOLONG;
	rotated_open_early(f);
	return 0;
}

int
follow_begin(struct follow *f)
{
	struct stat st;
	char last;
	int fd;

	fd = rotated_open_named(f);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	begin_at(f, fd, (uint64_t)st.st_ino, (uint64_t)st.st_size);
	/* In the middle of a line: the rest of it says nothing. */
	f->is_skipping = st.st_size > 0 &&
			 rotated_read_at(fd, &last, 1, (uint64_t)st.st_size - 1) == 1 &&
			 last != '\n';
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
	int fd = rotated_open_named(f);

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
