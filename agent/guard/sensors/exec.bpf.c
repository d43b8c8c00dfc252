/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec - processes: fork, exec, exit, and which daemon a process belongs to.
 *
 * The leader of every process in scope carries a task_state.  It is copied at fork; at exec and when the process changes
 * its cgroup a decision is due, which the guard makes once for each key (program, arguments, parent, daemon before) and
 * leaves in `verdicts`.  Until it is there the task waits, and what it does is sent with the key of the decision, so that
 * nothing of its first milliseconds is lost.
 */
#define LINKAGE
#include "agent/guard/sensors/text.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define PF_KTHREAD   0x00200000
#define EXEC_FULL_NS 1000000000ull /* an exec is sent in full at most this often a key */

enum decision { DECIDE_EXEC = 1, DECIDE_CGROUP, DECIDE_SEED };

/* A decision is due. */
static __always_inline void
task_wait(struct task_state *st, __u64 key, __u32 flags)
{
	st->key = key;
	st->flags = (st->flags & ~(TASK_SEED | TASK_LISTENS)) | TASK_WAITS | flags;
}

static __always_inline void
task_seed(struct task_state *st, struct task_struct *task, __u32 pid)
{
	st->pid = pid;
	st->start_ns = task->start_boottime;
	task_wait(st, mix(mix(mix(hash_seed, DECIDE_SEED), pid), st->start_ns), TASK_SEED);
}

static __always_inline __u64
exe_of(struct task_struct *task)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

	return inode ? inode_id(inode) : 0;
}

/* The bits of CLONE_NEW* in which two sets of namespaces differ. */
static __always_inline __u32
namespaces_changed(struct nsproxy *a, struct nsproxy *b)
{
	__u32 bits = 0;

	if (a == b)
		return 0;
	if (BPF_CORE_READ(a, mnt_ns) != BPF_CORE_READ(b, mnt_ns))
		bits |= 0x00020000;
	if (BPF_CORE_READ(a, cgroup_ns) != BPF_CORE_READ(b, cgroup_ns))
		bits |= 0x02000000;
	if (BPF_CORE_READ(a, uts_ns) != BPF_CORE_READ(b, uts_ns))
		bits |= 0x04000000;
	if (BPF_CORE_READ(a, ipc_ns) != BPF_CORE_READ(b, ipc_ns))
		bits |= 0x08000000;
	if (BPF_CORE_READ(a, pid_ns_for_children) != BPF_CORE_READ(b, pid_ns_for_children))
		bits |= 0x20000000;
	if (BPF_CORE_READ(a, net_ns) != BPF_CORE_READ(b, net_ns))
		bits |= 0x40000000;
	return bits;
}

static __always_inline void
send_fork(struct task_state *st, __u32 kind, __u64 value)
{
	__u64 key, base = mix(mix(mix(hash_seed, kind), st->exe), value);
	struct scratch *c;
	__u32 flags;

	if (fold(st, base, &key, &flags))
		return;
	c = scratch_get();
	if (!c)
		return;
	sample_start(&c->s, st, kind, SENSOR_EXEC);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.arg[0] = value;
	sample_send(c, is_urgent(&c->s));
}

/* The key of the decision about a cgroup, with what the process is now. */
static __always_inline __u64
cgroup_key(const struct task_state *st, __u64 hierarchy, __u64 id)
{
	__u64 h = mix(mix(mix(hash_seed, DECIDE_CGROUP), hierarchy), id);

	/* What stands for no daemon changes nothing: the answer depends on what the task carries. */
	return mix(h, st->flags & TASK_WAITS ? st->key : st->daemon);
}

static __always_inline void
send_cgroup(struct task_state *st, __u32 before, __u64 before_key, const char *path)
{
	struct scratch *c = scratch_get();
	long n = 0;

	if (!c)
		return;
	sample_start(&c->s, st, SAMPLE_CGROUP, SENSOR_EXEC);
	c->s.arg[0] = before_key;
	c->s.arg[1] = before;
	if (path)
		n = bpf_probe_read_kernel_str(c->data, SAMPLE_PATH_MAX, path);
	c->s.form[0] = FORM_TEXT;
	c->s.len[0] = n > 0 ? n - 1 : 0;
	sample_send(c, true);
}

static __always_inline void
cgroup_changed(struct task_state *st, __u64 hierarchy, __u64 id, const char *path)
{
	__u64 key = cgroup_key(st, hierarchy, id), before_key = st->flags & TASK_WAITS ? st->key : 0;
	__u32 before = st->daemon;

	task_wait(st, key, 0);
	(void)task_settle(st);
	if (st->flags & TASK_WAITS)
		send_cgroup(st, before, before_key, path);
}

