/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_copy - see copy.h: one step of SQLite's backup, which holds one snapshot. */
#include "server/store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 30000

static int
copy_pages(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int r;

	if (b == NULL)
		return sqlite3_errcode(to);
	do
		r = sqlite3_backup_step(b, -1);
	while (r == SQLITE_OK);
	(void)sqlite3_backup_finish(b); /* step said all */
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

/* A file of its own from the start: nobody else can read it, not for a moment. */
static int
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int
store_copy(const char *from, const char *to, char *ret_why, size_t why_size)
{
	sqlite3 *source = NULL, *target = NULL;
	int code, r = make_file(to);

	if (r < 0) {
		snprintf(ret_why, why_size, "%s: %s", to, strerror(-r));
		return r;
	}
	code = sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(source, BUSY_MS);
		code = sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE, NULL);
	}
	if (code == SQLITE_OK)
		code = copy_pages(target, source);
	if (code != SQLITE_OK) {
		snprintf(ret_why, why_size, "%s: %s", from, sqlite3_errstr(code));
		r = code == SQLITE_FULL                ? -ENOSPC
		    : (code & 0xff) == SQLITE_CANTOPEN ? -EACCES
						       : -EIO;
	}
	sqlite3_close(target);
	sqlite3_close(source);
	if (r < 0)
		unlink(to);
	return r;
}
