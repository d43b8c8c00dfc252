/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_perm_child - answers the kernel's question whether a program may be executed.
 *
 * A child of the guard, with its tables as they were at the fork and what it is told since.  It
 * executes nothing, so it never waits for itself.  What is not of a held daemon, is known, or is
 * the interpreter of what was allowed a moment ago passes at once; the rest waits for the guard.  A
 * guard that is not heard any more has no say: all that waits passes.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/hold.h"
#include "agent/guard/hold_known.h"
#include "agent/guard/hold_perm_part.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/file_mounts.h"
#include "lib/clock.h"
#include "lib/fds.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAITING_MAX     256u
#define LOADERS         256u
#define REMARK_MS       5000u
#define DEAF_MS         10000u /* a guard that says nothing for so long is not waited for */
#define ABOVE_MAX       8u
#define PROGRAM_HEADERS 64u

#define SOCKET_FD 3

/* A program that waits for the guard's word. */
struct waiting {
	uint32_t token; /* 0: free */
	pid_t pid;
	int fd; /* of the file; what the kernel knows the question by */
};

/* The loader that the kernel opens next for a process whose program was allowed. */
struct loader {
	pid_t pid;
	char path[256];
};

static struct waiting waiting[WAITING_MAX];
static struct loader loaders[LOADERS];
static uint32_t last_token;
static pid_t guard;
static int fan = -1;
static uint64_t heard_ms;

/* ---- the kernel */

static void
mark(const char *device, const char *point, void *ctx)
{
	int *marked = ctx;

	(void)device;
	if (fanotify_mark(
		fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, AT_FDCWD, point) == 0)
		(*marked)++;
}

/* Programs in memory have a file system of their own, that not every kernel lets be marked. */
static void
mark_memory(void)
{
	int fd = (int)syscall(SYS_memfd_create, "daemonsec", 1u);

	if (fd >= 0 && fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM,
			   fd, NULL) < 0)
		errno = 0; /* the document says so */
	if (fd >= 0)
		(void)close(fd);
}

static int
open_kernel(void)
{
	int marked = 0, r;

	fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
	    O_RDONLY | O_CLOEXEC);
	if (fan < 0)
		return -errno;
	r = mounts_each(mark, &marked);
	if (r == 0 && marked == 0)
		r = -EOPNOTSUPP;
	mark_memory();
	return r;
}

static void
respond(int fd, bool allow)
{
	const struct fanotify_response r = { fd, allow ? FAN_ALLOW : FAN_DENY };

	if (write(fan, &r, sizeof(r)) < 0)
		errno = 0; /* the process was killed meanwhile */
	(void)close(fd);
}

/* ---- what passes */

/* The guard, and what it starts itself. */
static bool
is_of_guard(pid_t pid)
{
	struct process_stat st;

	for (unsigned i = 0; i < ABOVE_MAX && pid > 1; i++) {
		if (pid == guard)
			return true;
		if (process_stat(pid, &st) < 0)
			return false;
		pid = st.ppid;
	}
	return false;
}

static bool
is_script(int fd)
{
	char two[2];

	/* Its interpreter is opened next, and is what counts: as sched_process_exec says it. */
	return pread(fd, two, 2, 0) == 2 && two[0] == '#' && two[1] == '!';
}

static bool
read_loader(int fd, char *ret, size_t size)
{
	Elf64_Ehdr head;
	Elf64_Phdr p;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned i = 0; i < head.e_phnum && i < PROGRAM_HEADERS; i++) {
		off_t at = (off_t)head.e_phoff + (off_t)i * head.e_phentsize;

		if (pread(fd, &p, sizeof(p), at) != sizeof(p))
			return false;
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_filesz < 2 || p.p_filesz > size ||
		    pread(fd, ret, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
			return false;
		ret[p.p_filesz - 1] = '\0';
		return true;
	}
	return false;
}

static void
expect_loader(pid_t pid, int fd)
{
	struct loader *l = &loaders[(unsigned)pid % LOADERS];

	l->pid = read_loader(fd, l->path, sizeof(l->path)) ? pid : 0;
}

static bool
is_expected_loader(pid_t pid, int fd)
{
	struct loader *l = &loaders[(unsigned)pid % LOADERS];
	struct stat file, loader;

	if (l->pid != pid)
		return false;
	l->pid = 0;
	return fstat(fd, &file) == 0 && stat(l->path, &loader) == 0 &&
	       file.st_dev == loader.st_dev && file.st_ino == loader.st_ino;
}

static void
allow(pid_t pid, int fd)
{
	expect_loader(pid, fd);
	respond(fd, true);
}

static bool
path_of(int fd, char *ret, size_t size)
{
	static const char deleted[] = " (deleted)";
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	if ((size_t)n > sizeof(deleted) && strcmp(ret + n - sizeof(deleted) + 1, deleted) == 0)
		ret[(size_t)n - sizeof(deleted) + 1] = '\0';
	return true;
}

/* ---- what waits */

