/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heartbeat - the file by which the next run knows until when this one saw, and the lock that
 * keeps a second guard out.
 *
 * Called by main.  Owns state_dir/guard.state: one line, "running TIME" or "stopped TIME", wall
 * clock in us.
 */
#include "agent/guard/heartbeat.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int fd = -1;

/* Fixed width: a torn write is never a shorter number. */
static void
write_line(const char *word)
{
	char line[48];
	int n = snprintf(line, sizeof(line), "%s %020" PRIu64 "\n", word, ds_clock_wall_us());

	/* When the disk is full the old line stays, and a gap is told that is too long. */
	if (fd >= 0 && pwrite(fd, line, (size_t)n, 0) != n)
		ds_log(
		    WARN, "cannot write the heartbeat, going on", "error=\"%s\"", strerror(errno));
}

static uint64_t
read_blind_us(void)
{
	char line[64], *end;
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	uint64_t at, now = ds_clock_wall_us();

	if (n <= 8)
		return 0;
	line[n] = '\0';
	if (strncmp(line, "running ", 8) != 0)
		return 0;
	at = strtoull(line + 8, &end, 10);
	return end != line + 8 && at < now ? now - at : 1;
}

int
heartbeat_open(const char *state_dir, uint64_t *ret_blind_us)
{
	char path[4096];
	int r;

	(void)snprintf(path, sizeof(path), "%s/guard.state", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		(void)close(fd);
		fd = -1;
		return r;
	}
	*ret_blind_us = read_blind_us();
	write_line("running");
	return 0;
}

void
heartbeat_beat(void)
{
	write_line("running");
}

void
heartbeat_close(void)
{
	write_line("stopped");
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
}
