/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apart - changes in the network of somebody else, by a child that can be given up.
 *
 * Called by nft_element and blocks.  Owns the children that were given up, until they end.
 */
#include "agent/guard/reactions/apart.h"

#include "agent/guard/process.h"
#include "agent/guard/reactions/group.h"
#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* hundreds of changes */
#define SHORT_MS    100  /* while somebody holds up others */
#define BUSY_MAX    100u /* times SHORT_MS, on a host that has no time for it */
#define STUCK_MAX   8u
#define OUT_FD      3

static pid_t stuck[STUCK_MAX]; /* killed, and still in the kernel; 0: free */
static bool is_child;

/* Who could come out meanwhile has gone; how many are left, and where there is room. */
static size_t
reap(size_t *ret_room)
{
	size_t n = 0;

	*ret_room = STUCK_MAX;
	for (size_t i = 0; i < STUCK_MAX; i++) {
		if (stuck[i] > 0 && waitpid(stuck[i], NULL, WNOHANG) != 0)
			stuck[i] = 0;
		if (stuck[i] == 0)
			*ret_room = i;
		else
			n++;
	}
	return n;
}

static _Noreturn void
run(int out, pid_t guard, int (*work)(void *ctx), void *ctx)
{
	int32_t result;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "daemonsec-net");
	/* What waits in the kernel must not keep what the next guard wants. */
	if (getppid() != guard || (out != OUT_FD && dup2(out, OUT_FD) < 0) ||
	    ds_fds_close_from(OUT_FD + 1) < 0)
		_exit(1);
	is_child = true;
	result = work(ctx);
	_exit(write(OUT_FD, &result, sizeof(result)) != (ssize_t)sizeof(result));
}

/* Or wants to, and others are before it: that is no fault of a network. */
static bool
computes(pid_t child)
{
	char text[1024];
	const char *at =
	    process_read(child, "stat", text, sizeof(text)) > 0 ? strrchr(text, ')') : NULL;

	return at != NULL && at[1] == ' ' && at[2] == 'R';
}

/* What the child said; -ETIMEDOUT: nothing yet. */
static int
hear(int in, pid_t child, int patience_ms)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	int32_t result;
	int n = poll(&p, 1, patience_ms);

	for (unsigned i = 0; n == 0 && i < BUSY_MAX && computes(child); i++)
		n = poll(&p, 1, SHORT_MS);
	if (n == 0)
		return -ETIMEDOUT;
	return read(in, &result, sizeof(result)) == (ssize_t)sizeof(result) ? result : -ECHILD;
}

int
apart_do(unsigned group, int (*work)(void *ctx), void *ctx)
{
	pid_t guard = getpid(), child;
	size_t room, others;
	int pair[2], r;

	if (is_child)
		return work(ctx);
	others = reap(&room);
	if (room == STUCK_MAX || group_rests(group))
		return -ETIMEDOUT;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		run(pair[1], guard, work, ctx);
	(void)close(pair[1]);
	r = child < 0 ? -EAGAIN : hear(pair[0], child, others > 0 ? SHORT_MS : PATIENCE_MS);
	(void)close(pair[0]);
	if (child < 0)
		return r;
	group_took(group, r != -ETIMEDOUT);
	(void)kill(child, SIGKILL);
	if (waitpid(child, NULL, r == -ETIMEDOUT ? WNOHANG : 0) == 0)
		stuck[room] = child;
	return r;
}
