/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_table - the files that are watched, and the directories they are in.
 */
#include "agent/guard/integrity_table.h"

#include "agent/guard/notice.h"
#include "lib/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key of a map: the file system, then the path. */
struct name {
	pid_t root;
	char path[4096];
};

static struct watched_file *files[INTEGRITY_FILES_MAX];
static size_t files_len, marks;
static struct ds_map *by_path, *dirs, *by_key, *dirs_by_key;
static uint16_t used[DAEMON_TABLE_MAX + 1]; /* files of a daemon */
static uint64_t refused;

int
integrity_table_init(void)
{
	by_path = ds_map_new(INTEGRITY_FILES_MAX);
	dirs = ds_map_new(INTEGRITY_DIRS_MAX);
	by_key = ds_map_new(INTEGRITY_FILES_MAX);
	dirs_by_key = ds_map_new(INTEGRITY_DIRS_MAX);
	return by_path != NULL && dirs != NULL && by_key != NULL && dirs_by_key != NULL ? 0
											: -ENOMEM;
}

static size_t
name_of(struct name *ret, pid_t root, const char *path)
{
	ret->root = root;
	return offsetof(struct name, path) +
	       (size_t)snprintf(ret->path, sizeof(ret->path), "%s", path);
}

static void
free_file(struct watched_file *f)
{
	free(f->path);
	free(f->package);
	free(f->version);
	free(f->changer);
	free(f);
}

static void
free_dir(void *value)
{
	struct watched_dir *d = value;

	free(d->path);
	free(d);
}

void
integrity_table_done(void)
{
	while (files_len > 0)
		free_file(files[--files_len]);
	ds_map_free(by_path, NULL);
	ds_map_free(by_key, NULL);
	ds_map_free(dirs_by_key, NULL);
	ds_map_free(dirs, free_dir);
	by_path = dirs = by_key = dirs_by_key = NULL;
	for (size_t i = 0; i < DS_LEN(used); i++)
		used[i] = 0;
	marks = 0;
	refused = 0;
}

static struct watched_dir *
dir_get(pid_t root, const char *path)
{
	static struct name name;
	size_t len = name_of(&name, root, path);
	struct watched_dir *d = ds_map_get(dirs, &name, len);

	if (d != NULL)
		return d;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	*d = (struct watched_dir){ .path = strdup(path), .root = root };
	if (d->path == NULL || ds_map_put(dirs, &name, len, d, NULL) < 0) {
		free_dir(d);
		return NULL;
	}
	return d;
}

static struct watched_dir *
dir_of(pid_t root, const char *path)
{
	static char parent[4096];
	char *slash;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash == NULL)
		return NULL;
	slash[slash == parent] = '\0'; /* the root directory keeps its slash */
	return dir_get(root, parent);
}

static bool
add_user(uint32_t list[INTEGRITY_USERS_MAX], uint32_t daemon)
{
	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++) {
		if (list[i] == daemon)
			return false;
		if (list[i] != 0)
			continue;
		list[i] = daemon;
		return true;
	}
	return false; /* enough others will be told */
}

static struct watched_file *
make(pid_t root, const char *path, enum file_class class)
{
	static struct name name;
	size_t len = name_of(&name, root, path);
	struct watched_file *f;

	if (files_len == INTEGRITY_FILES_MAX || strlen(path) >= sizeof(name.path))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	*f = (struct watched_file){ .path = strdup(path), .class = class, .phase = FILE_DUE };
	f->dir = dir_of(root, path);
	if (f->path == NULL || f->dir == NULL || ds_map_put(by_path, &name, len, f, NULL) < 0) {
		free_file(f);
		return NULL;
	}
	f->dir->files++;
	files[files_len++] = f;
	return f;
}

struct watched_file *
integrity_get(pid_t root, const char *path)
{
	static struct name name;
	size_t len = name_of(&name, root, path);

	return ds_map_get(by_path, &name, len);
}

struct watched_file *
integrity_add(
    pid_t root, const char *path, enum file_class class, bool tree, uint32_t daemon, bool *ret_new)
{
	struct watched_file *f = integrity_get(root, path);

	*ret_new = f == NULL;
	if (f == NULL) {
		f = daemon <= DAEMON_TABLE_MAX && used[daemon] < INTEGRITY_DAEMON_MAX
			? make(root, path, class)
			: NULL;
		if (f == NULL) {
			refused++;
			return NULL;
		}
	}
	f->tree |= tree;
	f->stale = false;
	if (add_user(f->daemon, daemon))
		used[daemon]++;
	return f;
}

