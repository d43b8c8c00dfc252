# SPDX-License-Identifier: GPL-2.0-or-later
"""clock - a clock of their own for those who are started with it. Nobody touches the real one: a preloaded library moves
CLOCK_REALTIME of the processes that have it."""
import os, re, struct, subprocess

from harness import program

HOUR, YEAR = 3600, 365 * 86400
SHIM = r'''
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *offset;
__attribute__((constructor)) static void start(void) {
	/* Not by functions: a sanitizer has its own, and may not be ready for them. */
	int fd = (int)syscall(SYS_open, getenv("DS_TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
	long p = syscall(SYS_mmap, 0, 8, PROT_READ, MAP_SHARED, fd, 0);
	if (p > 0) offset = (void *)p;
	syscall(SYS_close, fd);
}
int clock_gettime(clockid_t id, struct timespec *ts) {
	int r = (int)syscall(SYS_clock_gettime, id, ts);
	if (id == CLOCK_REALTIME && offset) ts->tv_sec += *offset;
	return r;
}
int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
	struct timespec ts;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *ret) {
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret) *ret = ts.tv_sec;
	return ts.tv_sec;
}'''


def sanitizer():
    """The library of the sanitizer that our programs were built with: it wants to be the first."""
    said = subprocess.run(["ldd", program("daemonsec-server")], capture_output=True, text=True).stdout
    return re.findall(r"(/\S*/lib[at]san\S*)", said)


class Clock:
    """The clock of those that are started with its environment."""

    def __init__(self, dir, name):
        self.file, shim = os.path.join(dir, name + ".clock"), os.path.join(dir, "shim.so")
        if not os.path.exists(shim):
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", shim, "-xc", "-"], input=SHIM, text=True, check=True)
        self.env = dict(os.environ, LD_PRELOAD=" ".join(sanitizer() + [shim]), DS_TEST_CLOCK=self.file)
        self.prefix = ["env"] + [f"{k}={self.env[k]}" for k in ("LD_PRELOAD", "DS_TEST_CLOCK")]
        self.set(0)

    def set(self, seconds):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as f:
            f.write(struct.pack("q", seconds))
