/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vault - copies of files by the hash of their contents, and which states a path has had.
 */
#include "agent/guard/vault.h"

#include "agent/guard/vault_store.h"
#include "lib/clock.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "DSVAULT1"
#define MAGIC_SIZE 8u
#define SETTLED_US (UINT64_C(3600) * 1000000) /* untouched for so long: trusted */

static void
sum(const void *data, size_t len, uint8_t ret[HASH_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, HASH_SIZE, ret);
}

static void
path_of(const char *path, char ret[VAULT_NAME_MAX])
{
	uint8_t hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	sum(path, strlen(path), hash);
	vault_hex(hash, hex);
	(void)snprintf(ret, VAULT_NAME_MAX, "%s/paths/%s", vault_dir(), hex);
}

/* magic, path, count, versions, SHA-256 of all that. */
int
vault_history_get(const void *data, size_t size, char *ret_path, struct vault_history *ret)
{
	uint8_t hash[HASH_SIZE];
	const uint8_t *magic, *path;
	size_t path_len;
	uint64_t count;
	struct ds_buf b;

	if (size < MAGIC_SIZE + HASH_SIZE)
		return -EBADMSG;
	sum(data, size - HASH_SIZE, hash);
	if (memcmp((const uint8_t *)data + size - HASH_SIZE, hash, HASH_SIZE) != 0)
		return -EBADMSG;
	ds_buf_view(&b, data, size - HASH_SIZE);
	if (ds_buf_get(&b, MAGIC_SIZE, &magic) < 0 || memcmp(magic, MAGIC, MAGIC_SIZE) != 0 ||
	    ds_buf_get_bytes(&b, VAULT_PATH_MAX - 1, &path, &path_len) < 0 ||
	    ds_buf_get_varint(&b, &count) < 0 || count > VAULT_VERSIONS_MAX)
		return -EBADMSG;
	ret->len = (size_t)count;
	for (size_t i = 0; i < ret->len; i++)
		if (file_meta_get(&b, &ret->version[i]) < 0)
			return -EBADMSG;
	memcpy(ret_path, path, path_len);
	ret_path[path_len] = '\0';
	return ds_buf_left(&b) == 0 ? 0 : -EBADMSG;
}

int
vault_history(const char *path, struct vault_history **ret)
{
	static char kept[VAULT_PATH_MAX];
	char name[VAULT_NAME_MAX];
	struct vault_history *h;
	char *data;
	size_t size;
	int r;

	if (!vault_is_open())
		return -ENOENT;
	path_of(path, name);
	r = ds_file_read(name, VAULT_HISTORY_MAX, &data, &size);
	if (r < 0)
		return r;
	h = calloc(1, sizeof(*h));
	r = h == NULL ? -ENOMEM : vault_history_get(data, size, kept, h);
	if (r == 0 && strcmp(kept, path) != 0)
		r = -EBADMSG;
	free(data);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

static int
write_history(const char *path, const struct vault_history *h)
{
	char name[VAULT_NAME_MAX];
	uint8_t hash[HASH_SIZE];
	struct ds_buf b;
	int r;

	ds_buf_init(&b, VAULT_HISTORY_MAX);
	r = ds_buf_put(&b, MAGIC, MAGIC_SIZE);
	if (r == 0)
		r = ds_buf_put_str(&b, path);
	if (r == 0)
		r = ds_buf_put_varint(&b, h->len);
	for (size_t i = 0; i < h->len && r == 0; i++)
		r = file_meta_put(&b, &h->version[i]);
	if (r == 0) {
		sum(b.data, b.len, hash);
		r = ds_buf_put(&b, hash, HASH_SIZE);
	}
	path_of(path, name);
	if (r == 0)
		r = ds_file_replace(name, b.data, b.len, 0600);
	ds_buf_done(&b);
	return r;
}

/* Which goes when there are too many: the oldest that is not trusted; else the oldest. */
static size_t
spare(const struct vault_history *h)
{
	for (size_t i = h->len; i-- > 1;)
		if (!h->version[i].trusted)
			return i;
	return h->len - 1;
}

static void
settle(struct file_meta *m)
{
	if (m->trusted || m->type == FILE_DIRECTORY || m->type == FILE_OTHER ||
	    ds_clock_wall_us() < m->seen_us + SETTLED_US)
		return;
	if (m->hashed && m->type == FILE_REGULAR && vault_promote(m->sha256) < 0)
		return;
	m->trusted = true;
}

static bool
is_same(const struct file_meta *a, const struct file_meta *b)
{
	struct file_state x, y;

	file_meta_state(a, &x);
	file_meta_state(b, &y);
	return file_state_compare(&x, &y) == 0;
}

int
vault_remember(const char *path, const struct file_meta *m)
{
	struct vault_history *h = NULL;
	size_t same = 0;
	int r;

	if (!vault_is_open())
		return -ENODEV;
	if (strlen(path) >= VAULT_PATH_MAX)
		return -ENAMETOOLONG;
	r = vault_history(path, &h);
	if (r < 0)
		h = calloc(1, sizeof(*h)); /* nothing was known, or it was damaged */
	if (h == NULL)
		return -ENOMEM;
	if (h->len > 0)
		settle(&h->version[0]);
	while (same < h->len && !is_same(&h->version[same], m))
		same++;
	if (same == h->len) {
		same = h->len < VAULT_VERSIONS_MAX ? h->len++ : spare(h);
		h->version[same] = *m;
	} else {
		bool trusted = h->version[same].trusted || m->trusted;

		h->version[same] = *m;
		h->version[same].trusted = trusted;
	}
	for (; same > 0; same--) { /* to the front; states are big, and few */
		struct file_meta swap = h->version[same];

		h->version[same] = h->version[same - 1];
		h->version[same - 1] = swap;
	}
	r = write_history(path, h);
	free(h);
	return r;
}
