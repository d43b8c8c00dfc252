/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vault_store - the vault's directories and objects.
 *
 * An object is written beside under a passing name, synced, and renamed to its hash: what has a
 * name is whole.  What is found under a passing name at the start is left from a crash, and goes.
 */
#include "agent/guard/vault_store.h"

#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJECTS_MAX    65536u
#define EVIDENCE_SHARE 4u /* a quarter */

struct entry {
	uint8_t hash[HASH_SIZE];
	uint64_t size;
	int64_t mtime_ns;
};

static char dir[4096];
static int dirs[2] = { -1, -1 };
static uint64_t max_bytes, sizes[2], refused;

const char *
vault_dir(void)
{
	return dir;
}

bool
vault_is_open(void)
{
	return dirs[0] >= 0;
}

uint64_t
vault_size(void)
{
	return sizes[0] + sizes[1];
}

uint64_t
vault_refused(void)
{
	return refused;
}

void
vault_hex(const uint8_t hash[HASH_SIZE], char ret[2 * HASH_SIZE + 1])
{
	for (size_t i = 0; i < HASH_SIZE; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

static bool
unhex(const char *text, uint8_t ret[HASH_SIZE])
{
	if (strlen(text) != 2 * (size_t)HASH_SIZE)
		return false;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		ret[i] = (uint8_t)byte;
	}
	return true;
}

/* Calls for each object; names that are no hash are left from a crash. */
static int
each(enum vault_kind kind, void (*call)(void *ctx, const struct entry *e), void *ctx)
{
	int fd = openat(dirs[kind], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *name;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return -errno;
	}
	while ((name = readdir(d)) != NULL) {
		struct entry e;
		struct stat st;

		if (name->d_name[0] == '.' && strncmp(name->d_name, ".new", 4) != 0)
			continue;
		if (!unhex(name->d_name, e.hash)) {
			(void)unlinkat(dirs[kind], name->d_name, 0);
			continue;
		}
		if (fstatat(dirs[kind], name->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		e.size = (uint64_t)st.st_size;
		e.mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
		call(ctx, &e);
	}
	(void)closedir(d);
	return 0;
}

static void
add_size(void *ctx, const struct entry *e)
{
	*(uint64_t *)ctx += e->size;
}

/* A directory of root's alone. */
static int
open_own(const char *path)
{
	struct stat st;
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0077) == 0)
		return fd;
	(void)close(fd);
	return -EPERM;
}

int
vault_open(const char *new_dir, uint64_t new_max)
{
	static const char *const names[] = { "", "/paths", "/objects", "/evidence" };
	char path[VAULT_NAME_MAX];
	int fds[DS_LEN(names)] = { -1, -1, -1, -1 }, r = 0;

	(void)snprintf(dir, sizeof(dir), "%s", new_dir);
	for (size_t i = 0; i < DS_LEN(names) && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, names[i]);
		fds[i] = open_own(path);
		r = fds[i] < 0 ? fds[i] : 0;
	}
	for (size_t i = 0; i < DS_LEN(names); i++)
		if (fds[i] >= 0 && (i < 2 || r < 0))
			(void)close(fds[i]);
	if (r < 0)
		return r;
	dirs[VAULT_OBJECT] = fds[2];
	dirs[VAULT_EVIDENCE] = fds[3];
	max_bytes = new_max;
	sizes[0] = sizes[1] = refused = 0;
	for (int kind = 0; kind < 2 && r == 0; kind++)
		r = each((enum vault_kind)kind, add_size, &sizes[kind]);
	if (r < 0)
		vault_close();
	return r;
}

void
vault_close(void)
{
	for (size_t i = 0; i < DS_LEN(dirs); i++) {
		if (dirs[i] >= 0)
			(void)close(dirs[i]);
		dirs[i] = -1;
	}
}