/* Whether the guard starts a daemon anew, which is not the guard's own: see DS_COMMAND_STARTER. */
static __always_inline bool
starts_a_daemon(void)
{
	static const char starter[] = "daemonsec-start";
	char name[16] = { 0 };

	if (bpf_get_current_comm(name, sizeof(name)))
		return false;
#pragma unroll
	for (unsigned i = 0; i < sizeof(starter); i++)
		if (name[i] != starter[i])
			return false;
	return true;
}

SEC("tp_btf/sched_process_fork")
int
BPF_PROG(task_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_state *above, *st;
	__u32 pid, changed;
	bool watched;

	if (child->pid != child->tgid)
		return 0;
	pid = scope_pid(child);
	if (!pid)
		return 0;
	above = bpf_task_storage_get(&tasks, parent->group_leader, NULL, 0);
	st = bpf_task_storage_get(&tasks, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st) {
		count_lost(SENSOR_EXEC);
		return 0;
	}
	if (!above || (above->flags & TASK_SELF && starts_a_daemon())) {
		st->exe = exe_of(child);
		task_seed(st, child, pid);
		return 0;
	}
	watched = task_settle(above);
	st->key = above->key;
	st->exe = above->exe;
	st->ancestors[0] = above->exe;
#pragma unroll
	for (int i = 1; i < SAMPLE_ANCESTORS; i++)
		st->ancestors[i] = above->ancestors[i - 1];
	st->start_ns = child->start_boottime;
	st->daemon = above->daemon;
	st->epoch = above->epoch;
	st->pid = pid;
	st->ppid = above->pid;
	st->flags = above->flags;
	if (st->flags & TASK_SELF)
		return 0;
	if (BPF_CORE_READ(child, cgroups) != BPF_CORE_READ(parent, cgroups) &&
		BPF_CORE_READ(child, cgroups, dfl_cgrp) != BPF_CORE_READ(parent, cgroups, dfl_cgrp))
		cgroup_changed(st, 0, BPF_CORE_READ(child, cgroups, dfl_cgrp, kn, id), NULL);
	if (!watched)
		return 0;
	send_fork(st, DS_EVENT_FORK, 0);
	changed = namespaces_changed(BPF_CORE_READ(parent, nsproxy), BPF_CORE_READ(child, nsproxy));
	if (changed)
		send_fork(st, DS_EVENT_NAMESPACE, changed);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(task_exit, struct task_struct *task)
{
	struct task_state *st;
	struct scratch *c;
	__u64 key, base;
	__u32 flags;

	if (task->pid != task->tgid)
		return 0;
	st = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (!st || !task_settle(st))
		return 0;
	base = mix(mix(mix(hash_seed, DS_EVENT_EXIT), st->exe), task->exit_code);
	if (fold(st, base, &key, &flags))
		return 0;
	c = scratch_get();
	if (!c)
		return 0;
	sample_start(&c->s, st, DS_EVENT_EXIT, SENSOR_EXEC);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.arg[0] = task->exit_code;
	c->s.arg[1] = c->s.time_ns - st->start_ns;
	sample_send(c, is_urgent(&c->s));
	return 0;
}

/* Reads the arguments to the front of the data; their hash. */
static __always_inline __u64
read_args(struct scratch *c, struct task_struct *task, __u32 *flags)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 start = BPF_CORE_READ(mm, arg_start), len = BPF_CORE_READ(mm, arg_end) - start;

	*flags = 0;
	if (len > SAMPLE_PATH_MAX) {
		len = SAMPLE_PATH_MAX;
		*flags = SAMPLE_TRUNCATED;
	}
	if (bpf_probe_read_user(c->data, len, (void *)start)) {
		len = 0;
		*flags = SAMPLE_PARTIAL;
	}
	c->s.len[0] = len;
	return hash_data(c, hash_seed, 0, len);
}

/* Whether this exec is only counted; else what was counted since the last full one is in *count. */
static __always_inline bool
fold_exec(const struct task_state *st, __u64 base, __u64 *key, __u32 *flags, __u64 *count)
{
	struct repeat first = { .last_ns = bpf_ktime_get_boot_ns() }, *e;

	*count = 1;
	*flags = 0;
	*key = base;
	if (st->flags & TASK_WAITS)
		return false;
	*key = mix(base, st->daemon);
	e = bpf_map_lookup_elem(&repeats, key);
	if (e) {
		__sync_fetch_and_add(&e->count, 1);
		if (first.last_ns - e->last_ns < EXEC_FULL_NS)
			return true;
		e->last_ns = first.last_ns;
		*count = 0; /* the map has it: the guard takes the difference */
		return false;
	}
	*flags = SAMPLE_FIRST;
	if (bpf_map_update_elem(&repeats, key, &first, BPF_NOEXIST))
		*flags |= SAMPLE_UNFOLDED;
	return false;
}

