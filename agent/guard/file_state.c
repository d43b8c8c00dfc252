/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_state - what a path is now: kind, contents, owner, mode, links, extended attributes.
 */
#include "agent/guard/file_state.h"

#include "lib/map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRIES 3u

int
file_open_path(int root_fd, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = root_fd == AT_FDCWD ? 0 : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static void
link_to_fd(int fd, char ret[64])
{
	(void)snprintf(ret, 64, "/proc/self/fd/%d", fd);
}

int
file_reopen(int path_fd)
{
	char path[64];
	struct stat st;
	int fd;

	if (fstat(path_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	link_to_fd(path_fd, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOATIME);
	return fd < 0 ? -errno : fd;
}

bool
file_xattr_matters(const char *name)
{
	static const char *const names[] = { "security.capability", "security.selinux",
		"security.SMACK64", "security.ima", "system.posix_acl_access" };

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static int
put_xattr(const char *path, const char *name, uint8_t *ret, size_t size)
{
	size_t name_len = strlen(name), at = 2 + name_len;
	ssize_t n;

	if (at + 2 > size || name_len > UINT16_MAX)
		return -E2BIG;
	n = getxattr(path, name, ret + at + 2, DS_MIN(size - at - 2, (size_t)UINT16_MAX));
	if (n < 0)
		return errno == ERANGE ? -E2BIG : -errno;
	ret[0] = (uint8_t)(name_len >> 8);
	ret[1] = (uint8_t)name_len;
	memcpy(ret + 2, name, name_len);
	ret[at] = (uint8_t)(n >> 8);
	ret[at + 1] = (uint8_t)n;
	return (int)(at + 2 + (size_t)n);
}

ssize_t
file_xattrs(int fd, uint8_t *ret, size_t size)
{
	char names[4096], path[64];
	size_t len = 0;
	ssize_t n;

	link_to_fd(fd, path);
	n = listxattr(path, names, sizeof(names));
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		int r;

		if (!file_xattr_matters(name))
			continue;
		r = put_xattr(path, name, ret + len, size - len);
		if (r == -ENODATA || r == -EPERM || r == -ENOTSUP)
			continue; /* went meanwhile, or is none of ours to read */
		if (r < 0)
			return r;
		len += (size_t)r;
	}
	return (ssize_t)len;
}

/* Only of an fd that can be read from: the request does not work on O_PATH. */
static uint32_t
inode_flags(int path_fd)
{
	int flags = 0, fd = file_reopen(path_fd);

	if (fd < 0)
		return 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		flags = 0;
	(void)close(fd);
	return (uint32_t)flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

static enum file_type
type_of(mode_t mode)
{
	if (S_ISREG(mode))
		return FILE_REGULAR;
	if (S_ISLNK(mode))
		return FILE_LINK;
	return S_ISDIR(mode) ? FILE_DIRECTORY : FILE_OTHER;
}

static int
hash_link(int path_fd, struct file_state *ret)
{
	char target[FILE_LINK_MAX];
	ssize_t n = readlinkat(path_fd, "", target, sizeof(target));
	struct sha256_ctx ctx;

	if (n < 0)
		return -errno;
	sha256_init(&ctx);
	sha256_update(&ctx, (size_t)n, (const uint8_t *)target);
	sha256_digest(&ctx, HASH_SIZE, ret->sha256);
	ret->hashed = true;
	return 0;
}

int
file_state_read(int path_fd, struct file_state *ret)
{
	static uint8_t xattrs[FILE_XATTRS_MAX];
	struct stat st;
	ssize_t n;

	*ret = (struct file_state){ .type = FILE_ABSENT };
	if (path_fd < 0)
		return 0;
	if (fstat(path_fd, &st) < 0)
		return -errno;
	ret->type = type_of(st.st_mode);
	ret->mode = st.st_mode & 07777;
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
	ret->links = ret->type == FILE_REGULAR ? (uint32_t)st.st_nlink : 1;
	hash_key_of(&st, &ret->key);
	if (ret->type == FILE_LINK)
		return hash_link(path_fd, ret);
	if (ret->type != FILE_REGULAR)
		return 0;
	ret->flags = inode_flags(path_fd);
	n = file_xattrs(path_fd, xattrs, sizeof(xattrs));
	ret->xattrs = n > 0 ? ds_hash(xattrs, (size_t)n) : 0;
	return 0;
}

static int
whole_once(const char *path, struct file_state *ret)
{
	struct hash_job job = { .fd = -1 };
	int fd = file_open_path(AT_FDCWD, path), r;

	if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
		return fd;
	r = file_state_read(fd, ret);
	if (r == 0 && ret->type == FILE_REGULAR) {
		r = file_reopen(fd);
		if (r >= 0)
			r = hash_begin(&job, r);
		job.fresh = true;
		while (r == 0)
			r = hash_step(&job, SIZE_MAX, ret->sha256);
		ret->hashed = r == 1;
		if (r == 1)
			r = hash_key_equal(&job.key, &ret->key) ? 0 : -EAGAIN;
	}
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int
file_state_whole(const char *path, struct file_state *ret)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < TRIES && r == -EAGAIN; i++)
		r = whole_once(path, ret);
	return r;
}

unsigned
file_state_compare(const struct file_state *before, const struct file_state *now)
{
	unsigned change = 0;

	if (before->type != now->type)
		return FILE_CHANGED_TYPE | (before->type == FILE_ABSENT || now->type == FILE_ABSENT
						   ? 0
						   : FILE_CHANGED_CONTENT);
	if (now->type == FILE_ABSENT)
		return 0;
	if (before->hashed != now->hashed ||
	    (now->hashed && memcmp(before->sha256, now->sha256, HASH_SIZE) != 0))
		change |= FILE_CHANGED_CONTENT;
	if (now->type == FILE_LINK)
		return change;
	if (before->mode != now->mode)
		change |= FILE_CHANGED_MODE;
	if (before->uid != now->uid || before->gid != now->gid)
		change |= FILE_CHANGED_OWNER;
	if (before->links != now->links)
		change |= FILE_CHANGED_LINKS;
	if (before->xattrs != now->xattrs)
		change |= FILE_CHANGED_XATTRS;
	if (before->flags != now->flags)
		change |= FILE_CHANGED_FLAGS;
	return change;
}

void
file_change_text(unsigned change, char *ret, size_t size)
{
	static const char *const names[] = { "type", "contents", "mode", "owner", "links",
		"attributes", "flags" };
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < DS_LEN(names) && len < size; i++)
		if ((change >> i & 1) != 0)
			len += (size_t)snprintf(
			    ret + len, size - len, "%s%s", len > 0 ? ", " : "", names[i]);
}
