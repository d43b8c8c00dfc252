/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup_path - the cgroup path of a process as this cgroup namespace sees it, also when the
 * process has gone and only the kernel's own path is left.
 *
 * Called by attribute on the guard's only thread.  Owns what is known of the namespace's root.
 */
#include "agent/guard/cgroup_path.h"
#include "agent/guard/process.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static char root[PROCESS_PATH_MAX]; /* of this namespace, from the kernel's root; "": the same */
static bool root_known;

void
cgroup_path_init(void)
{
	char target[64];
	ssize_t n = readlink("/proc/self/ns/cgroup", target, sizeof(target) - 1);

	target[n > 0 ? n : 0] = '\0';
	root[0] = '\0';
	root_known = strcmp(target, "cgroup:[4026531835]") == 0; /* the first has a fixed number */
}

/* The kernel's path ends with what the namespace shows; what is before is its root. */
static void
learn(struct ds_str kernel, const char *seen)
{
	size_t len = strlen(seen);

	if (root_known || kernel.len < len || len < 2 || kernel.len - len >= sizeof(root) ||
	    memcmp(kernel.ptr + kernel.len - len, seen, len) != 0)
		return;
	memcpy(root, kernel.ptr, kernel.len - len);
	root[kernel.len - len] = '\0';
	root_known = true;
}

/* Without a process that could tell, the root is taken for one directory. */
static size_t
root_len(struct ds_str kernel)
{
	const char *slash;
	size_t len = strlen(root);

	if (root_known)
		return kernel.len >= len && memcmp(kernel.ptr, root, len) == 0 ? len : kernel.len;
	slash = memchr(kernel.ptr + 1, '/', kernel.len - 1);
	return slash != NULL ? (size_t)(slash - kernel.ptr) : kernel.len;
}

int
cgroup_path_of(pid_t pid, struct ds_str kernel, char *ret, size_t size)
{
	size_t skip;

	if (process_cgroup(pid, ret, size) == 0) {
		learn(kernel, ret);
		return 0;
	}
	if (kernel.len < 2 || kernel.len >= size)
		return -ESRCH;
	skip = root_len(kernel);
	if (skip == kernel.len)
		return -ENOENT;
	memcpy(ret, kernel.ptr + skip, kernel.len - skip);
	ret[kernel.len - skip] = '\0';
	return 0;
}
