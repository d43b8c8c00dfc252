/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replace - makes a path what it was, in one step: whoever opens it finds the old or the new.
 *
 * The directory is opened once, without following links on the way, and all that follows is
 * relative to it: a directory that is moved meanwhile takes our work with it.
 */
#include "agent/guard/replace.h"

#include "agent/guard/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PASSING "daemonsec-new" /* of the name beside; one thread, one at a time */

struct place {
	int dir; /* of the directory */
	uint32_t dir_flags;
	char name[256];
	char passing[320];
};

static int
fail(char *why, size_t size, int error, const char *what)
{
	(void)snprintf(why, size, "%s: %s", what, strerror(-error));
	return error;
}

static int
place_open(const char *path, struct place *ret)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *slash = strrchr(path, '/');
	char *dir;

	if (path[0] != '/' || slash[1] == '\0' || strlen(slash + 1) >= sizeof(ret->name))
		return -EINVAL;
	if (strcmp(slash + 1, "..") == 0 || strcmp(slash + 1, ".") == 0)
		return -EINVAL;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", slash + 1);
	(void)snprintf(ret->passing, sizeof(ret->passing), ".%.200s." PASSING, ret->name);
	dir = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return -ENOMEM;
	ret->dir = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	free(dir);
	return ret->dir < 0 ? -errno : 0;
}

/* An immutable file or directory is what an attacker who wants to stay leaves. */
static uint32_t
flags_take(int fd)
{
	const int held = FS_IMMUTABLE_FL | FS_APPEND_FL;
	int flags = 0, without;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || (flags & held) == 0)
		return 0;
	without = flags & ~held;
	if (ioctl(fd, FS_IOC_SETFLAGS, &without) < 0)
		return 0;
	return (uint32_t)(flags & held);
}