static bool
is_in(enum vault_kind kind, const char *hex, uint64_t *ret_size)
{
	struct stat st;

	if (dirs[kind] < 0 || fstatat(dirs[kind], hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

bool
vault_has(const uint8_t sha256[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];
	uint64_t size;

	vault_hex(sha256, hex);
	return is_in(VAULT_OBJECT, hex, &size) || is_in(VAULT_EVIDENCE, hex, &size);
}

int
vault_get(const uint8_t sha256[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];
	int fd;

	if (!vault_is_open())
		return -ENOENT;
	vault_hex(sha256, hex);
	fd = openat(dirs[VAULT_OBJECT], hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = openat(dirs[VAULT_EVIDENCE], hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int
vault_promote(const uint8_t sha256[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];
	uint64_t size;

	vault_hex(sha256, hex);
	if (is_in(VAULT_OBJECT, hex, &size))
		return 0;
	if (!is_in(VAULT_EVIDENCE, hex, &size))
		return -ENOENT;
	if (renameat(dirs[VAULT_EVIDENCE], hex, dirs[VAULT_OBJECT], hex) < 0)
		return -errno;
	sizes[VAULT_EVIDENCE] -= DS_MIN(size, sizes[VAULT_EVIDENCE]);
	sizes[VAULT_OBJECT] += size;
	return 0;
}

/* ---- room */

struct list {
	struct entry *entries;
	size_t len;
};

static void
add_entry(void *ctx, const struct entry *e)
{
	struct list *l = ctx;

	if (l->len < OBJECTS_MAX)
		l->entries[l->len++] = *e;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->hash, ((const struct entry *)b)->hash, HASH_SIZE);
}

static int
by_age(const void *a, const void *b)
{
	int64_t x = ((const struct entry *)a)->mtime_ns, y = ((const struct entry *)b)->mtime_ns;

	return x < y ? -1 : x > y;
}

static void
remove_object(enum vault_kind kind, const struct entry *e)
{
	char hex[2 * HASH_SIZE + 1];

	vault_hex(e->hash, hex);
	if (unlinkat(dirs[kind], hex, 0) == 0)
		sizes[kind] -= DS_MIN(e->size, sizes[kind]);
}

static void
add_history(const char *name, struct list *l)
{
	static char path[VAULT_PATH_MAX];
	struct vault_history *h = calloc(1, sizeof(*h));
	char full[VAULT_NAME_MAX + 256], *data;
	size_t size;

	(void)snprintf(full, sizeof(full), "%s/paths/%.255s", dir, name);
	if (h != NULL && ds_file_read(full, VAULT_HISTORY_MAX, &data, &size) == 0) {
		if (vault_history_get(data, size, path, h) == 0)
			for (size_t i = 0; i < h->len && l->len < OBJECTS_MAX; i++)
				memcpy(l->entries[l->len++].hash, h->version[i].sha256, HASH_SIZE);
		free(data);
	}
	free(h);
}

/* Whatever no path refers to goes. */
static void
remove_unused(void)
{
	struct list objects = { calloc(OBJECTS_MAX, sizeof(struct entry)), 0 };
	struct list used = { calloc(OBJECTS_MAX, sizeof(struct entry)), 0 };
	char path[VAULT_NAME_MAX];
	struct dirent *name;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/paths", dir);
	d = opendir(path);
	if (d != NULL && objects.entries != NULL && used.entries != NULL &&
	    each(VAULT_OBJECT, add_entry, &objects) == 0) {
		while ((name = readdir(d)) != NULL)
			if (name->d_name[0] != '.')
				add_history(name->d_name, &used);
		qsort(used.entries, used.len, sizeof(struct entry), by_hash);
		for (size_t i = 0; i < objects.len && used.len < OBJECTS_MAX; i++)
			if (bsearch(&objects.entries[i], used.entries, used.len,
				sizeof(struct entry), by_hash) == NULL)
				remove_object(VAULT_OBJECT, &objects.entries[i]);
	}
	if (d != NULL)
		(void)closedir(d);
	free(objects.entries);
	free(used.entries);
}

/* The oldest evidence goes first. */
static void
make_evidence_room(uint64_t size)
{
	struct list l = { calloc(OBJECTS_MAX, sizeof(struct entry)), 0 };
	size_t at = 0;

	if (l.entries == NULL || each(VAULT_EVIDENCE, add_entry, &l) < 0) {
		free(l.entries);
		return;
	}
	qsort(l.entries, l.len, sizeof(struct entry), by_age);
	while (at < l.len && sizes[VAULT_EVIDENCE] + size > max_bytes / EVIDENCE_SHARE)
		remove_object(VAULT_EVIDENCE, &l.entries[at++]);
	free(l.entries);
}

static bool
has_room(enum vault_kind kind, uint64_t size)
{
	uint64_t share = max_bytes / EVIDENCE_SHARE;

	return sizes[kind] + size <= (kind == VAULT_EVIDENCE ? share : max_bytes - share);
}

static int
make_room(enum vault_kind kind, uint64_t size)
{
	if (has_room(kind, size))
		return 0;
	if (kind == VAULT_EVIDENCE)
		make_evidence_room(size);
	else
		remove_unused();
	if (has_room(kind, size))
		return 0;
	refused++;
	return -ENOSPC;
}

/* ---- copies */

static int
write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int
copy(int from, int to, uint64_t max, uint8_t ret_sha256[HASH_SIZE], uint64_t *ret_size)
{
	static uint8_t chunk[64u << 10];
	struct sha256_ctx ctx;
	uint64_t done = 0;
	int r;

	sha256_init(&ctx);
	for (;;) {
		ssize_t n = pread(from, chunk, sizeof(chunk), (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (uint64_t)n;
		if (done > max)
			return -EFBIG; /* it grows while it is read */
		sha256_update(&ctx, (size_t)n, chunk);
		r = write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
	sha256_digest(&ctx, HASH_SIZE, ret_sha256);
	*ret_size = done;
	return fdatasync(to) < 0 ? -errno : 0;
}

static int
name_object(enum vault_kind kind, const char *hex, uint64_t size)
{
	uint64_t other;

	if (is_in(VAULT_OBJECT, hex, &other) || is_in(kind, hex, &other))
		return unlinkat(dirs[kind], ".new", 0) < 0 ? -errno : 0;
	if (renameat(dirs[kind], ".new", dirs[kind], hex) < 0 || fsync(dirs[kind]) < 0)
		return -errno;
	sizes[kind] += size;
	return 0;
}

int
vault_put(int fd, enum vault_kind kind, uint8_t ret_sha256[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];
	struct stat st;
	uint64_t size = 0;
	int to, r;

	if (!vault_is_open())
		return -ENODEV;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > VAULT_FILE_MAX)
		return -EFBIG;
	r = make_room(kind, (uint64_t)st.st_size);
	if (r < 0)
		return r;
	(void)unlinkat(dirs[kind], ".new", 0);
	to = openat(dirs[kind], ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (to < 0)
		return -errno;
	r = copy(fd, to, (uint64_t)st.st_size + (64u << 10), ret_sha256, &size);
	(void)close(to);
	if (r == 0) {
		vault_hex(ret_sha256, hex);
		r = name_object(kind, hex, size);
	}
	if (r < 0) {
		(void)unlinkat(dirs[kind], ".new", 0);
		refused += r == -ENOSPC;
	}
	return r;
}
