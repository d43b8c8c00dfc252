/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree - signals to a process and everything below it.
 *
 * Called by kill and freeze.
 */
#include "agent/guard/reactions/tree.h"
#include "agent/guard/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 50u
#define ROUND_US   20u   /* a signal takes effect when its process comes out of the kernel: */
#define PAUSE_US   1000u /* mostly at once, so looking again waits twice as long each time */

int
tree_signal_one(const struct target_process *p, int sig)
{
	int fd = target_open(p), r;

	if (fd < 0)
		return fd;
	r = syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

/* As in proc(5); '\0': it has gone. */
static char
state_of(const struct target_process *p)
{
	struct process_stat st;

	if (process_stat(p->pid, &st) < 0 || st.zombie || st.start_ticks != p->start_ticks)
		return '\0';
	return st.state;
}

int
tree_is_stopped(const struct target_process *p)
{
	char state = state_of(p);

	return state == '\0' ? -ESRCH : state == 'T' || state == 't';
}

bool
tree_runs(const struct target_process *p)
{
	char state = state_of(p);

	return state == 'R' || state == 'S';
}

/* Stops what is not stopped yet; how many of the tree are new since the last round. */
static size_t
stop_round(struct reaction_call *call, const struct target_process *root,
    struct target_process *tree, size_t *ret_len)
{
	size_t n = target_tree(root, tree, TARGET_TREE_MAX), fresh = 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && target_may(call, tree[i].pid) < 0)
			continue;
		tree[kept++] = tree[i];
		if (tree_is_stopped(&tree[i]) == 0 && tree_signal_one(&tree[i], SIGSTOP) == 0)
			fresh++;
	}
	*ret_len = kept;
	return fresh;
}

static void
wait_round(unsigned round)
{
	const struct timespec t = { .tv_nsec = 1000 * (long)DS_MIN(ROUND_US << DS_MIN(round, 6u),
							  PAUSE_US) };

	(void)prctl(PR_SET_TIMERSLACK, 1UL); /* else 50 us are added to the shortest */
	(void)nanosleep(&t, NULL);           /* a shorter one is of no harm */
	(void)prctl(PR_SET_TIMERSLACK, 0UL); /* as it was */
}

int
tree_signal(struct reaction_call *call, const struct target_process *root, int sig)
{
	/* Mostly a few are filled: the rest is no memory then. */
	struct target_process *tree = malloc(TARGET_TREE_MAX * sizeof(*tree));
	size_t n = 0;
	int done = 0;

	if (tree == NULL)
		return reaction_fail(call, -ENOMEM, "no memory");
	for (unsigned i = 0; i < ROUNDS_MAX && stop_round(call, root, tree, &n) > 0; i++)
		wait_round(i);
	for (size_t i = 0; i < n; i++)
		done += sig == SIGSTOP || tree_signal_one(&tree[i], sig) == 0;
	free(tree);
	if (done == 0)
		return reaction_fail(call, -ESRCH, "process %d has ended", (int)root->pid);
	return done;
}
