/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_args - the arguments of an exec that has not happened yet.
 *
 * Called by hold.  /proc/PID/syscall says where they are, in the memory of a process that cannot
 * change them as long as it has one thread; they are for people to read, nothing is decided by
 * them.
 */
#include "agent/guard/hold_args.h"
#include "agent/guard/process.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool
peek(pid_t pid, uint64_t at, void *ret, size_t size)
{
	const struct iovec here = { ret, size }, there = { (void *)(uintptr_t)at, size };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* A string that may end before a page that is not there. */
static size_t
peek_text(pid_t pid, uint64_t at, char *ret, size_t size)
{
	size_t len = 0;

	while (len < size) {
		size_t step = DS_MIN(size - len, 256 - (size_t)((at + len) & 255)), n;

		if (!peek(pid, at + len, ret + len, step))
			return 0;
		n = strnlen(ret + len, step);
		len += n;
		if (n < step)
			break;
	}
	return len;
}

size_t
hold_args_of(pid_t pid, char *ret, size_t size)
{
	unsigned long long number, a[3];
	char text[512];
	uint64_t argv, one;
	size_t len = 0;

	if (process_read(pid, "syscall", text, sizeof(text)) <= 0 ||
	    sscanf(text, "%llu %llx %llx %llx", &number, &a[0], &a[1], &a[2]) != 4)
		return 0;
	if (number != SYS_execve && number != SYS_execveat)
		return 0;
	argv = number == SYS_execve ? a[1] : a[2];
	for (unsigned i = 0; argv != 0 && i < PROCESS_ARGV_MAX && len + 1 < size; i++) {
		if (!peek(pid, argv + i * sizeof(one), &one, sizeof(one)) || one == 0)
			break;
		if (i > 0)
			ret[len++] = '\0';
		len += peek_text(pid, one, ret + len, size - len);
	}
	return len;
}
