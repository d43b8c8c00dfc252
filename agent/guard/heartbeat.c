/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heartbeat - the file by which the next run knows until when this one saw, and the lock that
 * keeps a second guard out.
 *
 * Called by guard.  Owns state_dir/guard.state: one line, "running WALL BOOT ID" or "stopped ...":
 * wall clock and boot clock in us, and which boot that is.  The boot clock does not jump.
 */
#include "agent/guard/heartbeat.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID_LEN 36u

struct beat {
	uint64_t wall_us, boot_us;
	char boot_id[BOOT_ID_LEN + 1];
};

static int fd = -1; /* the only one: closing any other would give the lock away */
static char boot_id[BOOT_ID_LEN + 1] = "-";
static struct beat last; /* of the run that did not end well; wall_us 0: it did */
static struct beat mark;

static void
read_boot_id(void)
{
	int id = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (id < 0)
		return;
	if (read(id, boot_id, BOOT_ID_LEN) != BOOT_ID_LEN)
		(void)snprintf(boot_id, sizeof(boot_id), "-");
	(void)close(id);
}

/* Fixed width: a torn write is never a shorter number. */
static void
write_line(const char *word, const struct beat *b)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%s %020" PRIu64 " %020" PRIu64 " %-36s\n", word,
	    b->wall_us, b->boot_us, boot_id);

	/* When the disk is full the old line stays, and a gap is told that is too long. */
	if (fd >= 0 && pwrite(fd, line, (size_t)n, 0) != n)
		ds_log(
		    WARN, "cannot write the heartbeat, going on", "error=\"%s\"", strerror(errno));
}

/* Whether the last run ended without saying so. */
static bool
read_last(struct beat *ret)
{
	char line[128];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	if (n <= 0)
		return false;
	line[n] = '\0';
	*ret = (struct beat){ 0 };
	return sscanf(line, "running %" SCNu64 " %" SCNu64 " %36s", &ret->wall_us, &ret->boot_us,
		   ret->boot_id) >= 1 &&
	       ret->wall_us > 0;
}

uint64_t
heartbeat_blind_us(void)
{
	uint64_t now;

	if (last.wall_us == 0)
		return 0;
	now = ds_clock_boot_us();
	if (strcmp(last.boot_id, boot_id) == 0 && now > last.boot_us)
		return now - last.boot_us;
	now = ds_clock_wall_us();
	return now > last.wall_us ? now - last.wall_us : 1;
}

void
heartbeat_mark(void)
{
	mark = (struct beat){ .wall_us = ds_clock_wall_us(), .boot_us = ds_clock_boot_us() };
}

/*
 * Of the process, unlike flock(): a child that has not come to its exec, or never does, when its
 * guard is killed keeps the next one out no longer than the guard itself.
 */
static int
lock(void)
{
	const struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &all) == 0)
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
}

int
heartbeat_open(const char *state_dir)
{
	char path[4096];
	int r;

	(void)snprintf(path, sizeof(path), "%s/guard.state", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = lock();
	if (r < 0) {
		(void)close(fd);
		fd = -1;
		return r;
	}
	read_boot_id();
	if (!read_last(&last)) {
		last = (struct beat){ 0 };
		heartbeat_mark();
		heartbeat_beat();
	}
	return 0;
}

void
heartbeat_beat(void)
{
	write_line("running", &mark);
}

void
heartbeat_close(void)
{
	heartbeat_mark();
	write_line("stopped", &mark);
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
}
