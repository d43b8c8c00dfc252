/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freeze - stops a process and everything below it; thaw lets them go on.
 *
 * An order that names a unit, and a cgroup that is the daemon's alone: the whole cgroup is frozen,
 * and nothing that it forks gets away.  Else SIGSTOP, to all of the tree, and then into a frozen
 * cgroup of our own with them.  The inverse is the list of what was there; what somebody else had
 * stopped before stays stopped.  Where no cgroup can be made (version 1, processes of several),
 * whoever runs under the same account can let go on what is stopped: it is stopped again.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/evidence.h"
#include "agent/guard/ledger.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/freezer.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/reactions/tree.h"
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_MS    200u
#define ROUNDS_MAX 50u
#define LIST_MAX   1024u /* processes in an inverse */
#define BY_GROUP   4u    /* as BY_SIGNAL, and a cgroup of ours after the first of the list */
#define BY_SIGNAL  3u
#define BY_FREEZER 2u
#define BY_LIST    1u  /* as BY_SIGNAL, of agents that did not keep who had been stopped before */
#define OFTEN      30u /* times that it went on: told once more */
#define WENT_MAX   64u

/* One of the tree. */
struct member {
	struct target_process process;
	bool was_stopped; /* by somebody else, before */
};

/* Of those that had been stopped before, who was let go on meanwhile: the newest. */
static struct target_process went[WENT_MAX];
static unsigned went_len;

static int
put_member(struct ds_buf *b, const struct target_process *p)
{
	int r = target_put(b, p);

	return r < 0 ? r : ds_buf_put_u8(b, tree_is_stopped(p) == 1);
}

static int
get_member(struct ds_buf *b, uint8_t how, struct member *ret)
{
	uint8_t was_stopped = 0;
	int r = target_get(b, &ret->process);

	if (r == 0 && (how == BY_SIGNAL || how == BY_GROUP))
		r = ds_buf_get_u8(b, &was_stopped);
	ret->was_stopped = was_stopped != 0;
	return r;
}

static int
put_tree(struct reaction_call *call, const struct target_process *root)
{
	struct target_process *tree = calloc(LIST_MAX, sizeof(*tree));
	char id[33], name[64], path[FREEZER_PATH_MAX];
	bool has_group;
	size_t n;
	int r;

	if (tree == NULL)
		return -ENOMEM;
	ds_order_id_format(call->order->id, id);
	(void)snprintf(name, sizeof(name), "daemonsec-%s", id);
	has_group = freezer_own(root->pid, name, path, sizeof(path)) == 0;
	n = target_tree(root, tree, LIST_MAX);
	r = ds_buf_put_u8(&call->inverse, has_group ? BY_GROUP : BY_SIGNAL);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (i > 0 && target_may(call, tree[i].pid) < 0)
			continue;
		r = put_member(&call->inverse, &tree[i]);
		if (r == 0 && i == 0 && has_group)
			r = ds_buf_put_str(&call->inverse, path);
	}
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
	struct member root;
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
		r = get_member(&call->inverse, ret->how, &ret->root);
	if (r == 0 && (ret->how == BY_FREEZER || ret->how == BY_GROUP)) {
		r = ds_buf_get_bytes(&call->inverse, sizeof(ret->path) - 1, &path, &len);
		if (r == 0) {
			memcpy(ret->path, path, len);
			ret->path[len] = '\0';
		}
	}
	return r < 0 ? reaction_fail(call, r, "the ledger's entry is damaged") : 0;
}

/* Whoever is not in it yet; how many were, or -errno. */
static int
shut_in_round(struct reaction_call *call, const struct frozen *f, struct target_process *tree)
{
	size_t n = target_tree(&f->root.process, tree, TARGET_TREE_MAX);
	int came = 0, r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (freezer_has(f->path, tree[i].pid) || !target_is_there(&tree[i]) ||
		    (i > 0 && target_may(call, tree[i].pid) < 0))
			continue;
		r = freezer_take(f->path, tree[i].pid);
		came += r == 0;
		r = r == -ESRCH ? 0 : r;
	}
	return r < 0 ? r : came;
}

/* All of the tree, which is stopped, into the cgroup: nobody lets them go on there.  All or none:
 * else the stop has to do. */
static void
shut_in(struct reaction_call *call, const struct frozen *f)
{
	struct target_process *tree = calloc(TARGET_TREE_MAX, sizeof(*tree));
	int r = tree != NULL ? freezer_make(f->path) : -ENOMEM;

	if (r == 0)
		r = 1;
	for (unsigned i = 0; i < ROUNDS_MAX && r > 0; i++)
		r = shut_in_round(call, f, tree);
	free(tree);
	call->why[0] = '\0';
	if (r != 0 && freezer_end(f->path) < 0)
		ds_log(WARN, "a cgroup cannot be removed", "path=\"%s\"", f->path);
}

/* Whether they are in there, whatever signals they get. */
static bool
is_shut_in(const struct frozen *f)
{
	return f->how == BY_GROUP && freezer_holds(f->path);
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
	r = tree_signal(call, &f.root.process, SIGSTOP);
	if (r > 0 && f.how == BY_GROUP)
		shut_in(call, &f);
	return r < 0 ? r : 0;
}

/* A stop takes effect when its process next runs: a moment, and nothing tells when. */
static int
comes_to_rest(const struct reaction_call *call, const struct target_process *p)
{
	int r = tree_is_stopped(p);

	for (unsigned ms = 0; r == 0 && !call->is_undone && ms < REST_MS; ms++) {
		(void)poll(NULL, 0, 1);
		r = tree_is_stopped(p);
	}
	return r;
}

