/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target - the process that an order is about.
 *
 * Called by the reactions.
 */
#include "agent/guard/target.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define START_SLACK_US 100000u /* the clock ticks each 10 ms and is slewed */
#define ABOVE_MAX      64u     /* processes looked at on the way up */

static pid_t uplink;

void
target_set_uplink(pid_t pid)
{
	uplink = pid;
}

int
target_of(pid_t pid, struct target_process *ret)
{
	struct process_stat st;

	if (process_stat(pid, &st) < 0 || st.zombie)
		return -ESRCH;
	*ret = (struct target_process){
		.pid = pid, .start_ticks = st.start_ticks, .threads = st.threads
	};
	return 0;
}

bool
target_is_there(const struct target_process *p)
{
	struct target_process now;

	return target_of(p->pid, &now) == 0 && now.start_ticks == p->start_ticks;
}

int
target_open(const struct target_process *p)
{
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	int error = errno;

	/* Checked after it is open: from then on the pid cannot be somebody else's. */
	if (fd < 0)
		return error == ESRCH ? -ESRCH : -error;
	if (target_is_there(p))
		return fd;
	(void)close(fd);
	return -ESRCH;
}

pid_t
target_uplink(void)
{
	return uplink;
}

/* Whether `pid` is `low` or a process above it. */
static bool
is_above(pid_t pid, pid_t low)
{
	struct process_stat st;

	for (unsigned i = 0; i < ABOVE_MAX && low > 1; i++) {
		if (low == pid)
			return true;
		if (process_stat(low, &st) < 0)
			return false;
		low = st.ppid;
	}
	return false;
}

static bool
is_never_touched(const struct agent_config *config, const char *exe)
{
	for (size_t i = 0; i < config->never_touch.len; i++) {
		const char *name = config->never_touch.items[i];

		if (strcmp(name, strchr(name, '/') != NULL ? exe : program_base(exe)) == 0)
			return true;
	}
	return false;
}

/* `exe`: of its program, "" when that cannot be read. */
static int
may(struct reaction_call *call, pid_t pid, const struct process_stat *st, const char *exe)
{
	if (pid <= 1)
		return reaction_fail(call, -EPERM, "pid %d is never touched", (int)pid);
	if (pid == getpid() || (uplink > 0 && pid == uplink))
		return reaction_fail(call, -EPERM, "pid %d is the agent", (int)pid);
	if (st->kernel_thread)
		return reaction_fail(call, -EPERM, "pid %d is a kernel thread", (int)pid);
	if (is_above(pid, getppid()))
		return reaction_fail(call, -EPERM, "the agent runs below pid %d", (int)pid);
	if (call->order != NULL && call->order->session_pid > 0 &&
	    is_above(pid, (pid_t)call->order->session_pid))
		return reaction_fail(
		    call, -EPERM, "pid %d is of the session that asked for this", (int)pid);
	if (exe[0] != '\0' && is_never_touched(call->config, exe))
		return reaction_fail(call, -EPERM, "\"%.200s\" is in [reaction] never_touch", exe);
	return 0;
}

int
target_may(struct reaction_call *call, pid_t pid)
{
	char exe[PROCESS_PATH_MAX];
	struct process_stat st = { 0 };

	if (pid > 1 && process_stat(pid, &st) < 0)
		return reaction_fail(call, -ESRCH, "there is no process %d", (int)pid);
	if (process_exe(pid, exe, sizeof(exe), NULL) < 0)
		exe[0] = '\0';
	return may(call, pid, &st, exe);
}

