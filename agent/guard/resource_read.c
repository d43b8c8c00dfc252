/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resource_read - one process's counters from /proc, as cheaply as they can be had.
 *
 * /proc/PID/fd has the number of descriptors as its size since Linux 6.2; before, and when the
 * number changed, its entries are read, as many as the slice's allowance permits.
 */
#include "agent/guard/resource_read.h"

#include "agent/guard/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE_LINKS 512u

static unsigned allowance;

void
resource_slice_begin(void)
{
	allowance = SLICE_LINKS;
}

static uint64_t
number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void
read_io(pid_t pid, struct resource_reading *ret)
{
	char text[512];

	if (process_read(pid, "io", text, sizeof(text)) < 0)
		return;
	ret->read_bytes = number_after(text, "\nread_bytes: ");
	ret->written_bytes = number_after(text, "\nwrite_bytes: ");
}

static void
count_fds(int dir_fd, struct resource_reading *ret)
{
	int fd = dup(dir_fd);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	char target[16];

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	ret->fds = ret->sockets = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ret->fds++;
		if (allowance == 0)
			continue;
		allowance--;
		if (readlinkat(dir_fd, entry->d_name, target, sizeof(target)) > 7 &&
		    memcmp(target, "socket:", 7) == 0)
			ret->sockets++;
	}
	(void)closedir(dir);
}

static void
read_fds(pid_t pid, const struct resource_reading *last, struct resource_reading *ret)
{
	int fd = process_open(pid, "fd");
	struct stat st;

	if (fd < 0)
		return;
	ret->fds = fstat(fd, &st) == 0 ? (uint32_t)st.st_size : 0;
	ret->sockets = last->sockets;
	if (ret->fds == 0 || (ret->fds != last->fds && allowance >= ret->fds))
		count_fds(fd, ret);
	(void)close(fd);
}

int
resource_read(pid_t pid, const struct process_stat *st, const struct resource_reading *last,
    struct resource_reading *ret)
{
	*ret =
	    (struct resource_reading){ .cpu_ticks = st->cpu_ticks, .child_ticks = st->child_ticks };
	read_io(pid, ret);
	read_fds(pid, last, ret);
	return 0;
}
