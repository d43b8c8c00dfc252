/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * common - maps, settings and helpers of all sensors' kernel side; defined once, in exec.bpf.c.
 *
 * The five objects are linked into one before they are loaded, so that they share these.  A sample is built in a scratch
 * buffer of the CPU and copied into the ring with its real size.  All programs run with preemption off and none of them
 * in an interrupt, so nobody else writes to the scratch buffer meanwhile.
 */
#ifndef AGENT_GUARD_SENSORS_COMMON_BPF_H
#define AGENT_GUARD_SENSORS_COMMON_BPF_H

#include "agent/guard/sensors/kernel.bpf.h"
#include "agent/guard/sensors/sample.h"

#ifndef LINKAGE
#define LINKAGE extern
#endif

#define WAKE_NS   1000000u /* wake-ups are at least this far apart: the guard looks again until the ring is empty */
#define WAKE_FILL (SAMPLE_RING / 4)

/* State of a walk from a directory entry to its root. */
struct walk {
	struct dentry *dentry;
	struct mount *mount;
	__u32 start, off;
	__u32 done;
};

#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
struct scratch {
	struct sample s;
	char data[SAMPLE_DATA_MAX];
	struct walk walk;
	__u64 hash;
	__u32 hash_off;
};

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLE_RING);
} ring SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct verdict);
} verdicts SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct repeat);
} repeats SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct file_id);
	__type(value, __u8);
} secrets SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, char[SECRET_NAME_SIZE]);
	__type(value, __u8);
} secret_names SEC(".maps");

/* Settings, written before the load. */
LINKAGE const volatile __u64 hash_seed; /* so that nobody can aim at a key */
LINKAGE const volatile __u32 self_pid;  /* of the guard, in its own pid namespace */
LINKAGE const volatile __u32 scope_all; /* the whole machine, whatever namespace */

LINKAGE __u32 scope_level, scope_inum; /* the agent's pid namespace; inum 0: not known yet, nobody is in scope */

LINKAGE __u32 epoch;                   /* decisions of another one are void */
LINKAGE __u64 lost[8];                 /* by enum sample_sensor */
LINKAGE __u64 woken_ns;

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

