/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vault_meta - one state of a file with all that has to come back with its contents, as bytes.
 */
#include "agent/guard/vault_meta.h"

#include "lib/clock.h"
#include "lib/map.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES_MAX 255u

int
file_meta_read(int path_fd, struct file_meta *ret)
{
	struct file_state state;
	struct stat st;
	ssize_t n;
	int r = file_state_read(path_fd, &state);

	*ret = (struct file_meta){ .type = FILE_ABSENT, .seen_us = ds_clock_wall_us() };
	if (r < 0 || state.type == FILE_ABSENT)
		return r;
	if (fstat(path_fd, &st) < 0)
		return -errno;
	ret->type = state.type;
	ret->mode = state.mode;
	ret->uid = state.uid;
	ret->gid = state.gid;
	ret->links = state.links;
	ret->flags = state.flags;
	ret->size = state.key.size;
	ret->atime_ns = st.st_atim.tv_sec * 1000000000ll + st.st_atim.tv_nsec;
	ret->mtime_ns = state.key.mtime_ns;
	if (state.type == FILE_LINK) {
		n = readlinkat(path_fd, "", ret->target, sizeof(ret->target) - 1);
		if (n < 0)
			return -errno;
		ret->target[n] = '\0';
		ret->hashed = true;
		memcpy(ret->sha256, state.sha256, HASH_SIZE);
	} else if (state.type == FILE_REGULAR) {
		n = file_xattrs(path_fd, ret->xattrs, sizeof(ret->xattrs));
		ret->xattrs_len = n > 0 ? (uint16_t)n : 0;
	}
	return 0;
}

void
file_meta_state(const struct file_meta *m, struct file_state *ret)
{
	*ret = (struct file_state){ .type = m->type,
		.hashed = m->hashed,
		.mode = m->mode,
		.uid = m->uid,
		.gid = m->gid,
		.links = m->links,
		.flags = m->flags,
		.xattrs = m->xattrs_len > 0 ? ds_hash(m->xattrs, m->xattrs_len) : 0,
		.key = { .size = m->size, .mtime_ns = m->mtime_ns } };
	memcpy(ret->sha256, m->sha256, HASH_SIZE);
}

int
file_meta_put(struct ds_buf *b, const struct file_meta *m)
{
	const uint64_t numbers[] = { m->type, m->trusted, m->hashed, m->mode, m->uid, m->gid,
		m->links, m->flags, m->size, (uint64_t)m->atime_ns, (uint64_t)m->mtime_ns,
		m->seen_us };
	int r = 0;

	for (size_t i = 0; i < DS_LEN(numbers) && r == 0; i++)
		r = ds_buf_put_varint(b, numbers[i]);
	if (r == 0)
		r = ds_buf_put(b, m->sha256, HASH_SIZE);
	if (r == 0)
		r = ds_buf_put_str(b, m->target);
	return r < 0 ? r : ds_buf_put_bytes(b, m->xattrs, m->xattrs_len);
}

static int
check_one(void *ctx, const char *name, const void *value, size_t size)
{
	(void)ctx;
	(void)value;
	(void)size;
	return file_xattr_matters(name) ? 0 : -EBADMSG;
}

static int
get_numbers(struct ds_buf *b, struct file_meta *ret)
{
	uint64_t n[12];

	for (size_t i = 0; i < DS_LEN(n); i++)
		if (ds_buf_get_varint(b, &n[i]) < 0)
			return -EBADMSG;
	if (n[0] < FILE_ABSENT || n[0] > FILE_OTHER || n[1] > 1 || n[2] > 1 || n[3] > 07777 ||
	    n[4] > UINT32_MAX || n[5] > UINT32_MAX || n[6] > UINT32_MAX || n[7] > UINT32_MAX)
		return -EBADMSG;
	*ret = (struct file_meta){ .type = (enum file_type)n[0],
		.trusted = n[1] != 0,
		.hashed = n[2] != 0,
		.mode = (uint32_t)n[3],
		.uid = (uint32_t)n[4],
		.gid = (uint32_t)n[5],
		.links = (uint32_t)n[6],
		.flags = (uint32_t)n[7],
		.size = n[8],
		.atime_ns = (int64_t)n[9],
		.mtime_ns = (int64_t)n[10],
		.seen_us = n[11] };
	return 0;
}

int
file_meta_get(struct ds_buf *b, struct file_meta *ret)
{
	const uint8_t *sha256, *target, *xattrs;
	size_t target_len, xattrs_len;

	if (get_numbers(b, ret) < 0 || ds_buf_get(b, HASH_SIZE, &sha256) < 0 ||
	    ds_buf_get_bytes(b, FILE_LINK_MAX - 1, &target, &target_len) < 0 ||
	    ds_buf_get_bytes(b, FILE_XATTRS_MAX, &xattrs, &xattrs_len) < 0 ||
	    memchr(target, '\0', target_len) != NULL)
		return -EBADMSG;
	memcpy(ret->sha256, sha256, HASH_SIZE);
	memcpy(ret->target, target, target_len);
	memcpy(ret->xattrs, xattrs, xattrs_len);
	ret->xattrs_len = (uint16_t)xattrs_len;
	return file_meta_each_xattr(ret, check_one, NULL) == 0 ? 0 : -EBADMSG;
}

int
file_meta_each_xattr(const struct file_meta *m,
    int (*call)(void *ctx, const char *name, const void *value, size_t size), void *ctx)
{
	char name[NAME_BYTES_MAX + 1];

	for (size_t at = 0; at < m->xattrs_len;) {
		const uint8_t *x = m->xattrs + at;
		size_t left = m->xattrs_len - at, name_len, size;
		int r;

		if (left < 2)
			return -EBADMSG;
		name_len = (size_t)x[0] << 8 | x[1];
		if (name_len == 0 || name_len > NAME_BYTES_MAX || left < 2 + name_len + 2 ||
		    memchr(x + 2, '\0', name_len) != NULL)
			return -EBADMSG;
		size = (size_t)x[2 + name_len] << 8 | x[3 + name_len];
		if (left - name_len - 4 < size)
			return -EBADMSG;
		memcpy(name, x + 2, name_len);
		name[name_len] = '\0';
		r = call(ctx, name, x + 4 + name_len, size);
		if (r != 0)
			return r;
		at += 4 + name_len + size;
	}
	return 0;
}
