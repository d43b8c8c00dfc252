/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * escape - what is held does nothing, whoever lets it go on.
 *
 * Whoever runs under the same account can let go on what is stopped (SIGCONT), or trace it and keep the stop from it.  Who
 * may let it go takes it off the map first; what goes on while it is on the map is killed.  An object of its own with the
 * maps of the others: which of its programs run, and when, is probe_escape.c's.
 */
#define LINKAGE
#include "agent/guard/sensors/text.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SIG_KILL 9
#define SIG_CONT 18

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID };

/* Since 6.13 and 6.14. */
extern int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type, __u64 value) __ksym __weak;
extern struct task_struct *bpf_task_from_vpid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* Whether it is held: it is written down that it went on.  After its exec it has one thread. */
static __always_inline bool
went_on(struct task_struct *task)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct held_task *h;
	__u32 pid;

	if (!st || !(st->flags & TASK_HELD))
		return false;
	pid = st->pid;
	h = bpf_map_lookup_elem(&held, &pid);
	if (!h || h->start_ns != st->start_ns) {
		st->flags &= ~TASK_HELD;
		return false;
	}
	h->escaped = 1;
	return true;
}

/* Where a process has done with its signals, on its way back to its program: what was stopped comes by here before its next
 * instruction, also when the stop was taken away before it had stopped, and when a tracer kept it. */
SEC("fexit/get_signal")
int
BPF_PROG(escape_return, void *signal)
{
	if (went_on(bpf_get_current_task_btf()))
		bpf_send_signal(SIG_KILL);
	return 0;
}

/* The same at its next system call. */
SEC("tp_btf/sys_enter")
int
BPF_PROG(escape_call, struct pt_regs *regs, long number)
{
	if (went_on(bpf_get_current_task_btf()))
		bpf_send_signal(SIG_KILL);
	return 0;
}

/* The same from who lets it go on.  The signal itself leaves when he has let go of the lock: a few microseconds late. */
SEC("tp_btf/signal_generate")
int
BPF_PROG(escape_continue, int signal, void *info, struct task_struct *task)
{
	if (signal == SIG_CONT && went_on(task))
		bpf_send_signal_task(task, SIG_KILL, PIDTYPE_TGID, 0);
	return 0;
}

/* And from who begins to trace it, before he can do anything with that. */
SEC("tp")
int
escape_trace(struct exit_context *ctx)
{
	__u64 request = call_arg(0);
	struct task_struct *task;

	if (ctx->ret != 0 || (request != TRACE_ATTACH && request != TRACE_SEIZE))
		return 0;
	task = bpf_task_from_vpid((__s32)call_arg(1));
	if (!task)
		return 0;
	if (went_on(task))
		bpf_send_signal_task(task, SIG_KILL, PIDTYPE_TGID, 0);
	bpf_task_release(task);
	return 0;
}