static void
flags_give(int fd, uint32_t held)
{
	int flags = 0;

	if (held == 0 || fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags |= (int)held;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* A descriptor of what is there, if its flags can be looked at; fifos and devices have none. */
static int
open_old(const struct place *p)
{
	struct stat st;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return -1;
	return openat(p->dir, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int
copy_contents(const struct file_meta *want, int to)
{
	static uint8_t chunk[64u << 10];
	int from = vault_get(want->sha256), r = 0;
	uint8_t sha256[HASH_SIZE];
	struct sha256_ctx ctx;
	ssize_t n = 1;

	if (from < 0)
		return from;
	sha256_init(&ctx);
	while (r == 0 && n > 0) {
		n = read(from, chunk, sizeof(chunk));
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		sha256_update(&ctx, (size_t)n, chunk);
		for (ssize_t at = 0, done; at < n && r == 0; at += done) {
			done = write(to, chunk + at, (size_t)(n - at));
			if (done <= 0) {
				r = done < 0 ? -errno : -ENOSPC;
				done = 0;
			}
		}
	}
	(void)close(from);
	sha256_digest(&ctx, HASH_SIZE, sha256);
	if (r == 0 && memcmp(sha256, want->sha256, HASH_SIZE) != 0)
		r = -EBADMSG; /* the vault's copy is damaged */
	return r;
}

static int
set_xattr(void *ctx, const char *name, const void *value, size_t size)
{
	return fsetxattr(*(int *)ctx, name, value, size, 0) < 0 ? -errno : 0;
}

/* Owner before mode and attributes: a change of owner takes set-id bits and capabilities away. */
static int
set_attributes(int fd, const struct file_meta *want)
{
	struct timespec times[2] = { { .tv_sec = want->atime_ns / 1000000000,
					 .tv_nsec = want->atime_ns % 1000000000 },
		{ .tv_sec = want->mtime_ns / 1000000000, .tv_nsec = want->mtime_ns % 1000000000 } };

	if (fchown(fd, want->uid, want->gid) < 0 || fchmod(fd, want->mode) < 0)
		return -errno;
	if (file_meta_each_xattr(want, set_xattr, &fd) < 0)
		return -EIO;
	if (futimens(fd, times) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int
make_file(const struct place *p, const struct file_meta *want)
{
	int fd =
	    openat(p->dir, p->passing, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = copy_contents(want, fd);
	if (r == 0)
		r = set_attributes(fd, want);
	if (r == 0)
		flags_give(fd, want->flags);
	(void)close(fd);
	return r;
}

/* Given away is the link that was made: who may write the directory could have put another name's
 * file in its place. */
static int
make_link(const struct place *p, const struct file_meta *want)
{
	struct stat st;
	int fd, r = 0;

	if (symlinkat(want->target, p->dir, p->passing) < 0)
		return -errno;
	fd = openat(p->dir, p->passing, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISLNK(st.st_mode) || st.st_nlink != 1)
		r = -ESTALE;
	else if (fchownat(fd, "", want->uid, want->gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

static int
rename_with(const struct place *p, const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, p->dir, from, p->dir, to, flags) < 0 ? -errno : 0;
}

/* After the exchange, what was there has the passing name. */
static int
put_away(const struct place *p, const char *aside)
{
	struct stat st;

	if (fstatat(p->dir, p->passing, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return rename_with(p, p->passing, aside, RENAME_NOREPLACE);
	return unlinkat(p->dir, p->passing, 0) < 0 ? -errno : 0;
}

static int
change_places(const struct place *p, const char *aside)
{
	int r = rename_with(p, p->passing, p->name, RENAME_EXCHANGE);

	if (r == -ENOENT)
		r = rename_with(p, p->passing, p->name, RENAME_NOREPLACE);
	/* A file system without the exchange: still one step, unless a directory is there. */
	if (r == -EINVAL || r == -ENOSYS)
		r = renameat(p->dir, p->passing, p->dir, p->name) < 0 ? -errno : 0;
	return r < 0 ? r : put_away(p, aside);
}

static int
make_absent(const struct place *p, const char *aside)
{
	int r = rename_with(p, p->name, p->passing, RENAME_NOREPLACE);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : put_away(p, aside);
}

static int
make_state(
    const struct place *p, const struct file_meta *want, const char *aside, char *why, size_t size)
{
	int r = -EOPNOTSUPP;

	(void)unlinkat(p->dir, p->passing, 0); /* of a run that was killed */
	if (want->type == FILE_ABSENT) {
		r = make_absent(p, aside);
		return r < 0 ? fail(why, size, r, "cannot take it away") : 0;
	}
	if (want->type == FILE_REGULAR)
		r = make_file(p, want);
	else if (want->type == FILE_LINK)
		r = make_link(p, want);
	if (r < 0)
		return fail(why, size, r, "cannot write it beside");
	r = change_places(p, aside);
	return r < 0 ? fail(why, size, r, "cannot put it in its place") : 0;
}

int
replace_file(const char *path, const struct file_meta *want, const char *aside, char *ret_why,
    size_t why_size)
{
	struct place p = { .dir = -1 };
	uint32_t held;
	int old, r = place_open(path, &p);

	if (r < 0)
		return fail(ret_why, why_size, r, "cannot open its directory");
	p.dir_flags = flags_take(p.dir);
	old = open_old(&p);
	held = flags_take(old);
	r = make_state(&p, want, aside, ret_why, why_size);
	if (r < 0) {
		flags_give(old, held);
		(void)unlinkat(p.dir, p.passing, 0);
	}
	if (old >= 0)
		(void)close(old);
	if (r == 0 && fsync(p.dir) < 0)
		r = fail(ret_why, why_size, -errno, "cannot sync its directory");
	flags_give(p.dir, p.dir_flags);
	(void)close(p.dir);
	return r;
}

int
replace_back(const char *path, const char *aside)
{
	struct place p = { .dir = -1 };
	struct stat st;
	int r = place_open(path, &p);

	if (r < 0)
		return r;
	p.dir_flags = flags_take(p.dir);
	if (fstatat(p.dir, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == 0)
		r = rename_with(&p, aside, p.name, RENAME_EXCHANGE);
	if (r == -ENOENT)
		r = rename_with(&p, aside, p.name, RENAME_NOREPLACE);
	else if (r == 0 && unlinkat(p.dir, aside, 0) < 0)
		r = -errno;
	flags_give(p.dir, p.dir_flags);
	(void)close(p.dir);
	return r;
}

static int
is_the_same(const char *path, const struct file_meta *want, unsigned matters)
{
	struct file_state now, then;
	int r = file_state_whole(path, &now);

	if (r < 0)
		return r;
	file_meta_state(want, &then);
	return (file_state_compare(&then, &now) & matters) == 0;
}

int
replace_is(const char *path, const struct file_meta *want)
{
	return is_the_same(path, want, ~(unsigned)FILE_CHANGED_LINKS);
}

int
replace_has_contents(const char *path, const struct file_meta *want)
{
	return is_the_same(path, want, FILE_CHANGED_TYPE | FILE_CHANGED_CONTENT);
}
