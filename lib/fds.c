/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/fds.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS_MAX (1u << 20) /* the kernel's own default for one process */

/* Before Linux 5.9; nothing is allocated, other threads may have had a lock when they were left. */
static int
close_each(unsigned first)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	for (unsigned fd = first; fd < DS_MIN(limit.rlim_cur, FDS_MAX); fd++)
		(void)close((int)fd);
	return 0;
}

int
ds_fds_close_from(unsigned first)
{
	if (syscall(SYS_close_range, first, ~0u, 0u) == 0)
		return 0;
	return errno == ENOSYS || errno == EPERM ? close_each(first) : -errno;
}
