/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freezer - cgroup freezers.
 *
 * Called by freeze.  Version 2 has cgroup.freeze in every cgroup but the root; version 1 has
 * freezer.state in a hierarchy of its own, which most often holds nothing.
 */
#include "agent/guard/reactions/freezer.h"
#include "agent/guard/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETTLE_TRIES 20u
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

int
freezer_each(const char *dir, int (*call)(pid_t pid, void *ctx), void *ctx)
{
	struct members m = { .call = call, .ctx = ctx };
	size_t best = 0;

	for (size_t i = 0; i < DS_LEN(freezers); i++) {
		size_t len = strlen(freezers[i].mount);

		if (len <= best || strncmp(dir, freezers[i].mount, len) != 0 || dir[len] != '/')
			continue;
		best = len;
		m.freezer = &freezers[i];
		m.path = dir + len;
	}
	return m.freezer != NULL ? process_each(see_process, &m) : -ENOENT;
}

static int
read_word(const char *path, char *ret, size_t size)
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
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

int
freezer_set(const char *dir, bool frozen)
{
	char path[FREEZER_PATH_MAX + 32];
	const struct freezer *f;
	const char *word;
	int fd, r = file_of(dir, &f, path, sizeof(path));

	if (r < 0)
		return r;
	word = frozen ? f->frozen : f->thawed;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, word, strlen(word)) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
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
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

		if (fd >= 0)
			(void)close(fd);
		if (n < 0)
			return -EIO;
		text[n] = '\0';
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
