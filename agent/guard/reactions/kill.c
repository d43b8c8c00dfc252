/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kill - ends a process and everything below it.
 *
 * Each is stopped first, so that nothing forks away meanwhile, then killed through its pidfd. There
 * is no way back: the evidence is all that stays.
 */
#include "agent/guard/evidence.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/tree.h"
#include "agent/guard/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define GONE_MS 500 /* on a busy machine, too: what takes longer sits in the kernel */

static int
prepare(struct reaction_call *call)
{
	struct target_process root;
	int r = target_of((pid_t)call->order->pid, &root);

	if (r < 0)
		return reaction_fail(call, r, "process %u has ended", call->order->pid);
	evidence_process(call, root.pid);
	service_keep(root.pid);
	return target_put(&call->inverse, &root);
}

static int
apply(struct reaction_call *call)
{
	struct target_process root;
	int r = target_get(&call->inverse, &root), n;

	if (r < 0)
		return reaction_fail(call, r, "the ledger's entry is damaged");
	n = tree_signal(call, &root, SIGKILL);
	if (n < 0)
		return n;
	(void)reaction_fail(call, 0, "killed %d process%s", n, n == 1 ? "" : "es");
	return 0;
}

static int
read_back(struct reaction_call *call)
{
	struct target_process root;
	struct pollfd p = { .events = POLLIN };
	int r = target_get(&call->inverse, &root);

	if (r < 0)
		return r;
	p.fd = target_open(&root);
	if (p.fd < 0)
		return 1;
	r = poll(&p, 1, GONE_MS);
	(void)close(p.fd);
	if (r > 0)
		return 1;
	return reaction_fail(call, 0, "process %d was killed and has not ended yet", (int)root.pid);
}

const struct reaction reaction_kill = {
	.name = "kill",
	.help = "end a process and everything below it",
	.check = target_check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
};
