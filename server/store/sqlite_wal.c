/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_wal - the control plane's WAL, so that who waits for a commit waits for one write alone.
 *
 * What is written over bytes that are there needs no journal of the file system, and is on disk in
 * half the time; that journal is everybody's, so on a busy disk it is a tenth of it.  And the WAL
 * is moved into the file when nobody waits, not by the commit that made it long.
 */
#include "server/store/sqlite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_BYTES ((off_t)4 << 20)
#define ROOM_SHARE 32u  /* of what is free on the disk, at most one of so many parts */
#define PAGES_CALM 250  /* in housekeeping: a short move is soon over */
#define PAGES_MAX  1000 /* as SQLite itself would do it, but after those who wait were told */

static int
count_pages(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct store *s = ctx;

	(void)handle;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

/* Nobody is waited for: what a reader still looks at is moved the next time. */
static void
move(struct store *s)
{
	if (sqlite3_wal_checkpoint_v2(
		s->control.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
		s->wal_pages = 0; /* of the next commit it is told anew */
}

static bool
is_small(int fd, struct stat *ret)
{
	struct statvfs disk;

	return fstat(fd, ret) == 0 && ret->st_size < ROOM_BYTES && fstatvfs(fd, &disk) == 0 &&
	       disk.f_bavail > (fsblkcnt_t)ROOM_BYTES * ROOM_SHARE / DS_MAX(disk.f_frsize, 1u);
}

/* Zeroes behind what SQLite wrote; to it they are frames of no transaction, as what is left there
 * of earlier ones.  It never asks for the file's size but after a crash, when it reads up to them.
 */
static void
make_room(const char *dir)
{
	static const char zeroes[64u << 10];
	char path[PATH_SIZE];
	struct stat st;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/control.db-wal", dir) >= sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (is_small(fd, &st)) {
		ssize_t n = 1;

		for (off_t at = st.st_size; at < ROOM_BYTES && n > 0; at += n)
			n = pwrite(fd, zeroes, sizeof(zeroes), at);
		(void)fdatasync(fd); /* else the first to commit waits for them */
	}
	(void)close(fd); /* SQLite locks others of its files */
}

void
wal_watch(struct store *s)
{
	(void)sqlite3_wal_hook(s->control.handle, count_pages, s); /* instead of SQLite's own */
	make_room(s->dir);
}

void
wal_tidy(struct store *s)
{
	if (s->wal_pages >= PAGES_CALM)
		move(s);
}

void
wal_limit(struct store *s)
{
	if (s->wal_pages >= PAGES_MAX)
		move(s);
}
