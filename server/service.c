/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/service.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static sigset_t signals;

int
service_lock(const char *state_dir, char *ret_why, size_t why_size)
{
	char path[4096], pid[32];
	int fd, n, r;

	n = snprintf(path, sizeof(path), "%s/lock", state_dir);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		snprintf(ret_why, why_size, "the state directory's name is too long");
		return -ENAMETOOLONG;
	}
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		snprintf(ret_why, why_size, "cannot make %s: %s", state_dir, strerror(-r));
		return r;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	r = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r < 0) {
		snprintf(ret_why, why_size,
		    r == -EWOULDBLOCK ? "another server runs on %s" : "cannot lock %s: %s",
		    state_dir, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)n) != n)
		ds_log(DEBUG, "the lock file could not be written", "%s", "");
	return fd;
}

void
service_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		ds_log(WARN, "the limit of open files stays as it is", "files=%llu",
		    (unsigned long long)limit.rlim_cur);
}

void
service_block_signals(void)
{
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void
service_set_zone(const char *name)
{
	char zone[300];

	snprintf(zone, sizeof(zone), ":%s", name);
	(void)setenv("TZ", zone, 1); /* without memory it is the machine's */
	tzset();
}

/* Half of what systemd waits for; 0: it does not watch us. */
static unsigned long
watchdog_us(void)
{
	const char *text = getenv("WATCHDOG_USEC");

	return text ? strtoul(text, NULL, 10) / 2 : 0;
}

int
service_wait(void)
{
	unsigned long us = watchdog_us();
	struct timespec interval = { .tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000 };

	for (;;) {
		int signal_number =
		    us ? sigtimedwait(&signals, NULL, &interval) : sigwaitinfo(&signals, NULL);

		if (signal_number > 0)
			return signal_number;
		if (us)
			ds_systemd_tell("WATCHDOG=1");
	}
}