static void
ask(pid_t pid, int fd, const struct daemon *d, const char *path)
{
	struct waiting *w = NULL;

	for (size_t i = 0; i < WAITING_MAX && w == NULL; i++)
		if (waiting[i].token == 0)
			w = &waiting[i];
	last_token += last_token == UINT32_MAX ? 2 : 1;
	if (w != NULL &&
	    hold_perm_send(SOCKET_FD, HOLD_PERM_QUESTION, last_token, pid, d->name, path) == 0) {
		*w = (struct waiting){ last_token, pid, fd };
		return;
	}
	allow(pid, fd);
	if (hold_perm_send(SOCKET_FD, HOLD_PERM_PASSED, 0, pid, NULL, NULL) < 0)
		return; /* told if it can */
}

static void
on_open(pid_t pid, int fd)
{
	static char path[PROCESS_PATH_MAX];
	const struct daemon *d;

	if (pid <= 1 || is_of_guard(pid)) {
		respond(fd, true);
		return;
	}
	d = daemon_of_process(pid);
	/* Only of a program that was allowed to a held daemon is its loader looked for: a path that
	 * anybody could write may lead to where nobody answers. */
	if (d == NULL || !hold_is_on(d->name))
		allow(pid, fd);
	else if (is_expected_loader(pid, fd))
		respond(fd, true);
	else if (is_script(fd) || !path_of(fd, path, sizeof(path)) || hold_known_has(d->name, path))
		allow(pid, fd);
	else
		ask(pid, fd, d, path);
}

static void
drain_kernel(void)
{
	static char data[16384] __attribute__((aligned(8)));
	ssize_t n = read(fan, data, sizeof(data));
	struct fanotify_event_metadata *m = (void *)data;

	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
		if (m->vers != FANOTIFY_METADATA_VERSION)
			_exit(1);
		if (m->fd >= 0 && (m->mask & FAN_OPEN_EXEC_PERM) != 0)
			on_open(m->pid, m->fd);
		else if (m->fd >= 0)
			(void)close(m->fd);
	}
}

static void
answer(uint32_t token, bool yes)
{
	for (size_t i = 0; i < WAITING_MAX; i++) {
		struct waiting *w = &waiting[i];

		if (w->token == 0 || w->token != token)
			continue;
		w->token = 0;
		if (yes)
			allow(w->pid, w->fd);
		else
			respond(w->fd, false);
	}
}

static void
let_all_pass(void)
{
	for (size_t i = 0; i < WAITING_MAX; i++)
		answer(waiting[i].token, true);
}

/* ---- the guard */

static void
drain_guard(void)
{
	static struct hold_perm_message m;
	int r;

	while ((r = hold_perm_read(SOCKET_FD, &m)) == 1) {
		heard_ms = ds_clock_monotonic_ms();
		if (m.kind == HOLD_PERM_WANT)
			hold_note(m.text, m.number != 0);
		else if (m.kind == HOLD_PERM_KNOW)
			(void)hold_known_note(m.text, hold_perm_path(&m));
		else if (m.kind == HOLD_PERM_ANSWER)
			answer(m.number, m.pid == 1);
		else if (m.kind == HOLD_PERM_PING &&
			 hold_perm_send(SOCKET_FD, HOLD_PERM_PONG, 0, 0, NULL, NULL) == -EPIPE)
			_exit(0);
	}
	if (r < 0)
		_exit(0); /* the kernel lets everything pass */
}

static void
settle(int socket_fd)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* only SIGKILL ends it early */
	(void)prctl(PR_SET_NAME, "daemonsec-hold");
	if (socket_fd != SOCKET_FD && dup2(socket_fd, SOCKET_FD) < 0)
		_exit(1);
	if (ds_fds_close_from(SOCKET_FD + 1) < 0)
		_exit(1);
}

_Noreturn void
hold_perm_child(int socket_fd, pid_t guard_pid)
{
	struct pollfd p[2] = { { .fd = SOCKET_FD, .events = POLLIN }, { .events = POLLIN } };
	uint64_t marked_ms;
	int r, marked = 0;

	guard = guard_pid;
	last_token = (uint32_t)(ds_clock_monotonic_ms() * 64); /* none of one before us */
	settle(socket_fd);
	r = open_kernel();
	if (hold_perm_send(SOCKET_FD, HOLD_PERM_READY, (uint32_t)-r, 0, NULL, NULL) < 0 || r < 0)
		_exit(1);
	p[1].fd = fan;
	marked_ms = heard_ms = ds_clock_monotonic_ms();
	for (;;) {
		(void)poll(p, 2, 1000);
		drain_guard();
		drain_kernel();
		if (ds_clock_monotonic_ms() - heard_ms > DEAF_MS)
			let_all_pass();
		if (ds_clock_monotonic_ms() - marked_ms < REMARK_MS)
			continue;
		marked_ms = ds_clock_monotonic_ms();
		if (mounts_each(mark, &marked) < 0) /* what was mounted meanwhile */
			continue;
	}
}