static int
read_back(struct reaction_call *call)
{
	bool is_there = false, is_ours = false;
	struct frozen f;
	struct member m;
	int r = get_frozen(call, &f);

	if (r < 0)
		return r;
	if (f.how == BY_FREEZER || is_shut_in(&f))
		return freezer_is_frozen(f.path);
	m = f.root;
	do {
		r = comes_to_rest(call, &m.process);
		if (r == -ESRCH)
			continue; /* it has ended, and the others are as they are */
		if (r != 1)
			return r;
		is_there = true;
		is_ours |= !m.was_stopped;
	} while (get_member(&call->inverse, f.how, &m) == 0);
	/* Who is as he was before is so after the undo, too. */
	return is_there && (is_ours || !call->is_undone);
}

/* ---- letting go on */

static bool
has_went(const struct target_process *p)
{
	for (unsigned i = 0; i < WENT_MAX; i++)
		if (went[i].pid == p->pid && went[i].start_ticks == p->start_ticks)
			return true;
	return false;
}

static size_t
get_members(struct reaction_call *call, const struct frozen *f, struct member ret[LIST_MAX])
{
	size_t n = 0;

	ret[n++] = f->root;
	while (n < LIST_MAX && get_member(&call->inverse, f->how, &ret[n]) == 0)
		n++;
	return n;
}

static bool
stays(const struct member *list, size_t len, const struct target_process *p)
{
	for (size_t i = 0; i < len; i++)
		if (list[i].process.pid == p->pid && list[i].process.start_ticks == p->start_ticks)
			return list[i].was_stopped && !has_went(p);
	return false;
}

/* Children first: a parent that goes on finds them going on. */
static void
thaw_tree(struct reaction_call *call, const struct frozen *f)
{
	struct target_process tree[LIST_MAX];
	struct member list[LIST_MAX];
	size_t len = get_members(call, f, list), n;

	for (n = len; n-- > 0;)
		if (!stays(list, len, &list[n].process) &&
		    tree_signal_one(&list[n].process, SIGCONT) < 0)
			continue; /* it has ended meanwhile */
	/* What it had forked before it was stopped, after the list was made. */
	n = target_tree(&f->root.process, tree, LIST_MAX);
	while (n-- > 0)
		if (tree_is_stopped(&tree[n]) == 1 && !stays(list, len, &tree[n]) &&
		    tree_signal_one(&tree[n], SIGCONT) < 0)
			continue;
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
	r = f.how == BY_GROUP ? freezer_end(f.path) : 0;
	if (r < 0)
		return reaction_fail(call, r, "cannot thaw %.300s", f.path);
	if (!target_is_there(&f.root.process))
		(void)reaction_fail(
		    call, 0, "process %d has ended meanwhile", (int)f.root.process.pid);
	thaw_tree(call, &f);
	return 0;
}

/* Of one whose processes have ended while the agent was away, the cgroup is left. */
static int
restore(struct reaction_call *call)
{
	struct frozen f;
	int r = get_frozen(call, &f);

	if (r == 0 && f.how == BY_GROUP && !is_shut_in(&f))
		r = freezer_end(f.path);
	return r;
}

/* ---- stopping again */

/* Whether it went on; it does not any more. */
static bool
stop_again(struct reaction_call *call, const struct target_process *p)
{
	return tree_runs(p) && target_may(call, p->pid) == 0 && tree_signal(call, p, SIGSTOP) > 0;
}

/* All of the list, children first, and what is new below the first: who was let go on forked it. */
static bool
keep_tree(struct reaction_call *call, const struct frozen *f)
{
	struct target_process tree[LIST_MAX];
	struct member list[LIST_MAX];
	size_t n = get_members(call, f, list);
	bool went_on = false;

	while (n-- > 0) {
		if (!stop_again(call, &list[n].process))
			continue;
		went_on = true;
		if (list[n].was_stopped)
			went[went_len++ % WENT_MAX] = list[n].process;
	}
	n = target_tree(&f->root.process, tree, LIST_MAX);
	while (n-- > 0)
		went_on |= stop_again(call, &tree[n]);
	return went_on;
}

static int
keep_one(struct ledger_entry *e, void *ctx)
{
	struct reaction_call *all = ctx, call;
	struct ds_order order;
	struct frozen f;

	if (e->state != LEDGER_ACTIVE || strcmp(e->kind, reaction_freeze.name) != 0 ||
	    ledger_order(e, &order) < 0)
		return 0;
	call = (struct reaction_call){ .order = &order, .config = all->config, .exe_fd = -1 };
	ds_buf_view(&call.inverse, e->inverse, e->inverse_size);
	if (get_frozen(&call, &f) < 0 || f.how == BY_FREEZER || is_shut_in(&f) ||
	    !keep_tree(&call, &f))
		return 0;
	e->put_back++;
	if (e->put_back == 1)
		(void)reaction_fail(all, 0, "somebody let process %d go on: it is stopped again",
		    (int)f.root.process.pid);
	else if (e->put_back == OFTEN)
		(void)reaction_fail(all, 0,
		    "somebody lets process %d go on again and again: a freeze does not hold it, "
		    "kill it",
		    (int)f.root.process.pid);
	return 0;
}

/* Never given up: who would be rid of it that way would only have to try often enough. */
static int
keep(struct reaction_call *call)
{
	(void)ledger_each(keep_one, call);
	return call->why[0] != '\0';
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
	.restore = restore,
	.keep = keep,
};
