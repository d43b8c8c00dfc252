/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/guard/user.h"
#include "lib/clock.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define USERS_MAX  128u
#define RECHECK_MS 5000u

static struct {
	uint32_t uid;
	char name[36];
} users[USERS_MAX];
static size_t users_len;
static struct timespec read_at; /* the file's mtime when it was read */
static uint64_t checked_ms;

static void
read_users(void)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;

	users_len = 0;
	if (f == NULL)
		return;
	while (users_len < USERS_MAX && (pw = fgetpwent(f)) != NULL) {
		users[users_len].uid = pw->pw_uid;
		snprintf(users[users_len++].name, sizeof(users[0].name), "%s", pw->pw_name);
	}
	fclose(f);
}

static void
refresh(void)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	struct stat st;

	if (checked_ms != 0 && now_ms - checked_ms < RECHECK_MS)
		return;
	checked_ms = now_ms;
	if (stat("/etc/passwd", &st) < 0 ||
	    (st.st_mtim.tv_sec == read_at.tv_sec && st.st_mtim.tv_nsec == read_at.tv_nsec))
		return;
	read_at = st.st_mtim;
	read_users();
}

const char *
user_name(uint32_t uid)
{
	refresh();
	for (size_t i = 0; i < users_len; i++)
		if (users[i].uid == uid)
			return users[i].name;
	return NULL;
}

/* By name, or without one by uid; NULL.  Valid until the next call. */
static const struct passwd *
entry_of(const char *name, uint32_t uid)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw = NULL;

	while (f != NULL && (pw = fgetpwent(f)) != NULL)
		if (name != NULL ? strcmp(pw->pw_name, name) == 0 : pw->pw_uid == uid)
			break;
	if (f != NULL)
		fclose(f);
	return pw;
}

int
user_home(uint32_t uid, gid_t *ret_gid, char *ret, size_t size)
{
	const struct passwd *pw = entry_of(NULL, uid);

	if (pw == NULL || pw->pw_dir[0] != '/' || strlen(pw->pw_dir) >= size)
		return -ENOENT;
	*ret_gid = pw->pw_gid;
	memcpy(ret, pw->pw_dir, strlen(pw->pw_dir) + 1);
	return 0;
}

int
user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *pw = entry_of(name, 0);

	if (pw == NULL)
		return -ENOENT;
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return 0;
}
