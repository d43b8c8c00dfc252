/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freeze - stops a process and everything below it; thaw lets them go on.
 *
 * An order that names a unit, and a cgroup that is the daemon's alone: the whole cgroup is frozen,
 * and nothing that it forks gets away.  Else SIGSTOP, to all of the tree.  The inverse is the list
 * of what is stopped; what somebody else had stopped before stays stopped.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/evidence.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/freezer.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/tree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define REST_MS    200u
#define LIST_MAX   1024u /* processes in an inverse */
#define BY_SIGNAL  1u
#define BY_FREEZER 2u

static int
put_tree(struct reaction_call *call, const struct target_process *root)
{
	struct target_process *tree = calloc(LIST_MAX, sizeof(*tree));
	size_t n;
	int r;

	if (tree == NULL)
		return -ENOMEM;
	n = target_tree(root, tree, LIST_MAX);
	r = ds_buf_put_u8(&call->inverse, BY_SIGNAL);
	for (size_t i = 0; i < n && r == 0; i++)
		if (i == 0 ||
		    (target_may(call, tree[i].pid) == 0 && tree_is_stopped(&tree[i]) == 0))
			r = target_put(&call->inverse, &tree[i]);
	free(tree);
	return r;
}

struct only {
	struct reaction_call *call;
	const struct daemon *daemon;
};

static int
is_other(pid_t pid, void *ctx)
{
	const struct only *o = ctx;

	return daemon_of_process(pid) != o->daemon || target_may(o->call, pid) < 0;
}

/* A cgroup is frozen as a whole: only when nobody else is in it. */
static bool
is_alone(struct reaction_call *call, pid_t pid, const char *dir)
{
	struct only o = { call, daemon_of_process(pid) };
	bool is_alone = o.daemon != NULL && freezer_each(dir, is_other, &o) == 0;

	call->why[0] = '\0';
	return is_alone;
}

static int
prepare(struct reaction_call *call)
{
	char path[FREEZER_PATH_MAX];
	struct target_process root;
	int r = target_of((pid_t)call->order->pid, &root);

	if (r < 0)
		return reaction_fail(call, r, "process %u has ended", call->order->pid);
	evidence_process(call, root.pid);
	if (call->order->unit[0] == '\0' || freezer_of(root.pid, path, sizeof(path)) < 0 ||
	    !is_alone(call, root.pid, path))
		return put_tree(call, &root);
	if (freezer_is_frozen(path) == 1) /* docker pause, or an order before this one */
		return reaction_fail(call, -ESRCH, "%.300s is frozen already", path);
	r = ds_buf_put_u8(&call->inverse, BY_FREEZER);
	if (r == 0)
		r = target_put(&call->inverse, &root);
	return r < 0 ? r : ds_buf_put_str(&call->inverse, path);
}

struct frozen {
	uint8_t how;
	struct target_process root;
	char path[FREEZER_PATH_MAX];
};

static int
get_frozen(struct reaction_call *call, struct frozen *ret)
{
	const uint8_t *path;
	size_t len;
	int r = ds_buf_get_u8(&call->inverse, &ret->how);

	ret->path[0] = '\0';
	if (r == 0)
		r = target_get(&call->inverse, &ret->root);
	if (r == 0 && ret->how == BY_FREEZER) {
		r = ds_buf_get_bytes(&call->inverse, sizeof(ret->path) - 1, &path, &len);
		if (r == 0) {
			memcpy(ret->path, path, len);
			ret->path[len] = '\0';
		}
	}
	return r < 0 ? reaction_fail(call, r, "the ledger's entry is damaged") : 0;
}

static int
apply(struct reaction_call *call)
{
	struct frozen f;
	int r = get_frozen(call, &f);

	if (r < 0)
		return r;
	if (f.how == BY_FREEZER) {
		r = freezer_set(f.path, true);
		return r < 0 ? reaction_fail(call, r, "cannot freeze %.300s", f.path) : 0;
	}
	r = tree_signal(call, &f.root, SIGSTOP);
	return r < 0 ? r : 0;
}

/* A stop takes effect when its process next runs: a moment, and nothing tells when. */
static int
comes_to_rest(const struct target_process *p)
{
	int r = tree_is_stopped(p);

	for (unsigned ms = 0; r == 0 && ms < REST_MS; ms++) {
		(void)poll(NULL, 0, 1);
		r = tree_is_stopped(p);
	}
	return r;
}

static int
read_back(struct reaction_call *call)
{
	struct target_process p;
	struct frozen f;
	int r = get_frozen(call, &f);

	if (r < 0)
		return r;
	if (f.how == BY_FREEZER)
		return freezer_is_frozen(f.path);
	r = comes_to_rest(&f.root);
	while (r == 1 && target_get(&call->inverse, &p) == 0)
		r = comes_to_rest(&p) != 0; /* one that has ended does nothing either */
	return r == -ESRCH ? 0 : r;
}

/* Children first: a parent that goes on finds them going on. */
static int
thaw_tree(struct reaction_call *call, const struct target_process *root)
{
	struct target_process list[LIST_MAX], p;
	size_t n = 0;

	while (n < LIST_MAX && target_get(&call->inverse, &p) == 0)
		list[n++] = p;
	while (n-- > 0)
		if (tree_signal_one(&list[n], SIGCONT) < 0)
			continue; /* it has ended meanwhile */
	/* What it had forked before it was stopped, after the list was made. */
	n = target_tree(root, list, LIST_MAX);
	while (n-- > 0)
		if (tree_is_stopped(&list[n]) == 1 && tree_signal_one(&list[n], SIGCONT) < 0)
			continue;
	return 0;
}

static int
undo(struct reaction_call *call)
{
	struct frozen f;
	int r = get_frozen(call, &f);

	if (r < 0)
		return r;
	if (f.how == BY_FREEZER) {
		r = freezer_set(f.path, false);
		if (r == -ENOENT)
			return 0; /* the cgroup has gone, and all that was in it */
		return r < 0 ? reaction_fail(call, r, "cannot thaw %.300s", f.path) : 0;
	}
	if (tree_signal_one(&f.root, SIGCONT) < 0)
		(void)reaction_fail(call, 0, "process %d has ended meanwhile", (int)f.root.pid);
	return thaw_tree(call, &f.root);
}

const struct reaction reaction_freeze = {
	.name = "freeze",
	.help = "stop a process and everything below it, or the unit that it is of",
	.lifetime_ms = 3600000,
	.check = target_check,
	.prepare = prepare,
	.apply = apply,
	.read_back = read_back,
	.undo = undo,
};
