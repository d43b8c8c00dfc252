/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_scan - new processes by looking at /proc twice a second.
 *
 * The last resort: for namespaces to which the proc connector does not speak, on kernels without
 * BPF.
 */
#include "agent/guard/process.h"
#include "agent/guard/sensors/exec_track.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/fold.h"
#include "lib/event.h"

#include <errno.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PERIOD_NS 500000000

static int fd = -1;

static void
scan_close(void)
{
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
	track_end();
}

static int
scan_open(void)
{
	struct itimerspec period = { .it_interval = { .tv_nsec = PERIOD_NS },
		.it_value = { .tv_nsec = PERIOD_NS } };
	int r;

	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = timerfd_settime(fd, 0, &period, NULL) < 0 ? -errno : track_begin();
	if (r < 0) {
		scan_close();
		return r;
	}
	return fd;
}

static int
visit(pid_t pid, void *ctx)
{
	int *count = ctx;

	*count += track_found(pid, true);
	return 0;
}

static int
scan_drain(void)
{
	uint64_t expired;
	int count = 0, r;

	if (read(fd, &expired, sizeof(expired)) < 0)
		return errno == EAGAIN ? 0 : -errno;
	r = process_each(visit, &count);
	if (r < 0)
		return r;
	track_forget();
	return count;
}

/* What lived between two looks is not known, not even its number. */
static uint64_t
scan_lost(void)
{
	return 0;
}

const struct sensor sensor_exec_scan = {
	.name = "exec_scan",
	.replaces = "exec_netlink",
	.kinds =
	    1ull << DS_EVENT_EXEC | 1ull << DS_EVENT_EXEC_MEMORY | 1ull << DS_EVENT_EXEC_DELETED,
	.blind = "what lives for less than half a second, a second exec of the same process",
	.open = scan_open,
	.drain = scan_drain,
	.tick = fold_tick,
	.lost = scan_lost,
	.close = scan_close,
};