int
target_check(struct reaction_call *call)
{
	const struct ds_order *o = call->order;
	char exe[PROCESS_PATH_MAX];
	struct process_stat st;
	uint64_t start;

	/* A person may say the number only: that of whoever was there when the order was given. */
	if (o->pid == 0 || o->pid > INT32_MAX || (o->start_us == 0 && o->mode != DS_ORDER_OPERATOR))
		return reaction_fail(call, -EINVAL, "the order says not which process");
	if (process_stat((pid_t)o->pid, &st) < 0 || st.zombie)
		return reaction_fail(call, -ESRCH, "process %u has ended", o->pid);
	start = process_start_us(st.start_ticks);
	if (o->start_us == 0 && start > o->not_before_us)
		return reaction_fail(call, -ESRCH,
		    "process %u began after the order was given: say when it started", o->pid);
	if (o->start_us != 0 &&
	    (start > o->start_us ? start - o->start_us : o->start_us - start) > START_SLACK_US)
		return reaction_fail(call, -ESRCH, "pid %u is another process by now", o->pid);
	if (process_exe((pid_t)o->pid, exe, sizeof(exe), NULL) < 0)
		exe[0] = '\0';
	if (o->exe[0] != '\0' && exe[0] != '\0' && strncmp(exe, o->exe, sizeof(o->exe) - 1) != 0)
		return reaction_fail(
		    call, -ESRCH, "process %u runs another program by now: %.300s", o->pid, exe);
	return may(call, (pid_t)o->pid, &st, exe);
}

/* ---- the tree below */

struct tree {
	struct target_process *items;
	size_t len, max;
	bool no_children; /* the kernel has no list of children */
};

static void
add(struct tree *t, pid_t pid)
{
	struct target_process p;

	if (t->len < t->max && target_of(pid, &p) == 0)
		t->items[t->len++] = p;
}

/* /proc/PID/task/TID/children: quick, where the kernel has it. */
static int
add_children_of_thread(struct tree *t, pid_t pid, const char *tid)
{
	char name[64], text[4096], *at = text, *end;

	(void)snprintf(name, sizeof(name), "task/%.20s/children", tid);
	if (process_read(pid, name, text, sizeof(text)) < 0)
		return -ENOENT;
	for (long child; (child = strtol(at, &end, 10)) > 0 && end != at; at = end)
		add(t, (pid_t)child);
	return 0;
}

static void
add_children(struct tree *t, pid_t pid, uint32_t threads)
{
	char tid[16];
	int fd;
	DIR *dir;
	struct dirent *entry;

	(void)snprintf(tid, sizeof(tid), "%d", (int)pid);
	if (threads == 1 && add_children_of_thread(t, pid, tid) == 0)
		return;
	fd = process_open(pid, "task");
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    add_children_of_thread(t, pid, entry->d_name) == -ENOENT)
			t->no_children = true;
	(void)closedir(dir);
}

static int
add_if_below(pid_t pid, void *ctx)
{
	struct tree *t = ctx;
	struct process_stat st;

	if (process_stat(pid, &st) < 0 || st.zombie)
		return 0;
	for (size_t i = 0; i < t->len; i++)
		if (t->items[i].pid == pid)
			return 0;
	for (size_t i = 0; i < t->len; i++)
		if (t->items[i].pid == st.ppid) {
			add(t, pid);
			return 0;
		}
	return 0;
}

size_t
target_tree(const struct target_process *root, struct target_process *ret, size_t max)
{
	struct tree t = { .items = ret, .max = max };
	struct target_process now;
	size_t before;

	if (max == 0 || target_of(root->pid, &now) < 0 || now.start_ticks != root->start_ticks)
		return 0;
	ret[t.len++] = now;
	for (size_t i = 0; i < t.len && !t.no_children; i++)
		add_children(&t, ret[i].pid, ret[i].threads);
	/* A walk over all processes finds a level at least. */
	do {
		before = t.len;
		if (t.no_children && process_each(add_if_below, &t) < 0)
			break;
	} while (t.no_children && t.len > before);
	return t.len;
}

int
target_put(struct ds_buf *b, const struct target_process *p)
{
	int r = ds_buf_put_u32(b, (uint32_t)p->pid);

	return r < 0 ? r : ds_buf_put_u64(b, p->start_ticks);
}

int
target_get(struct ds_buf *b, struct target_process *ret)
{
	uint32_t pid;
	int r = ds_buf_get_u32(b, &pid);

	if (r == 0)
		r = ds_buf_get_u64(b, &ret->start_ticks);
	if (r == 0)
		ret->pid = (pid_t)pid;
	return r;
}
