/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_watch - a child that waits for the guard's death on a pipe.
 *
 * Called by hold.  It holds two descriptors, the pipe and the kernel's map of who is stopped; the
 * guard's links to the kernel are closed in it, so they end with the guard.
 */
#include "agent/guard/hold_watch.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/sample.h"
#include "lib/fds.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_FD  3
#define PIPE_FD 4

static pid_t child;
static int pipe_fd = -1;

/* Only if the pid is still that process. */
static void
let_go(uint32_t pid, const struct held_task *h)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	struct process_stat st;

	if (process_stat((pid_t)pid, &st) == 0 &&
	    st.start_ticks == h->start_ns / (1000000000u / hz))
		(void)kill((pid_t)pid, SIGCONT);
}

static void
let_all_go(void)
{
	uint32_t pid, next;
	struct held_task h;
	const uint32_t *at = NULL;

	/* Nothing is added any more, and nothing removed: the guard is dead. */
	for (unsigned i = 0; i < 2 * HOLD_MAX && bpf_map_get_next_key(MAP_FD, at, &next) == 0;
	     i++) {
		pid = next;
		at = &pid;
		if (bpf_map_lookup_elem(MAP_FD, &pid, &h) < 0)
			continue;
		/* Off the map first: the kernel's side may end a moment later than the guard. */
		if (bpf_map_delete_elem(MAP_FD, &pid) == 0)
			at = NULL;
		let_go(pid, &h);
	}
}

static void
run(int map_fd, int read_fd)
{
	int map = fcntl(map_fd, F_DUPFD, 16), end = fcntl(read_fd, F_DUPFD, 16);
	sigset_t all;
	char c;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* only SIGKILL ends it early */
	(void)prctl(PR_SET_NAME, "daemonsec-watch");
	if (map < 0 || end < 0 || dup2(map, MAP_FD) < 0 || dup2(end, PIPE_FD) < 0)
		_exit(1);
	if (ds_fds_close_from(PIPE_FD + 1) < 0)
		_exit(1);
	while (read(PIPE_FD, &c, 1) < 0 && errno == EINTR)
		;
	let_all_go();
	_exit(0);
}

int
hold_watch_start(int map_fd)
{
	int pair[2];

	if (child > 0 && waitpid(child, NULL, WNOHANG) == 0)
		return 0;
	hold_watch_stop();
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		(void)close(pair[1]);
		run(map_fd, pair[0]);
	}
	(void)close(pair[0]);
	if (child < 0) {
		child = 0;
		(void)close(pair[1]);
		return -EAGAIN;
	}
	pipe_fd = pair[1];
	return 0;
}

void
hold_watch_stop(void)
{
	if (pipe_fd >= 0)
		(void)close(pipe_fd);
	pipe_fd = -1;
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	child = 0;
}