static __always_inline void
count_lost(__u32 sensor)
{
	__sync_fetch_and_add(&lost[sensor & 7], 1);
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
	s->uid = task->cred->euid.val;
	s->gid = task->cred->egid.val;
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

static __always_inline __u32
data_len(const struct sample *s)
{
	return (__u32)s->len[0] + s->len[1] + s->len[2] + s->len[3];
}

/* Sends it with its real size.  What did not fit into the ring is counted, and forgotten by the repeats, so that the
 * next one is sent in full. */
static __always_inline void
sample_send(struct scratch *c, bool urgent)
{
	struct sample *s = &c->s;
	__u32 size = sizeof(*s) + data_len(s);
	__u64 now = s->time_ns, key = s->key, flags = BPF_RB_NO_WAKEUP;

	if (size > sizeof(*s) + SAMPLE_DATA_MAX)
		size = sizeof(*s) + SAMPLE_DATA_MAX;
	if ((urgent || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > WAKE_FILL) && now - woken_ns > WAKE_NS) {
		woken_ns = now;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (bpf_ringbuf_output(&ring, s, size, flags) == 0)
		return;
	count_lost(s->sensor);
	if (s->flags & SAMPLE_FIRST)
		bpf_map_delete_elem(&repeats, &key);
}

/* Whether somebody waits for such a sample. */
static __always_inline bool
is_urgent(const struct sample *s)
{
	return s->flags & (SAMPLE_FIRST | SAMPLE_WAITS);
}

static long
walk_step(__u32 i, void *ctx)
{
	struct scratch *c = scratch_get();
	struct dentry *d, *parent;
	struct mount *m, *above;
	__u32 off;
	long n;

	if (!c)
		return 1;
	d = c->walk.dentry;
	m = c->walk.mount;
	parent = BPF_CORE_READ(d, d_parent);
	if (d == parent || d == BPF_CORE_READ(m, mnt.mnt_root)) {
		above = BPF_CORE_READ(m, mnt_parent);
		if (above == m || d != BPF_CORE_READ(m, mnt.mnt_root)) {
			c->walk.done = 1;
			return 1;
		}
		c->walk.dentry = BPF_CORE_READ(m, mnt_mountpoint);
		c->walk.mount = above;
		return 0;
	}
	off = c->walk.off;
	if (off > SAMPLE_DATA_MAX - 256 || off - c->walk.start > SAMPLE_PATH_MAX)
		return 1;
	n = bpf_probe_read_kernel_str(c->data + off, 256, BPF_CORE_READ(d, d_name.name));
	if (n < 0)
		return 1;
	c->walk.off = off + n;
	c->walk.dentry = parent;
	return 0;
}

/* Puts the names from a directory entry up to the root of its mount namespace into string `i`. */
static __always_inline void
put_names(struct scratch *c, __u32 i, struct dentry *dentry, struct vfsmount *mnt)
{
	__u32 start = data_len(&c->s);

	c->walk.dentry = dentry;
	c->walk.mount = (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
	c->walk.start = c->walk.off = start;
	c->walk.done = 0;
	bpf_loop(2100, walk_step, NULL, 0);
	c->s.form[i] = FORM_NAMES;
	c->s.len[i] = c->walk.off - start;
	if (!c->walk.done)
		c->s.flags |= SAMPLE_TRUNCATED;
}

/* A string of the process, at most a path's size, behind what is there; returns its length without the NUL. */
static __always_inline __u32
put_user_text(struct scratch *c, __u32 i, __u32 off, const void *from)
{
	long n;

	c->s.form[i] = FORM_TEXT;
	if (off > SAMPLE_DATA_MAX - SAMPLE_PATH_MAX - 64)
		return 0;
	n = bpf_probe_read_user_str(c->data + off, SAMPLE_PATH_MAX, from);
	if (n <= 0) {
		c->s.flags |= SAMPLE_PARTIAL;
		return 0;
	}
	if (n == SAMPLE_PATH_MAX)
		c->s.flags |= SAMPLE_TRUNCATED;
	c->s.len[i] = n - 1;
	return n - 1;
}

static long
hash_step(__u32 i, void *ctx)
{
	struct scratch *c = scratch_get();
	__u32 off;
	__u64 h;

	if (!c)
		return 1;
	off = c->hash_off;
	if (off > SAMPLE_DATA_MAX - 64)
		return 1;
	h = c->hash;
	for (int k = 0; k < 8; k++)
		h = mix(h, *(__u64 *)(c->data + off + 8 * k));
	c->hash = h;
	c->hash_off = off + 64;
	return 0;
}

/* Hashes bytes of the scratch data; up to 63 bytes behind them are overwritten with zeros. */
static __always_inline __u64
hash_data(struct scratch *c, __u64 h, __u32 off, __u32 len)
{
	__u32 end = off + len;

	if (end > SAMPLE_DATA_MAX - 64)
		return h;
	for (int k = 0; k < 8; k++)
		*(__u64 *)(c->data + end + 8 * k) = 0;
	c->hash = mix(h, len);
	c->hash_off = off;
	bpf_loop((len + 63) / 64, hash_step, NULL, 0);
	return c->hash;
}

/* Argument n of the system call that returns. */
static __always_inline __u64
call_arg(__u32 n)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

#if defined(__TARGET_ARCH_x86)
	switch (n) {
	case 0:
		return regs->di;
	case 1:
		return regs->si;
	case 2:
		return regs->dx;
	case 3:
		return regs->r10;
	case 4:
		return regs->r8;
	}
#else
	switch (n) {
	case 0:
		return regs->orig_x0;
	case 1:
		return regs->regs[1];
	case 2:
		return regs->regs[2];
	case 3:
		return regs->regs[3];
	case 4:
		return regs->regs[4];
	}
#endif
	return 0;
}

/* The open file behind a descriptor of the process that runs, or NULL. */
static __always_inline struct file *
file_of(__u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *fdt = task->files->fdt;
	struct file **array = fdt->fd, *file = NULL;

	if (fd >= fdt->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

#endif
