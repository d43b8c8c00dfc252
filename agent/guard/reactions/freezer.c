/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freezer - cgroup freezers.
 *
 * Called by freeze.  A cgroup of the daemon's own is frozen as it is; for some of many processes
 * one is made below theirs, in which whoever comes in stops, and what they fork is born stopped:
 * that takes no signal, and none lets them go on.  Version 2 has cgroup.freeze in every cgroup but
 * the root; version 1 has freezer.state in a hierarchy of its own, which most often holds nothing.
 */
#include "agent/guard/reactions/freezer.h"
#include "agent/guard/process.h"
#include "lib/order.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORDER_LEN    (2u * DS_ORDER_ID_SIZE)
#define END_TRIES    20u
#define SETTLE_TRIES 100u /* half a second: busy machines let processes run late */
#define SETTLE_MS    5

/* Where the hierarchies are mounted, as everybody has them; the file that freezes, and its words.
 */
static const struct freezer {
	const char *prefix; /* of the line in /proc/PID/cgroup */
	const char *mount, *file, *frozen, *thawed;
} freezers[] = {
	{ "0::", "/sys/fs/cgroup", "cgroup.freeze", "1", "0" },
	{ "0::", "/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0" },
	{ ":freezer:", "/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED" },
};

static bool no_own;

/* The path behind a prefix in the text of /proc/PID/cgroup. */
static bool
path_behind(const char *text, const char *prefix, char *ret, size_t size)
{
	const char *line = text, *at;

	for (; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
		size_t len = strcspn(line, "\n");

		at = strstr(line, prefix);
		if (at == NULL || at >= line + len || (prefix[0] == '0' && at != line))
			continue;
		at += strlen(prefix);
		return (size_t)snprintf(ret, size, "%.*s", (int)(line + len - at), at) < size;
	}
	return false;
}

static bool
cgroup_path(pid_t pid, const char *prefix, char *ret, size_t size)
{
	char text[16384];

	return process_read(pid, "cgroup", text, sizeof(text)) > 0 &&
	       path_behind(text, prefix, ret, size);
}

static int
file_of(const char *dir, const struct freezer **ret, char *path, size_t size)
{
	for (size_t i = 0; i < DS_LEN(freezers); i++) {
		if ((size_t)snprintf(path, size, "%s/%s", dir, freezers[i].file) >= size)
			return -ENAMETOOLONG;
		if (access(path, W_OK) == 0) {
			*ret = &freezers[i];
			return 0;
		}
	}
	return -ENOENT;
}

int
freezer_of(pid_t pid, char *ret, size_t size)
{
	char path[FREEZER_PATH_MAX], own[FREEZER_PATH_MAX], file[FREEZER_PATH_MAX + 32];
	const struct freezer *found;

	for (size_t i = 0; i < DS_LEN(freezers); i++) {
		const struct freezer *f = &freezers[i];

		if (!cgroup_path(pid, f->prefix, path, sizeof(path)) || strcmp(path, "/") == 0 ||
		    strstr(path, "/..") != NULL)
			continue;
		if (!cgroup_path(getpid(), f->prefix, own, sizeof(own)) ||
		    strncmp(own, path, strlen(path)) == 0)
			return -EPERM;
		if ((size_t)snprintf(ret, size, "%s%s", f->mount, path) >= size)
			return -ENAMETOOLONG;
		if (file_of(ret, &found, file, sizeof(file)) == 0 &&
		    strcmp(found->file, f->file) == 0)
			return 0;
	}
	return -ENOENT;
}

struct members {
	const struct freezer *freezer;
	const char *path;
	int (*call)(pid_t pid, void *ctx);
	void *ctx;
};

