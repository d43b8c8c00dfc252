/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * common - what all sensors' kernel side does: the state of a task, counting repeats.
 */
#ifndef AGENT_GUARD_SENSORS_COMMON_BPF_H
#define AGENT_GUARD_SENSORS_COMMON_BPF_H

#include "agent/guard/sensors/send.bpf.h"

static __always_inline struct scratch *
scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

static __always_inline __u64
mix(__u64 h, __u64 v)
{
	return sample_mix(h, v);
}

/* The pid in the agent's namespace when the task is one of this host's, else 0. */
static __always_inline __u32
scope_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level), inum;
	struct upid up = { 0 };

	if (!scope_inum)
		return 0;
	if (level < scope_level)
		return scope_all ? BPF_CORE_READ(task, pid) : 0;
	bpf_probe_read_kernel(&up, sizeof(up), (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				bpf_core_type_size(struct upid) * scope_level);
	inum = BPF_CORE_READ(up.ns, ns.inum);
	if (inum != scope_inum)
		return scope_all ? BPF_CORE_READ(task, pid) : 0;
	return up.nr;
}

/* Which file this is, whatever its name: one program, one id. */
static __always_inline __u64
inode_id(struct inode *inode)
{
	__u64 h = mix(hash_seed, BPF_CORE_READ(inode, i_sb, s_dev));

	h = mix(h, BPF_CORE_READ(inode, i_ino));
	return mix(h, BPF_CORE_READ(inode, i_generation));
}

/* Takes over a decision that has been made meanwhile; true when the task is watched or may be. */
static __always_inline bool
task_settle(struct task_state *st)
{
	const struct verdict *v;
	__u64 key;

	if (st->flags & TASK_SELF)
		return false;
	if (st->epoch == epoch && !(st->flags & TASK_WAITS))
		return st->flags & TASK_WATCHED;
	key = st->key;
	v = bpf_map_lookup_elem(&verdicts, &key);
	if (!v || v->epoch != epoch) {
		st->flags |= TASK_WAITS;
		return true;
	}
	st->daemon = v->daemon;
	st->epoch = v->epoch;
	st->flags = (st->flags & ~(TASK_WAITS | TASK_WATCHED)) | (v->watched ? TASK_WATCHED : 0);
	return v->watched;
}

/* The state of the process that runs, when it is watched or may be; else NULL. */
static __always_inline struct task_state *
task_watched(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);

	return st && task_settle(st) ? st : NULL;
}

/* What all samples have. */
static __always_inline void
sample_start(struct sample *s, const struct task_state *st, __u32 kind, __u32 sensor)
{
	struct task_struct *task = bpf_get_current_task_btf();

	__builtin_memset(s, 0, sizeof(*s));
	s->time_ns = bpf_ktime_get_boot_ns();
	s->kind = kind;
	s->sensor = sensor;
	s->count = 1;
	s->exe = st->exe;
	s->parent_exe = st->ancestors[0];
	s->start_ns = st->start_ns;
	s->daemon = st->daemon;
	s->pid = st->pid;
	s->ppid = st->ppid;
	s->uid = BPF_CORE_READ(task, cred, euid.val);
	s->gid = BPF_CORE_READ(task, cred, egid.val);
	if (st->flags & TASK_WAITS) {
		s->flags |= SAMPLE_WAITS;
		s->wait = st->key;
		if (st->flags & TASK_SEED)
			s->flags |= SAMPLE_SEED;
	}
}

/* Counts a behaviour that was sent before: true.  Else false, with what the sample needs.  `base` is the behaviour
 * without the daemon. */
static __always_inline bool
fold(const struct task_state *st, __u64 base, __u64 *key, __u32 *flags)
{
	struct repeat zero = { 0 }, *e;

	*flags = 0;
	*key = base;
	if (st->flags & TASK_WAITS)
		return false;
	*key = mix(base, st->daemon);
	e = bpf_map_lookup_elem(&repeats, key);
	if (e) {
		__sync_fetch_and_add(&e->count, 1);
		return true;
	}
	*flags = SAMPLE_FIRST;
	if (bpf_map_update_elem(&repeats, key, &zero, BPF_NOEXIST))
		*flags |= SAMPLE_UNFOLDED;
	return false;
}

#endif
