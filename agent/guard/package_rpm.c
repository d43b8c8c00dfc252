/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_rpm - asks rpm itself, as a child process without a shell, one file at a time.
 *
 * The formats of rpm's database change (Berkeley DB, ndb, SQLite); its tool does not.  The child
 * gets a fixed environment, its output is bounded, and it is ended when it takes too long.
 */
#include "agent/guard/package_part.h"

#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RPM_TIMEOUT_MS 10000u

static const char *const rpm_programs[] = { "/usr/bin/rpm", "/bin/rpm" };
static const char *const rpm_databases[] = { "/var/lib/rpm", "/usr/lib/sysimage/rpm" };

static const char *
rpm_program(void)
{
	for (size_t i = 0; i < DS_LEN(rpm_programs); i++)
		if (access(rpm_programs[i], X_OK) == 0)
			return rpm_programs[i];
	return NULL;
}

const char *
package_rpm_program(void)
{
	for (size_t i = 0; i < DS_LEN(rpm_databases); i++)
		if (access(rpm_databases[i], R_OK) == 0)
			return rpm_program();
	return NULL;
}

/* Our own root only: rpm is not run inside a container. */
bool
package_rpm_exists(const struct package_job *job)
{
	struct stat ours, theirs;

	if (stat("/", &ours) < 0 || fstat(job->root_fd, &theirs) < 0 ||
	    ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev)
		return false;
	return package_rpm_program() != NULL;
}

static int
rpm_start(struct package_job *job, const char *path)
{
	static char program[] = "rpm", query[] = "-qf", option[] = "--qf",
		    format[] =
			"package\\t%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n",
		    end[] = "--", environment[] = "LC_ALL=C";
	char file[4096];
	char *const argv[] = { program, query, option, format, end, file, NULL };
	char *const envp[] = { environment, NULL };
	posix_spawn_file_actions_t actions;
	int pipe_fd[2], r;

	(void)snprintf(file, sizeof(file), "%s", path);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	r = posix_spawn_file_actions_init(&actions);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], 1);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn(&job->rpm_pid, rpm_program(), &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fd[1]);
	if (r != 0 || fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK) < 0) {
		(void)close(pipe_fd[0]);
		job->rpm_pid = 0;
		return r != 0 ? -r : -errno;
	}
	job->rpm_pidfd = (int)syscall(SYS_pidfd_open, job->rpm_pid, 0);
	job->fd = pipe_fd[0];
	job->line_len = 0;
	job->rpm_deadline_ms = ds_clock_monotonic_ms() + RPM_TIMEOUT_MS;
	return 0;
}

/* "package\tNAME\tVERSION\n"; the first line when several own the file. */
static void
rpm_answer(struct package_job *job, struct package_query *q)
{
	static const char mark[] = "package\t";
	char *line = job->line, *tab, *end;

	line[DS_MIN(job->line_len, sizeof(job->line) - 1)] = '\0';
	line = strstr(line, mark);
	if (line == NULL)
		return;
	line += sizeof(mark) - 1;
	tab = strchr(line, '\t');
	end = tab != NULL ? strchr(tab, '\n') : NULL;
	if (end == NULL)
		return;
	*tab = *end = '\0';
	(void)snprintf(q->name, sizeof(q->name), "%s", line);
	(void)snprintf(q->version, sizeof(q->version), "%s", tab + 1);
}

/* True at the end of its output. */
static bool
rpm_read(struct package_job *job)
{
	char rest[512];
	bool fits = job->line_len < sizeof(job->line) - 1;
	ssize_t n =
	    fits ? read(job->fd, job->line + job->line_len, sizeof(job->line) - 1 - job->line_len)
		 : read(job->fd, rest, sizeof(rest));

	if (n > 0 && fits)
		job->line_len += (size_t)n;
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void
package_rpm_end(struct package_job *job)
{
	if (job->rpm_pid <= 0)
		return;
	/* By pidfd: whoever reaps it before us must not make us hit its successor. */
	if (job->rpm_pidfd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, job->rpm_pidfd, SIGKILL, NULL, 0);
		(void)close(job->rpm_pidfd);
	}
	(void)waitpid(job->rpm_pid, NULL, job->rpm_pidfd >= 0 ? 0 : WNOHANG);
	job->rpm_pid = 0;
	if (job->fd >= 0)
		(void)close(job->fd);
	job->fd = -1;
}

bool
package_rpm_step(struct package_job *job)
{
	while (job->rpm_pid == 0) {
		while (job->rpm_next < job->len && job->query[job->rpm_next].name[0] != '\0')
			job->rpm_next++;
		if (job->rpm_next == job->len)
			return true;
		if (rpm_start(job, job->query[job->rpm_next].path[0]) < 0)
			job->rpm_next++;
	}
	if (rpm_read(job)) {
		rpm_answer(job, &job->query[job->rpm_next++]);
		package_rpm_end(job);
	} else if (ds_clock_monotonic_ms() > job->rpm_deadline_ms) {
		job->rpm_next++;
		package_rpm_end(job);
	}
	return false;
}
