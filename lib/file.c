/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int
ds_file_sync_directory(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, r;

	if ((size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (slash == NULL)
		dir[0] = '.', dir[1] = '\0';
	else
		slash[slash == dir] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* What a crashed predecessor left under the temporary name may have other rights: it goes first. */
static int
write_new(const char *path, const void *data, size_t size, mode_t mode)
{
	int fd, r;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int
ds_file_replace(const char *path, const void *data, size_t size, mode_t mode)
{
	char tmp[PATH_MAX];
	int r;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= sizeof(tmp))
		return -ENAMETOOLONG;
	r = write_new(tmp, data, size, mode);
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	return ds_file_sync_directory(path);
}

int
ds_file_read(const char *path, size_t max, char **ret, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *data = NULL;
	size_t size = 0;
	ssize_t n = 0;
	int r = 0;

	if (fd < 0)
		return -errno;
	data = malloc(max + 2);
	if (data == NULL) {
		close(fd);
		return -ENOMEM;
	}
	/* One byte more than allowed shows that there is more. */
	while (size <= max && (n = read(fd, data + size, max + 1 - size)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		size += (size_t)n;
	}
	if (n < 0)
		r = -errno;
	else if (size > max)
		r = -EFBIG;
	close(fd);
	if (r < 0) {
		explicit_bzero(
		    data, size); /* what was read may be secret; the rest was never touched */
		free(data);
		return r;
	}
	data[size] = '\0';
	*ret = data;
	*ret_size = size;
	return 0;
}

int
ds_file_wipe(const char *path)
{
	static const uint8_t zeros[4096];
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	struct stat st;
	int r = 0;

	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
			r = write_all(fd, zeros, DS_MIN((size_t)st.st_size, sizeof(zeros)));
		if (r == 0 && fsync(fd) < 0)
			r = -errno;
		close(fd);
	}
	/* Removing matters more than overwriting, which journals and flash may defeat anyway. */
	if (unlink(path) < 0)
		return -errno;
	return r;
}
