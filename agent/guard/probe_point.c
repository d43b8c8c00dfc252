/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_point - opens a tracepoint by name, also where no tracefs is mounted.
 *
 * Called by probe on the guard's only thread.  A mount of tracefs that nobody else sees serves
 * where the usual place is empty, as in a container: nothing of the host is changed.
 */
#include "agent/guard/probe_point.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The mount without a place; an fd or -errno. */
static int
mount_private(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), fd = -1;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		fd = -errno;
	(void)close(fs);
	return fd;
}

static int
tracefs_dir(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	int fd;

	for (unsigned i = 0; i < DS_LEN(places); i++) {
		fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && faccessat(fd, "events", F_OK, 0) == 0)
			return fd;
		if (fd >= 0)
			(void)close(fd);
	}
	return mount_private();
}

static int
read_number(int dir, const char *path, unsigned long *ret)
{
	char text[32], *end;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	*ret = strtoul(text, &end, 10);
	return end != text ? 0 : -EBADMSG;
}

static int
read_id(const char *category, const char *name, unsigned long *ret)
{
	static int dir = -1; /* kept open: a mount without a place lives as long as it */
	char path[160];

	if (dir < 0)
		dir = tracefs_dir();
	if (dir < 0)
		return dir;
	(void)snprintf(path, sizeof(path), "events/%s/%s/id", category, name);
	return read_number(dir, path, ret);
}

bool
probe_point_exists(const char *category, const char *name)
{
	unsigned long id;

	return read_id(category, name, &id) == 0;
}

int
probe_point_open(const char *category, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	unsigned long id;
	int fd, r = read_id(category, name, &id);

	if (r < 0)
		return r;
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct bpf_link *
probe_point_attach(struct bpf_program *program, const char *name, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = cookie);
	struct bpf_link *link;
	int fd = probe_point_open("syscalls", name);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	link = bpf_program__attach_perf_event_opts(program, fd, &opts);
	if (link == NULL)
		(void)close(fd);
	return link;
}
