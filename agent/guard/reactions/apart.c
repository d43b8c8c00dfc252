/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apart - what somebody else can hold up, by a child that can be given up.
 *
 * Called by nft_element, blocks and evidence.  Owns the children that were given up, until they
 * end.
 */
#include "agent/guard/reactions/apart.h"

#include "agent/guard/process.h"
#include "agent/guard/reactions/group.h"
#include "lib/fds.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* hundreds of changes */
#define SHORT_MS    100  /* while somebody holds up others */
#define BUSY_MAX    100u /* times SHORT_MS, on a host that has no time for it */
#define STUCK_MAX   8u
#define OUT_FD      3

struct work {
	int (*call)(void *ctx);
	void *ctx;
	size_t size; /* of ctx, which comes back */
	int fd;      /* what the child has of our files; -1: none */
};

/* Killed, and still in the kernel; 0: free. */
static pid_t networks[STUCK_MAX], files[STUCK_MAX];
static bool is_child;

/* Who could come out meanwhile has gone; how many are left, and where there is room. */
static size_t
reap(pid_t stuck[STUCK_MAX], size_t *ret_room)
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

/* Both out of the way of each other first. */
static bool
take_files(int out, int fd)
{
	int low = fd >= 0 ? APART_FD : OUT_FD;

	out = fcntl(out, F_DUPFD, APART_FD + 1);
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD, APART_FD + 1);
	return dup2(out, OUT_FD) >= 0 && (low == OUT_FD || dup2(fd, APART_FD) >= 0) &&
	       ds_fds_close_from(low + 1) == 0;
}

static _Noreturn void
run(int out, pid_t guard, const struct work *work)
{
	int32_t result;
	const struct iovec answer[] = { { &result, sizeof(result) }, { work->ctx, work->size } };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "daemonsec-apart");
	/* What waits in the kernel must not keep what the next guard wants. */
	if (getppid() != guard || !take_files(out, work->fd))
		_exit(1);
	is_child = true;
	result = work->call(work->ctx);
	_exit(writev(OUT_FD, answer, 2) != (ssize_t)(sizeof(result) + work->size));
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
hear(int in, pid_t child, int patience_ms, const struct work *work)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	int32_t result;
	const struct iovec answer[] = { { &result, sizeof(result) }, { work->ctx, work->size } };
	int n = poll(&p, 1, patience_ms);

	for (unsigned i = 0; n == 0 && i < BUSY_MAX && computes(child); i++)
		n = poll(&p, 1, SHORT_MS);
	if (n == 0)
		return -ETIMEDOUT;
	return readv(in, answer, 2) == (ssize_t)(sizeof(result) + work->size) ? result : -ECHILD;
}

/* What it answers is written at once, and read at once. */
static int
make(pid_t stuck[STUCK_MAX], const struct work *work)
{
	pid_t guard = getpid(), child;
	size_t room, others = reap(stuck, &room);
	int pair[2], r;

	if (room == STUCK_MAX)
		return -ETIMEDOUT;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		run(pair[1], guard, work);
	(void)close(pair[1]);
	r = child < 0 ? -EAGAIN : hear(pair[0], child, others > 0 ? SHORT_MS : PATIENCE_MS, work);
	(void)close(pair[0]);
	if (child < 0)
		return r;
	(void)kill(child, SIGKILL);
	if (waitpid(child, NULL, r == -ETIMEDOUT ? WNOHANG : 0) == 0)
		stuck[room] = child;
	return r;
}

int
apart_do(unsigned group, int (*work)(void *ctx), void *ctx)
{
	int r;

	if (is_child)
		return work(ctx);
	if (group_rests(group))
		return -ETIMEDOUT;
	r = make(networks, &(struct work){ work, ctx, 0, -1 });
	group_took(group, r != -ETIMEDOUT);
	return r;
}

int
apart_read(int fd, int (*work)(void *ctx), void *ctx, size_t size)
{
	assert(size <= APART_SIZE_MAX);
	return make(files, &(struct work){ work, ctx, size, fd });
}
