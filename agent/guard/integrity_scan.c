/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_scan - puts into the table what belongs to daemons, and what comes into being in their
 * directories.
 *
 * Paths are entered under their real directory, so that one file has one entry; a symbolic link is
 * an entry, and what it leads to is another.
 */
#include "agent/guard/integrity_scan.h"

#include "lib/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX   4u /* of directories below a tree */
#define OPTIONS_MAX 256u

struct scan {
	uint32_t daemon;
	pid_t root;
	bool appeared; /* was not there before */
	uint64_t now_ms;
	unsigned depth;
};

static bool option_done[OPTIONS_MAX];

/* The directory's real path with the name as it is. */
static bool
real_parent(const char *path, char *ret, size_t size)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	char *real;
	bool fits;

	if (slash == NULL || path[0] != '/' || slash[1] == '\0')
		return false;
	(void)snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	real = realpath(dir, NULL);
	fits = snprintf(ret, size, "%s%s",
		   real == NULL             ? dir
		   : strcmp(real, "/") == 0 ? ""
					    : real,
		   slash) < (int)size;
	free(real);
	return fits;
}

static void scan_dir(const struct scan *scan, const char *path, enum file_class class);

static void
enter(const struct scan *scan, const char *path, enum file_class class, bool tree)
{
	bool is_new;
	struct watched_file *f =
	    integrity_add(scan->root, path, class, tree, scan->daemon, &is_new);

	if (f == NULL || !is_new)
		return;
	f->due_ms = scan->now_ms;
	if (!scan->appeared)
		return;
	f->known = f->was_absent = f->urgent = f->fresh = true;
	f->now = (struct file_state){ .type = FILE_ABSENT };
}

/* The entry, and what it leads to when it is a link. */
static void
add(const struct scan *scan, const char *path, enum file_class class, bool tree)
{
	char full[PATH_MAX];
	struct stat st;
	char *real;

	if (scan->root != 0) {
		enter(scan, path, class, false);
		return;
	}
	if (!real_parent(path, full, sizeof(full)))
		return;
	enter(scan, full, class, tree);
	if (lstat(full, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		real = realpath(full, NULL);
		if (real != NULL && stat(real, &st) == 0 && S_ISREG(st.st_mode))
			enter(scan, real, class, false);
		free(real);
	} else if (S_ISDIR(st.st_mode) && tree) {
		scan_dir(scan, full, class);
	}
}

/* Depth is bounded. */
static void
scan_dir(const struct scan *scan, const char *path, enum file_class class)
{
	struct scan below = *scan;
	struct dirent *entry;
	char full[PATH_MAX];
	DIR *dir;

	if (++below.depth > DEPTH_MAX)
		return;
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    integrity_is_passing(entry->d_name, strlen(entry->d_name)) ||
		    snprintf(full, sizeof(full), "%s/%s", path, entry->d_name) >=
			(int)sizeof(full) ||
		    lstat(full, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
			add(&below, full, class, S_ISDIR(st.st_mode));
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static void
on_found(void *ctx, const char *path, enum file_class class, bool tree)
{
	add(ctx, path, class, tree);
}

static pid_t
pid_of_root(const char *root)
{
	return root[0] == '\0' ? 0 : (pid_t)strtol(root + strlen("/proc/"), NULL, 10);
}

static void
set_stale(uint32_t number)
{
	for (size_t i = 0; i < integrity_len(); i++) {
		struct watched_file *f = integrity_at(i);

		/* What came into being in a tree is found again with it, or is gone. */
		f->stale = integrity_uses(f, number);
	}
}

static void
drop_stale(uint32_t number, bool only_roots)
{
	for (size_t i = integrity_len(); i-- > 0;) {
		struct watched_file *f = integrity_at(i);

		if (f == NULL || !f->stale || !integrity_uses(f, number) ||
		    (only_roots && f->dir->root == 0) || f->phase == FILE_HASHING)
			continue;
		f->stale = false;
		integrity_drop(f, number);
	}
}

void
integrity_scan_daemon(uint32_t number, pid_t pid, const char *root, const char *package)
{
	const struct daemon *d = daemon_get(number);
	struct scan scan = {
		.daemon = number, .root = pid_of_root(root), .now_ms = ds_clock_monotonic_ms()
	};
	struct integrity_target target = { d, pid, root[0] != '\0', package };

	if (d == NULL)
		return;
	set_stale(number);
	if (pid != 0)
		integrity_find(&target, on_found, &scan);
	drop_stale(number, pid == 0);
	integrity_scan_forget_options();
}

void
integrity_scan_tree(struct watched_file *tree, bool was_known, uint64_t now_ms)
{
	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++) {
		struct scan scan = { .daemon = tree->daemon[i],
			.root = tree->dir->root,
			.appeared = was_known,
			.now_ms = now_ms };

		if (scan.daemon != 0)
			scan_dir(&scan, tree->path, tree->class);
	}
}

struct watched_file *
integrity_scan_name(const struct watched_dir *d, const char *name, size_t len)
{
	char path[PATH_MAX];
	struct watched_file *f;
	struct stat st;
	bool tree;

	if (snprintf(path, sizeof(path), "%s/%.*s", strcmp(d->path, "/") == 0 ? "" : d->path,
		(int)len, name) >= (int)sizeof(path))
		return NULL;
	f = integrity_get(d->root, path);
	if (f != NULL || d->outer == NULL || d->root != 0 || integrity_is_passing(name, len))
		return f;
	tree = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++) {
		struct scan scan = { .daemon = d->outer->daemon[i],
			.appeared = true,
			.now_ms = ds_clock_monotonic_ms() };

		if (scan.daemon != 0)
			enter(&scan, path, d->outer->class, tree);
	}
	return integrity_get(d->root, path);
}

/* "nginx=/srv/app.conf", "nginx.service=/srv/app/" */
static bool
add_option(const char *item)
{
	const char *path = strchr(item, '=');
	const struct daemon *d;
	char name[300], full[PATH_MAX];
	struct scan scan = { .now_ms = ds_clock_monotonic_ms() };
	bool tree;

	if (path == NULL || path[1] != '/')
		return true; /* the check of the configuration tells it */
	(void)snprintf(name, sizeof(name), "%.*s", (int)DS_MIN(path - item, 255), item);
	d = daemon_find(name);
	if (d == NULL) {
		(void)snprintf(
		    name, sizeof(name), "%.*s.service", (int)DS_MIN(path - item, 255), item);
		d = daemon_find(name);
	}
	if (d == NULL)
		return false;
	(void)snprintf(full, sizeof(full), "%s", path + 1);
	tree = full[strlen(full) - 1] == '/';
	full[strlen(full) - tree] = '\0';
	scan.daemon = d->number;
	add(&scan, full, FILE_CONFIG, tree);
	return true;
}

void
integrity_scan_options(const struct agent_config *config)
{
	const struct ds_conf_list *list = &config->integrity_files;

	for (size_t i = 0; i < DS_MIN(list->len, OPTIONS_MAX); i++)
		if (!option_done[i])
			option_done[i] = add_option(list->items[i]);
}

void
integrity_scan_forget_options(void)
{
	for (size_t i = 0; i < OPTIONS_MAX; i++)
		option_done[i] = false;
}
