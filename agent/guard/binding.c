/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binding - whose orders this host takes.
 *
 * Called by order and guard.  Owns guard_dir/binding.
 */
#include "agent/guard/binding.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/message.h"
#include "lib/token.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  4096u
#define TOKEN_MAX 4096

static const struct ds_message_field fields[] = {
	{ DS_FIELD_ARRAY(1, DS_MESSAGE_FIXED, binding, key) },
	{ DS_FIELD_ARRAY(2, DS_MESSAGE_FIXED, binding, host_id) },
	{ DS_FIELD_ARRAY(3, DS_MESSAGE_FIXED, binding, token_sum) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U64, binding, counter_floor) },
	{ DS_FIELD_NUM(5, DS_MESSAGE_U64, binding, newest_us) },
};
static const struct ds_message message = { fields, DS_LEN(fields) };

static char path[4096];
static struct binding binding;

static bool
is_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static int
save(const struct binding *fresh)
{
	struct ds_buf b;
	int r;

	ds_buf_init(&b, FILE_MAX);
	r = ds_message_put(&b, &message, fresh);
	if (r == 0)
		r = ds_file_replace(path, b.data != NULL ? (const void *)b.data : "", b.len, 0600);
	ds_buf_done(&b);
	if (r < 0)
		return r;
	binding = *fresh;
	ds_verify_key_id(binding.key, binding.key_id);
	return 0;
}

static int
load(void)
{
	struct binding b = { 0 };
	char *data;
	size_t size;
	int r = ds_file_read(path, FILE_MAX, &data, &size);

	binding = b;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = ds_message_get(&message, data, size, &b, NULL);
	free(data);
	if (r < 0)
		return r;
	binding = b;
	ds_verify_key_id(binding.key, binding.key_id);
	return 0;
}

int
binding_open(const char *guard_dir)
{
	struct stat st;
	int fd, r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/binding", guard_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(guard_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(guard_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		r = -EPERM;
	(void)close(fd);
	return r < 0 ? r : load();
}

const struct binding *
binding_get(void)
{
	return &binding;
}

bool
binding_is_bound(void)
{
	return !is_zero(binding.key, sizeof(binding.key));
}

static void
sum(const void *data, size_t size, uint8_t ret[32])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, size, data);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret);
}

/* The text of a token file that nobody but root can have written. */
static bool
read_token(const char *file, char *ret, size_t size)
{
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_nlink == 1 && (st.st_mode & 022) == 0)
		n = read(fd, ret, size - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

bool
binding_look(const char *token_file)
{
	struct binding fresh = { .counter_floor = 0 };
	char text[TOKEN_MAX];
	struct ds_token token;
	bool pinned = false;
	int r;

	if (token_file[0] == '\0' || !read_token(token_file, text, sizeof(text)))
		return false;
	sum(text, strlen(text), fresh.token_sum);
	if (memcmp(fresh.token_sum, binding.token_sum, sizeof(fresh.token_sum)) != 0 &&
	    ds_token_get(text, sum, &token) == 0) {
		memcpy(fresh.key, token.order_key, sizeof(fresh.key));
		/* The same server goes on counting. */
		if (memcmp(fresh.key, binding.key, sizeof(fresh.key)) == 0) {
			fresh.counter_floor = binding.counter_floor;
			fresh.newest_us = binding.newest_us;
		}
		explicit_bzero(&token, sizeof(token));
		r = save(&fresh);
		pinned = r == 0 && binding_is_bound();
		if (r < 0)
			ds_log(
			    ERROR, "cannot keep the key of orders", "error=\"%s\"", strerror(-r));
	}
	explicit_bzero(text, sizeof(text));
	return pinned;
}

int
binding_set_host(const uint8_t host_id[16])
{
	struct binding fresh = binding;

	if (!binding_is_bound() || is_zero(host_id, 16))
		return 0;
	if (!is_zero(binding.host_id, sizeof(binding.host_id)))
		return memcmp(binding.host_id, host_id, sizeof(binding.host_id)) == 0 ? 0 : -EPERM;
	memcpy(fresh.host_id, host_id, sizeof(fresh.host_id));
	return save(&fresh);
}

int
binding_rebind(const uint8_t host_id[16])
{
	struct binding fresh = binding;

	if (!binding_is_bound() || is_zero(host_id, 16))
		return -EINVAL;
	memcpy(fresh.host_id, host_id, sizeof(fresh.host_id));
	fresh.counter_floor = 0;
	return save(&fresh);
}

int
binding_set_key(const uint8_t key[DS_SIGN_PUBLIC_SIZE])
{
	struct binding fresh = binding;

	if (is_zero(key, DS_SIGN_PUBLIC_SIZE))
		return -EINVAL;
	memcpy(fresh.key, key, sizeof(fresh.key));
	return save(&fresh);
}

int
binding_advance(uint64_t counter_floor, uint64_t newest_us)
{
	struct binding fresh = binding;

	fresh.counter_floor = DS_MAX(fresh.counter_floor, counter_floor);
	fresh.newest_us = DS_MAX(fresh.newest_us, newest_us);
	if (fresh.counter_floor == binding.counter_floor && fresh.newest_us == binding.newest_us)
		return 0;
	return save(&fresh);
}