static __always_inline void
put_ancestors(struct scratch *c, const struct task_state *st)
{
	__u32 off = data_len(&c->s);

	if (off > SAMPLE_DATA_MAX - sizeof(st->ancestors))
		return;
	__builtin_memcpy(c->data + off, st->ancestors, sizeof(st->ancestors));
	c->s.form[2] = FORM_TEXT;
	c->s.len[2] = sizeof(st->ancestors);
}

/* AF_INET or AF_INET6 when the standard input is such a socket: who obeys the network gives itself away. */
static __always_inline __u32
input_family(struct task_struct *task)
{
	struct file **fds = BPF_CORE_READ(task, files, fdt, fd), *file = NULL;
	struct socket *sock;
	__u32 family;

	bpf_probe_read_kernel(&file, sizeof(file), fds);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000)
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	family = BPF_CORE_READ(sock, sk, __sk_common.skc_family);
	return family == 2 || family == 10 ? family : 0;
}

static __always_inline void
send_exec(struct scratch *c, struct task_state *st, struct file *file, __u64 args, __u64 before_key)
{
	__u32 flags = c->s.flags, folded, args_len = c->s.len[0];
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 key, count, base = mix(mix(mix(mix(hash_seed, DS_EVENT_EXEC), st->exe), args), st->ancestors[0]);
	__u32 family = input_family(bpf_get_current_task_btf());

	if (family)
		base = mix(base, family);
	if (fold_exec(st, base, &key, &folded, &count))
		return;
	sample_start(&c->s, st, DS_EVENT_EXEC, SENSOR_EXEC);
	c->s.key = key;
	c->s.count = count;
	c->s.arg[0] = before_key;
	c->s.arg[1] = st->before;
	c->s.arg[2] = family;
	c->s.flags |= flags | folded;
	c->s.inode = BPF_CORE_READ(inode, i_ino);
	c->s.device = BPF_CORE_READ(inode, i_sb, s_dev);
	c->s.form[0] = FORM_TEXT;
	c->s.len[0] = args_len;
	put_names(c, 1, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
	put_ancestors(c, st);
	sample_send(c, is_urgent(&c->s));
}

static __always_inline void
sample_hold(struct scratch *c, struct task_state *st, struct file *file, __u32 flags, __u64 key)
{
	__u32 args_len = c->s.len[0];

	sample_start(&c->s, st, SAMPLE_HOLD, SENSOR_EXEC);
	c->s.daemon = st->before;
	c->s.flags = flags;
	c->s.arg[0] = key;
	c->s.inode = BPF_CORE_READ(file, f_inode, i_ino);
	c->s.device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	c->s.form[0] = FORM_TEXT;
	c->s.len[0] = args_len;
	put_names(c, 1, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
	put_ancestors(c, st);
}

/* Programs that have no name any more, or never had one. */
static __always_inline __u32
nameless(struct file *file)
{
	char name[8] = { 0 };

	if (BPF_CORE_READ(file, f_inode, i_nlink))
		return 0;
	bpf_probe_read_kernel(name, 7, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':' ?
		SAMPLE_MEMORY : SAMPLE_DELETED;
}

/* A thread that executes becomes the leader, and the state of the old leader goes with it: take a copy along. */
static __always_inline void
keep_state(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *above, *st;

	if (task->pid == task->tgid)
		return;
	above = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	if (!above)
		return;
	st = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (st)
		__builtin_memcpy(st, above, sizeof(*st));
}

SEC("tp_btf/sched_prepare_exec")
int
task_prepare(void *ctx)
{
	keep_state();
	return 0;
}

SEC("tp")
int
task_prepare_call(void *ctx)
{
	keep_state();
	return 0;
}

SEC("tp_btf/sched_process_exec")
int
BPF_PROG(task_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct file *file = bprm->file;
	struct scratch *c = scratch_get();
	__u64 args, key, before_key;
	__u32 pid, flags, before;

	if (!c)
		return 0;
	if (!st) {
		/* Nobody knew it: it came into scope, or there was no memory when it was forked. */
		pid = scope_pid(task);
		st = pid ? bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE) : NULL;
		if (!st)
			return 0;
		task_seed(st, task, pid);
	}
	if (st->flags & TASK_SELF)
		return 0;
	(void)task_settle(st);
	args = read_args(c, task, &flags);
	flags |= nameless(file);
	before = st->daemon;
	st->before = before;
	before_key = st->flags & TASK_WAITS ? st->key : 0;
	st->exe = inode_id(file->f_inode);
	key = mix(mix(mix(mix(hash_seed, DECIDE_EXEC), st->exe), args), st->ancestors[0]);
	task_wait(st, mix(key, before_key ? before_key : before), 0);
	if (!task_settle(st))
		return 0;
	c->s.flags = flags;
	send_exec(c, st, file, args, before_key);
	return 0;
}

#define SIG_KILL 9
#define SIG_CONT 18
#define SIG_STOP 19

static __always_inline void
send_hold(struct task_struct *task, struct task_state *st, struct file *file, __u32 pid, __u64 key)
{
	struct scratch *c = scratch_get();
	__u32 flags;
	bool sent = false;

	if (c) {
		(void)read_args(c, task, &flags);
		sample_hold(c, st, file, flags, key);
		sent = sample_send(c, true);
	}
	if (sent)
		return;
	/* Nobody will know of it: it goes on. */
	bpf_send_signal(SIG_CONT);
	bpf_map_delete_elem(&held, &pid);
}

/* Stops a program that a daemon starts for the first time, before its first instruction. Attached only while some daemon
 * is in mode prevent, and behind task_exec. What cannot be written down is not stopped. */
SEC("tp_btf/sched_process_exec")
int
BPF_PROG(task_hold, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct inode *inode = bprm->file->f_inode;
	struct held_task h = { 0 };
	__u32 daemon, pid;
	__u64 key;

	if (!st || st->flags & TASK_SELF || st->pid <= 1)
		return 0;
	daemon = st->before;
	pid = st->pid;
	if (!daemon || !bpf_map_lookup_elem(&holding, &daemon))
		return 0;
	key = mix(mix(mix(hash_seed, daemon), inode->i_sb->s_dev), inode->i_ino);
	if (bpf_map_lookup_elem(&known, &key))
		return 0;
	h.start_ns = st->start_ns;
	h.since_ns = bpf_ktime_get_boot_ns();
	/* A tracer may keep the stop from it: not what nobody would see go on. */
	h.escaped = hold_unwatched && task->ptrace;
	if (bpf_map_update_elem(&held, &pid, &h, BPF_ANY))
		return 0;
	st->flags |= TASK_HELD; /* first: what lets it go on may come at once */
	if (bpf_send_signal(h.escaped ? SIG_KILL : SIG_STOP)) {
		bpf_map_delete_elem(&held, &pid);
		return 0;
	}
	send_hold(task, st, bprm->file, pid, key);
	return 0;
}

/* Fills in who is above a process that was there before us. */
static __always_inline void
seed_ancestors(struct task_state *st, struct task_struct *task)
{
	struct task_struct *above = BPF_CORE_READ(task, real_parent);

	st->ppid = scope_pid(above);
	for (int i = 0; i < SAMPLE_ANCESTORS; i++) {
		if (!above || !scope_pid(above))
			break;
		st->ancestors[i] = exe_of(above);
		above = BPF_CORE_READ(above, real_parent);
	}
}

/* The guard reads the iteration itself: its pid namespace is the scope. */
static __always_inline void
scope_learn(void)
{
	struct task_struct *reader = bpf_get_current_task_btf();
	struct pid *pid = reader->thread_pid;
	struct upid up = { 0 };
	__u32 level = pid->level;

	bpf_probe_read_kernel(&up, sizeof(up), (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				bpf_core_type_size(struct upid) * level);
	scope_level = level;
	scope_inum = BPF_CORE_READ(up.ns, ns.inum);
}

/* Run by the guard at its start and after a reload: every process of this host waits for a decision. */
SEC("iter/task")
int
task_iterate(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *st;
	struct seed seed = { 0 };

	if (!scope_inum)
		scope_learn();
	if (!task || task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	seed.pid = scope_pid(task);
	if (!seed.pid)
		return 0;
	st = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st)
		return 0;
	if (!st->pid) {
		st->exe = exe_of(task);
		seed_ancestors(st, task);
	}
	task_seed(st, task, seed.pid);
	if (seed.pid == self_pid)
		st->flags |= TASK_SELF;
	seed.key = st->key;
	seed.exe = st->exe;
	bpf_seq_write(ctx->meta->seq, &seed, sizeof(seed));
	return 0;
}

/* Only the hierarchies that name units: the unified one and systemd's own of version 1. */
SEC("tp_btf/cgroup_attach_task")
int
BPF_PROG(task_cgroup, struct cgroup *cgroup, const char *path, struct task_struct *task, bool threadgroup)
{
	struct cgroup_root *root = cgroup->root;
	struct task_state *st;
	char name[8] = { 0 };

	if (task->pid != task->tgid)
		return 0;
	if (root->hierarchy_id != 0) {
		bpf_probe_read_kernel(name, 7, &root->name);
		if (name[0] != 's' || name[1] != 'y' || name[2] != 's' || name[3] != 't' || name[4] != 'e' ||
			name[5] != 'm')
			return 0;
	}
	st = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (!st || st->flags & TASK_SELF)
		return 0;
	(void)task_settle(st);
	cgroup_changed(st, root->hierarchy_id, cgroup->kn->id, path);
	return 0;
}
