/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_settle - reactions that take long, in a child of the guard.
 *
 * Called by order.  The guard's only thread goes on: a kill that comes meanwhile is done at once.
 * One at a time, in the order in which they came, for two that restart the same daemon would spoil
 * each other.  The child dies with the guard; the ledger knows what was begun.
 */
#include "agent/guard/order_job.h"
#include "agent/guard/supervise.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define WAITING_MAX 256u
#define CHILD_MS    60000u /* more than all that a reaction may wait for in sum */

/* What the child says at its end. */
struct said {
	int32_t result;
	char why[sizeof(((struct reaction_call *)0)->why)];
};

static struct order_job *waiting[WAITING_MAX]; /* the first one is in the child */
static size_t waiting_len;
static pid_t child;
static int fd = -1;
static uint64_t due_ms;

bool
order_settle_has(const uint8_t id[DS_ORDER_ID_SIZE])
{
	for (size_t i = 0; i < waiting_len; i++)
		if (memcmp(waiting[i]->order.id, id, DS_ORDER_ID_SIZE) == 0)
			return true;
	return false;
}

static _Noreturn void
run(struct order_job *job, int out, pid_t guard)
{
	struct said said = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "daemonsec-work");
	if (getppid() != guard)
		_exit(1);
	said.result = job->work(job);
	memcpy(said.why, job->call.why, sizeof(said.why));
	_exit(write(out, &said, sizeof(said)) != (ssize_t)sizeof(said));
}

/* 0 or -errno: then there is no child. */
static int
start(struct order_job *job)
{
	pid_t guard = getpid();
	int pair[2];

	job->call.inverse.pos = 0;
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		run(job, pair[1], guard);
	(void)close(pair[1]);
	if (child < 0) {
		child = 0;
		(void)close(pair[0]);
		return -ENOMEM;
	}
	fd = pair[0];
	due_ms = ds_clock_monotonic_ms() + CHILD_MS;
	if (supervise_watch(fd) < 0)
		ds_log(DEBUG, "a result is looked for once a second", "kind=%s", job->order.kind);
	return 0;
}

/* 1: it has ended, 0: not yet. */
static int
take(struct order_job *job, int *ret)
{
	struct said said;
	ssize_t n = read(fd, &said, sizeof(said));

	if (n < 0 && errno == EAGAIN && ds_clock_monotonic_ms() < due_ms)
		return 0;
	if (n == (ssize_t)sizeof(said)) {
		said.why[sizeof(said.why) - 1] = '\0';
		memcpy(job->call.why, said.why, sizeof(job->call.why));
		*ret = said.result;
	} else {
		*ret = reaction_fail(&job->call, n < 0 ? -ETIME : -ECHILD,
		    n < 0 ? "it took too long" : "what did it was ended");
	}
	supervise_end(&child, &fd);
	return 1;
}

static void
leave(void)
{
	waiting_len--;
	memmove(waiting, waiting + 1, waiting_len * sizeof(waiting[0]));
}

void
order_settle(struct order_job *job)
{
	/* There is room, see order_settle_is_full(). */
	waiting[waiting_len++] = job;
}

bool
order_settle_is_full(size_t more)
{
	return waiting_len + more > WAITING_MAX;
}

unsigned
order_settle_turn(void)
{
	unsigned n = 0;

	while (waiting_len > 0) {
		struct order_job *job = waiting[0];
		int r = 0;

		if (fd < 0)
			r = start(job);
		if (r == 0 && take(job, &r) == 0)
			return n;
		job->call.inverse.pos = 0;
		if (job->worked(job, r))
			continue;
		leave();
		n++;
	}
	return n;
}

void
order_settle_end(void)
{
	supervise_end(&child, &fd);
	while (waiting_len > 0) {
		struct order_job *job = waiting[0];

		leave();
		order_job_free(job);
	}
}
