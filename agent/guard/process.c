/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process - what /proc says about one process; bounded reads, nothing kept.
 *
 * Plain open/read/close: /proc files are small, and stdio would cost a buffer each.
 */
#include "agent/guard/process.h"

#include "agent/guard/cgroup.h"
#include "lib/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *proc_root = "/proc";

void
process_set_root(const char *root)
{
	proc_root = root != NULL ? root : "/proc";
}

static void
path_of(pid_t pid, const char *name, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%d/%s", proc_root, (int)pid, name);
}

int
process_open(pid_t pid, const char *name)
{
	char path[256];
	int fd;

	path_of(pid, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

ssize_t
process_read(pid_t pid, const char *name, char *ret, size_t size)
{
	int fd = process_open(pid, name);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while (len + 1 < size) {
		n = read(fd, ret + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			(void)close(fd);
			return r;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	(void)close(fd);
	ret[len] = '\0';
	return (ssize_t)len;
}

/* Fields of /proc/PID/stat after the command, numbered as in proc(5). */
enum {
	STAT_STATE = 3,
	STAT_PPID = 4,
	STAT_SESSION = 6,
	STAT_TTY = 7,
	STAT_FLAGS = 9,
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_CUTIME = 16,
	STAT_CSTIME = 17,
	STAT_THREADS = 20,
	STAT_START = 22,
	STAT_RSS = 24
};

#define PF_KTHREAD 0x00200000u

int
process_stat(pid_t pid, struct process_stat *ret)
{
	uint64_t field[STAT_RSS + 1] = { 0 };
	char text[1024];
	ssize_t n = process_read(pid, "stat", text, sizeof(text));
	char *at, state;

	if (n < 0)
		return (int)n;
	at = strrchr(text, ')'); /* the command may have anything in it */
	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return -EBADMSG;
	state = at[2];
	at += 3;
	for (int i = STAT_STATE + 1; i <= STAT_RSS; i++) {
		char *end;

		field[i] = strtoull(at, &end, 10); /* negative ones wrap, and are cut back below */
		if (end == at)
			return -EBADMSG;
		at = end;
	}
	*ret = (struct process_stat){
		.ppid = (pid_t)field[STAT_PPID],
		.session = (pid_t)field[STAT_SESSION],
		.tty = (int)field[STAT_TTY],
		.state = state,
		.zombie = state == 'Z' || state == 'X',
		.kernel_thread = (field[STAT_FLAGS] & PF_KTHREAD) != 0,
		.threads = (uint32_t)field[STAT_THREADS],
		.cpu_ticks = field[STAT_UTIME] + field[STAT_STIME],
		.child_ticks = field[STAT_CUTIME] + field[STAT_CSTIME],
		.start_ticks = field[STAT_START],
		.rss_pages = field[STAT_RSS],
	};
	return 0;
}

int
process_exe(pid_t pid, char *ret, size_t size, bool *ret_deleted)
{
	static const char mark[] = " (deleted)";
	char path[256];
	ssize_t n;
	bool deleted;

	path_of(pid, "exe", path, sizeof(path));
	n = readlink(path, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	deleted = (size_t)n >= sizeof(mark) && strcmp(ret + n - (sizeof(mark) - 1), mark) == 0;
	if (deleted)
		ret[(size_t)n - (sizeof(mark) - 1)] = '\0';
	if (ret_deleted != NULL)
		*ret_deleted = deleted;
	return 0;
}

int
process_args(pid_t pid, struct process_args *ret)
{
	ssize_t n = process_read(pid, "cmdline", ret->text, sizeof(ret->text));
	size_t count = 0;

	if (n < 0)
		return (int)n;
	for (char *at = ret->text; at < ret->text + n && count < PROCESS_ARGV_MAX;
	     at += strlen(at) + 1)
		ret->argv[count++] = at;
	ret->argv[count] = NULL;
	return 0;
}

int
process_cgroup(pid_t pid, char *ret, size_t size)
{
	char text[16384];
	ssize_t n = process_read(pid, "cgroup", text, sizeof(text));

	return n < 0 ? (int)n : cgroup_select(text, ret, size);
}

int
process_uid(pid_t pid, uint32_t *ret)
{
	char text[2048];
	ssize_t n = process_read(pid, "status", text, sizeof(text));
	const char *line;
	unsigned real, effective;

	if (n < 0)
		return (int)n;
	line = strstr(text, "\nUid:");
	if (line == NULL || sscanf(line, "\nUid: %u %u", &real, &effective) != 2)
		return -EBADMSG;
	*ret = effective;
	return 0;
}

uint64_t
process_start_us(uint64_t start_ticks)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t began = start_ticks / hz * DS_US_PER_S + start_ticks % hz * DS_US_PER_S / hz;

	return ds_clock_wall_us() - ds_clock_boot_us() + began;
}

int
process_each(int (*call)(pid_t pid, void *ctx), void *ctx)
{
	DIR *dir = opendir(proc_root);
	struct dirent *entry;
	int r = 0;

	if (dir == NULL)
		return -errno;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && pid > 0)
			r = call((pid_t)pid, ctx);
	}
	(void)closedir(dir);
	return r;
}