static int
see_process(pid_t pid, void *ctx)
{
	const struct members *m = ctx;
	char path[FREEZER_PATH_MAX];
	size_t len = strlen(m->path);

	if (!cgroup_path(pid, m->freezer->prefix, path, sizeof(path)) ||
	    strncmp(path, m->path, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return 0;
	return m->call(pid, m->ctx);
}

/* Where a directory is, and as what /proc/PID/cgroup names it; NULL: it is no cgroup's. */
static const struct freezer *
hierarchy_of(const char *dir, const char **ret_path)
{
	const struct freezer *found = NULL;
	size_t best = 0;

	for (size_t i = 0; i < DS_LEN(freezers); i++) {
		size_t len = strlen(freezers[i].mount);

		if (len <= best || strncmp(dir, freezers[i].mount, len) != 0 || dir[len] != '/')
			continue;
		best = len;
		found = &freezers[i];
		*ret_path = dir + len;
	}
	return found;
}

int
freezer_each(const char *dir, int (*call)(pid_t pid, void *ctx), void *ctx)
{
	struct members m = { .call = call, .ctx = ctx };

	m.freezer = hierarchy_of(dir, &m.path);
	return m.freezer != NULL ? process_each(see_process, &m) : -ENOENT;
}

static int
read_text(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	(void)close(fd);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

static int
read_word(const char *path, char *ret, size_t size)
{
	int r = read_text(path, ret, size);

	if (r == 0)
		ret[strcspn(ret, "\n")] = '\0';
	return r;
}

static int
write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write(fd, word, strlen(word)) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

int
freezer_set(const char *dir, bool frozen)
{
	char path[FREEZER_PATH_MAX + 32];
	const struct freezer *f;
	int r = file_of(dir, &f, path, sizeof(path));

	return r < 0 ? r : write_word(path, frozen ? f->frozen : f->thawed);
}

/* Freezing takes a moment: the processes have to come out of the kernel. */
int
freezer_is_frozen(const char *dir)
{
	char path[FREEZER_PATH_MAX + 32], text[256] = "";
	const struct freezer *f;
	int r = file_of(dir, &f, path, sizeof(path));

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (strcmp(f->file, "cgroup.freeze") == 0)
		(void)snprintf(path, sizeof(path), "%s/cgroup.events", dir);
	for (unsigned i = 0; i < SETTLE_TRIES; i++) {
		if (read_text(path, text, sizeof(text)) < 0)
			return -EIO;
		if (strstr(text, "frozen 1") != NULL || strncmp(text, "FROZEN", 6) == 0)
			return 1;
		if (strcmp(f->file, "cgroup.freeze") == 0) {
			char word[16];

			(void)snprintf(text, sizeof(text), "%s/cgroup.freeze", dir);
			if (read_word(text, word, sizeof(word)) == 0 && strcmp(word, "0") == 0)
				return 0;
		} else if (strncmp(text, "THAWED", 6) == 0) {
			return 0;
		}
		(void)poll(NULL, 0, SETTLE_MS);
	}
	return 0;
}

/* ---- cgroups of our own */

/* The processes of a cgroup of version 2: what a number is written to, to come in. */
static int
procs_of(const char *dir, size_t len, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%.*s/cgroup.procs", (int)len, dir);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The length of the name of the one above. */
static size_t
above(const char *dir)
{
	const char *slash = strrchr(dir, '/');

	return slash != NULL ? (size_t)(slash - dir) : 0;
}

/* Whether it is, or is below, one that an order made: "daemonsec-" and the order. */
static bool
is_ours(const char *path)
{
	static const char prefix[] = "/daemonsec-";

	for (const char *at = path; (at = strstr(at, prefix)) != NULL;) {
		at += sizeof(prefix) - 1;
		if (strspn(at, "0123456789abcdef") == ORDER_LEN &&
		    (at[ORDER_LEN] == '\0' || at[ORDER_LEN] == '/'))
			return true;
	}
	return false;
}

int
freezer_own(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[FREEZER_PATH_MAX], procs[2 * FREEZER_PATH_MAX];

	for (size_t i = 0; i < DS_LEN(freezers) && !no_own; i++) {
		const struct freezer *f = &freezers[i];
		int n;

		if (f->prefix[0] != '0' || !cgroup_path(pid, f->prefix, path, sizeof(path)) ||
		    strstr(path, "/..") != NULL)
			continue;
		if (is_ours(path)) /* which could not end before this one */
			return -ENOENT;
		n = snprintf(
		    ret, size, "%s%s/%s", f->mount, strcmp(path, "/") == 0 ? "" : path, name);
		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		if (procs_of(ret, above(ret), procs, sizeof(procs)) == 0 &&
		    access(procs, W_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

bool
freezer_holds(const char *dir)
{
	char path[FREEZER_PATH_MAX + 32], word[16];
	const struct freezer *f;

	return file_of(dir, &f, path, sizeof(path)) == 0 &&
	       read_word(path, word, sizeof(word)) == 0 && strcmp(word, f->thawed) != 0 &&
	       procs_of(dir, strlen(dir), path, sizeof(path)) == 0 &&
	       read_word(path, word, sizeof(word)) == 0 && word[0] != '\0';
}

int
freezer_make(const char *dir)
{
	int r = mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (r < 0)
		return r;
	r = freezer_set(dir, true);
	if (r < 0)
		(void)rmdir(dir); /* there is nobody in it */
	return r;
}

bool
freezer_has(const char *dir, pid_t pid)
{
	char path[FREEZER_PATH_MAX];
	const char *own = "";
	const struct freezer *f = hierarchy_of(dir, &own);

	return f != NULL && cgroup_path(pid, f->prefix, path, sizeof(path)) &&
	       strcmp(path, own) == 0;
}

static int
move(const char *dir, size_t len, pid_t pid)
{
	char procs[FREEZER_PATH_MAX + 32], number[16];
	int r = procs_of(dir, len, procs, sizeof(procs));

	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	return r < 0 ? r : write_word(procs, number);
}

int
freezer_take(const char *dir, pid_t pid)
{
	char path[FREEZER_PATH_MAX];
	const char *own = "";
	const struct freezer *f = hierarchy_of(dir, &own);
	size_t len = above(own);

	if (f == NULL || !cgroup_path(pid, f->prefix, path, sizeof(path)))
		return -ESRCH;
	if (strcmp(path, "/") == 0)
		path[0] = '\0';
	if (strlen(path) != len || strncmp(path, own, len) != 0)
		return -EXDEV;
	return move(dir, strlen(dir), pid);
}

static void
move_back(const char *dir)
{
	char procs[FREEZER_PATH_MAX + 32], text[16384];
	char *at = text, *end;
	long pid;

	if (procs_of(dir, strlen(dir), procs, sizeof(procs)) < 0 ||
	    read_text(procs, text, sizeof(text)) < 0)
		return;
	for (; (pid = strtol(at, &end, 10)) > 0 && *end == '\n'; at = end + 1)
		if (move(dir, above(dir), (pid_t)pid) < 0)
			continue; /* it has ended */
}

int
freezer_end(const char *dir)
{
	int r = freezer_set(dir, false);

	for (unsigned i = 0; r == 0 && i < END_TRIES; i++) {
		if (rmdir(dir) == 0)
			return 0;
		if (errno != EBUSY)
			return errno == ENOENT ? 0 : -errno;
		move_back(dir);
	}
	return r == 0 ? -EBUSY : r == -ENOENT ? 0 : r;
}

void
freezer_allow_own(bool allow)
{
	no_own = !allow;
}
