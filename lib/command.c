/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - runs another program and waits for it, bounded in time, memory and output.
 *
 * The child is the leader of a process group, and the group is killed at the end: what a program
 * leaves running in it does not outlive the answer.  What left the group does, as daemons that a
 * reload starts must; of a program that is not trusted so far, a keeper between it and us inherits
 * all orphans and ends them, too.
 */
#include "lib/command.h"

#include "lib/clock.h"
#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 256u
#define FILE_BYTES    (64u << 20)
#define ENV_MAX       16u
#define KEEPER_MS     2000

static void
reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
limit(int what, uint64_t value)
{
	const struct rlimit r = { value, value };

	(void)setrlimit((__rlimit_resource_t)what, &r);
}

/* Takes away what a syntax check does not need; what exec would give back, too. */
static int
reduce(void)
{
	const uint64_t keep = 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
			      1ull << CAP_CHOWN | 1ull << CAP_FOWNER | 1ull << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	for (unsigned long cap = 0; cap < 64; cap++)
		if ((keep >> cap & 1) == 0)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	data[0].effective = data[0].permitted = (uint32_t)keep;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int
become(enum ds_command_as as, uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (as == DS_COMMAND_ROOT || as == DS_COMMAND_SELF)
		return 0;
	if (as == DS_COMMAND_REDUCED)
		return geteuid() == 0 ? reduce() : 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static _Noreturn void
child(const struct ds_command *c, int in, int out)
{
	const char *env[ENV_MAX + 3] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"
	};

	for (size_t i = 0; i < ENV_MAX && c->extra != NULL && c->extra[i] != NULL; i++)
		env[2 + i] = c->extra[i];
	reset_signals();
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, FILE_BYTES);
	limit(RLIMIT_CPU, c->timeout_ms / 1000 + 1);
	limit(RLIMIT_AS, c->memory_max > 0 ? c->memory_max : 1u << 30);
	if (c->as == DS_COMMAND_USER)
		limit(RLIMIT_NPROC, PROCESSES_MAX);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir("/") < 0 ||
	    ds_fds_close_from(3) < 0 || become(c->as, c->uid, c->gid) < 0)
		_exit(127);
	(void)execve(c->argv[0], (char *const *)(uintptr_t)c->argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

/* SIGKILL to each of our children: of those that become ours meanwhile, with the next call. */
static bool
kill_children(void)
{
	char text[4096];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	pid_t pid = 0;

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
			continue;
		}
		if (pid > 0)
			(void)kill(pid, SIGKILL);
		pid = 0;
	}
	return n >= 0;
}

/* Waits until the program has ended, or SIGTERM says that its time is over, then ends the rest.  A
 * kernel that does not list children keeps orphans alive, as without a keeper. */
static _Noreturn void
keeper(const struct ds_command *c, int in, int out)
{
	int status = SIGKILL, sig = SIGCHLD;
	pid_t parent = getppid(), pid, p;
	sigset_t set;

	reset_signals();
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		_exit(127);
	pid = fork();
	if (pid == 0)
		child(c, in, out);
	if (pid < 0)
		_exit(127);
	if (ds_fds_close_from(0) < 0)
		sig = SIGTERM; /* who holds our pipe holds up the answer */
	/* It may have ended before its end was waited for: then the signal is pending. */
	while (sig != SIGTERM && waitpid(pid, &status, WNOHANG) != pid)
		sig = sigwaitinfo(&set, NULL);
	while ((p = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (p == 0 && !kill_children())
			break;
		if (p == 0)
			(void)poll(NULL, 0, 1);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A file in memory: written whole before the program reads it, so that nothing can wait. */
static int
make_input(const struct ds_command *c)
{
	int fd;

	if (c->input == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, c->input, c->input_size) != (ssize_t)c->input_size ||
	    lseek(fd, 0, SEEK_SET) < 0) {
		(void)close(fd);
		return -EIO;
	}
	return fd;
}

/* Reads what comes; false at its end. */
static bool
take(int fd, char *out, size_t size, size_t *len)
{
	char rest[4096];
	bool fits = *len + 1 < size;
	ssize_t n = read(fd, fits ? out + *len : rest, fits ? size - 1 - *len : sizeof(rest));

	if (n > 0 && fits)
		*len += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Of a keeper that is told to end: it has a moment for those that it keeps. */
static void
end_kept(pid_t pid, int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	(void)kill(pid, SIGTERM);
	(void)poll(&p, 1, KEEPER_MS);
}

static int
status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Until it has ended, or its time is over; its output meanwhile. */
static int
wait_for(const struct ds_command *c, pid_t pid, int fd, char *out, size_t size)
{
	uint64_t end_ms = ds_clock_monotonic_ms() + c->timeout_ms;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), r = 0;
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	size_t len = 0;
	bool ended = false;

	while (!ended && r == 0) {
		uint64_t now_ms = ds_clock_monotonic_ms();

		if (now_ms >= end_ms || pidfd < 0) {
			r = pidfd < 0 ? -EMFILE : -ETIME;
			break;
		}
		if (poll(p, 2, (int)DS_MIN(end_ms - now_ms, (uint64_t)1000)) < 0 && errno != EINTR)
			r = -errno;
		if (p[1].fd >= 0 && p[1].revents != 0 && !take(fd, out, size, &len))
			p[1].fd = -1;
		ended = (p[0].revents & POLLIN) != 0;
	}
	if (!ended && c->ends_all)
		end_kept(pid, pidfd);
	(void)kill(-pid, SIGKILL);
	if (ended && p[1].fd >= 0)
		(void)take(fd, out, size, &len); /* does not block: what is left in the pipe */
	out[len] = '\0';
	if (pidfd >= 0)
		(void)close(pidfd);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)status_of(pid);
		return r;
	}
	return status_of(pid);
}

int
ds_command_run(const struct ds_command *c, char *out, size_t out_size)
{
	int in = make_input(c), pipe_fd[2] = { -1, -1 }, r;
	pid_t pid;

	out[0] = '\0';
	if (in < 0)
		return in;
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		(void)close(in);
		return -errno;
	}
	(void)fcntl(pipe_fd[1], F_SETFL, 0);
	pid = fork();
	if (pid == 0 && c->ends_all)
		keeper(c, in, pipe_fd[1]);
	if (pid == 0)
		child(c, in, pipe_fd[1]);
	(void)close(in);
	(void)close(pipe_fd[1]);
	r = pid < 0 ? -errno : wait_for(c, pid, pipe_fd[0], out, out_size);
	(void)close(pipe_fd[0]);
	return r;
}

static _Noreturn void
grandchild(const struct ds_command_start *s)
{
	int null = open("/dev/null", O_RDWR);

	reset_signals();
	(void)setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    ds_fds_close_from(3) < 0)
		_exit(127);
	if (chdir(s->cwd != NULL ? s->cwd : "/") < 0 && chdir("/") < 0)
		_exit(127);
	if ((s->uid != 0 || s->gid != 0) &&
	    (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
		setresuid(s->uid, s->uid, s->uid) < 0))
		_exit(127);
	(void)execve(s->exe, (char *const *)(uintptr_t)s->argv, (char *const *)(uintptr_t)s->envp);
	_exit(127);
}

int
ds_command_start(const struct ds_command_start *s)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, DS_COMMAND_STARTER);
		pid = fork();
		if (pid == 0)
			grandchild(s);
		_exit(pid < 0 ? 1 : 0);
	}
	return status_of(pid) == 0 ? 0 : -EAGAIN;
}