static void
forget_key(struct watched_file *f)
{
	if (f->key != 0 && ds_map_get(by_key, &f->key, sizeof(f->key)) == f)
		(void)ds_map_remove(by_key, &f->key, sizeof(f->key));
	f->key = 0;
}

static void
remove_dir(struct watched_dir *d)
{
	static struct name name;
	size_t len = name_of(&name, d->root, d->path);

	if (d->key != 0 && ds_map_get(dirs_by_key, &d->key, sizeof(d->key)) == d)
		(void)ds_map_remove(dirs_by_key, &d->key, sizeof(d->key));
	(void)ds_map_remove(dirs, &name, len);
	free_dir(d);
}

static void
leave_dir(struct watched_dir *d)
{
	if (--d->files == 0)
		remove_dir(d);
}

static void
remove_file(struct watched_file *f)
{
	static struct name name;
	size_t len = name_of(&name, f->dir->root, f->path);

	(void)ds_map_remove(by_path, &name, len);
	forget_key(f);
	for (size_t i = 0; i < files_len; i++)
		if (files[i] == f) {
			files[i] = files[--files_len];
			break;
		}
	leave_dir(f->dir);
	if (f->inner != NULL) {
		f->inner->outer = NULL;
		leave_dir(f->inner);
	}
	free_file(f);
}

bool
integrity_uses(const struct watched_file *f, uint32_t daemon)
{
	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++)
		if (f->daemon[i] == daemon)
			return true;
	return false;
}

void
integrity_drop(struct watched_file *f, uint32_t daemon)
{
	size_t n = 0;

	for (size_t i = 0; i < INTEGRITY_USERS_MAX; i++) {
		uint32_t number = f->daemon[i];

		f->daemon[i] = 0;
		if (number != 0 && number != daemon)
			f->daemon[n++] = number;
		else if (number == daemon && used[daemon] > 0)
			used[daemon]--;
	}
	if (n == 0)
		remove_file(f);
}

void
integrity_of_key(uint64_t key, struct watched_file **ret_file, struct watched_dir **ret_dir)
{
	*ret_file = ds_map_get(by_key, &key, sizeof(key));
	*ret_dir = ds_map_get(dirs_by_key, &key, sizeof(key));
}

int
integrity_root(pid_t root)
{
	char path[64];
	int fd;

	if (root == 0)
		return AT_FDCWD;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)root);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void
mark_dir(struct watched_dir *d)
{
	int root = integrity_root(d->root), fd;
	uint64_t key;

	if (root < 0 && root != AT_FDCWD)
		return;
	fd = file_open_path(root, d->path);
	if (root != AT_FDCWD)
		(void)close(root);
	if (fd < 0)
		return;
	if (notice_mark(fd, true, &key) == 0 && key != d->key) {
		if (d->key != 0 && ds_map_get(dirs_by_key, &d->key, sizeof(d->key)) == d)
			(void)ds_map_remove(dirs_by_key, &d->key, sizeof(d->key));
		d->key = ds_map_put(dirs_by_key, &key, sizeof(key), d, NULL) == 0 ? key : 0;
		marks++;
	}
	(void)close(fd);
}

void
integrity_mark_tree(struct watched_file *f)
{
	if (f->inner == NULL) {
		f->inner = dir_get(f->dir->root, f->path);
		if (f->inner == NULL)
			return;
		f->inner->files++;
		f->inner->outer = f;
	}
	mark_dir(f->inner);
}

void
integrity_mark(struct watched_file *f, int fd)
{
	struct stat st;
	uint64_t key;

	if (f->dir->key == 0)
		mark_dir(f->dir);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (notice_mark(fd, false, &key) < 0 || key == f->key)
		return;
	forget_key(f);
	marks++;
	if (ds_map_put(by_key, &key, sizeof(key), f, NULL) == 0)
		f->key = key;
}

static int
mark_one(const void *key, size_t len, void *value, void *ctx)
{
	(void)key;
	(void)len;
	(void)ctx;
	mark_dir(value);
	return 0;
}

void
integrity_mark_dirs(void)
{
	marks = 0;
	/* mark_dir() changes dirs_by_key, not this map. */
	(void)ds_map_each(dirs, mark_one, NULL);
	for (size_t i = 0; i < files_len; i++)
		forget_key(files[i]);
}

size_t
integrity_marks(void)
{
	return marks;
}

size_t
integrity_len(void)
{
	return files_len;
}

struct watched_file *
integrity_at(size_t index)
{
	return index < files_len ? files[index] : NULL;
}

uint64_t
integrity_refused(void)
{
	return refused;
}
