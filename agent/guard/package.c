/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package - which package owns a file, and its version: from dpkg's database, or by rpm.
 *
 * This file drives the job; package_dpkg.c and package_rpm.c know the databases.
 */
#include "agent/guard/package.h"

#include "agent/guard/package_part.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_LEN_MAX 4095u

int
package_open(int root_fd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_RDONLY | O_CLOEXEC |
							      O_NONBLOCK | O_NOCTTY),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	struct stat st;
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		(void)close(fd);
		return -EINVAL;
	}
	return fd;
}

int
package_begin(struct package_job *job, const char *root)
{
	char path[64];
	int fd;

	*job = (struct package_job){ .state = PACKAGE_LISTS, .root_fd = -1, .fd = -1 };
	if (snprintf(path, sizeof(path), "%s/", root) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	job->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (job->root_fd < 0)
		return -errno;
	fd = package_open(job->root_fd, "/var/lib/dpkg/info", O_DIRECTORY);
	if (fd < 0)
		return 0; /* no dpkg here: nothing to read in that state */
	job->info = fdopendir(fd);
	if (job->info == NULL)
		(void)close(fd);
	return 0;
}

/* Lists say /bin/x or /usr/bin/x for the same file, depending on the package's age. */
static char *
merged_twin(const char *path)
{
	static const char *const places[] = { "bin/", "sbin/", "lib/", "lib64/", "lib32/",
		"libx32/", "libo32/" };
	bool in_usr = strncmp(path, "/usr/", 5) == 0;
	const char *rest = path + (in_usr ? 5 : 1);
	char *twin = NULL;

	for (size_t i = 0; i < DS_LEN(places); i++) {
		if (strncmp(rest, places[i], strlen(places[i])) != 0)
			continue;
		if (asprintf(&twin, "%s/%s", in_usr ? "" : "/usr", rest) < 0)
			return NULL;
		return twin;
	}
	return NULL;
}

int
package_add(struct package_job *job, const char *path)
{
	struct package_query *q = &job->query[job->len];
	size_t len = strlen(path);

	if (job->len == PACKAGE_QUERIES_MAX)
		return -ENOSPC;
	if (path[0] != '/' || len > PATH_LEN_MAX)
		return -EINVAL;
	*q = (struct package_query){ .path[0] = strdup(path) };
	if (q->path[0] == NULL)
		return -ENOMEM;
	q->path[1] = merged_twin(path);
	package_dpkg_divert(job, q);
	for (size_t i = 0; i < DS_LEN(q->path); i++) {
		len = q->path[i] != NULL ? strlen(q->path[i]) : 0;
		job->lengths[len / 64] |= 1ull << len % 64;
	}
	return (int)job->len++;
}

static bool
all_named(const struct package_job *job)
{
	for (size_t i = 0; i < job->len; i++)
		if (job->query[i].name[0] == '\0')
			return false;
	return true;
}

int
package_step(struct package_job *job, size_t budget)
{
	switch (job->state) {
	case PACKAGE_LISTS:
		if (!all_named(job) && !package_dpkg_lists(job, budget))
			return 0;
		if (job->fd >= 0)
			(void)close(job->fd);
		job->fd = package_open(job->root_fd, "/var/lib/dpkg/status", 0);
		job->line_len = 0;
		job->state = PACKAGE_STATUS;
		return 0;
	case PACKAGE_STATUS:
		if (!package_dpkg_status(job, budget))
			return 0;
		job->state =
		    !all_named(job) && package_rpm_exists(job) ? PACKAGE_RPM : PACKAGE_DONE;
		return job->state == PACKAGE_DONE;
	case PACKAGE_RPM:
		if (!package_rpm_step(job))
			return 0;
		job->state = PACKAGE_DONE;
		return 1;
	case PACKAGE_DONE:
		return 1;
	}
	return 1;
}

void
package_end(struct package_job *job)
{
	package_rpm_end(job);
	for (size_t i = 0; i < job->len; i++) {
		free(job->query[i].path[0]);
		free(job->query[i].path[1]);
		free(job->query[i].except);
	}
	job->len = 0;
	if (job->info != NULL)
		(void)closedir(job->info);
	job->info = NULL;
	if (job->fd >= 0)
		(void)close(job->fd);
	if (job->root_fd >= 0)
		(void)close(job->root_fd);
	job->fd = job->root_fd = -1;
}
