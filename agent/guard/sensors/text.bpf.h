/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text - strings of a sample: paths by walking directory entries, strings and arguments of the process, hashes of them.
 */
#ifndef AGENT_GUARD_SENSORS_TEXT_BPF_H
#define AGENT_GUARD_SENSORS_TEXT_BPF_H

#include "agent/guard/sensors/common.bpf.h"

static long
walk_step(__u32 i, void *ctx)
{
	struct scratch *c = scratch_get();
	struct dentry *d, *parent, *root;
	struct mount *m, *above;
	__u32 off;
	long n;

	if (!c)
		return 1;
	d = c->walk.dentry;
	m = c->walk.mount;
	parent = BPF_CORE_READ(d, d_parent);
	root = BPF_CORE_READ(m, mnt.mnt_root);
	if (d == root) {
		above = BPF_CORE_READ(m, mnt_parent);
		if (above == m) {
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
	c->walk.done = d == parent; /* in no directory: a memfd, or unmounted */
	return d == parent;
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
	c->s.form[i & 3] = FORM_NAMES;
	c->s.len[i & 3] = c->walk.off - start;
	if (!c->walk.done)
		c->s.flags |= SAMPLE_TRUNCATED;
}

/* A string of the process, at most a path's size, behind what is there; returns its length without the NUL. */
static __always_inline __u32
put_user_text(struct scratch *c, __u32 i, __u32 off, const void *from)
{
	long n;

	c->s.form[i & 3] = FORM_TEXT;
	if (off > SAMPLE_DATA_MAX - SAMPLE_PATH_MAX - 64)
		return 0;
	n = bpf_probe_read_user_str(c->data + off, SAMPLE_PATH_MAX, from);
	if (n <= 0) {
		c->s.flags |= SAMPLE_PARTIAL;
		return 0;
	}
	if (n == SAMPLE_PATH_MAX)
		c->s.flags |= SAMPLE_TRUNCATED;
	c->s.len[i & 3] = n - 1;
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

#if defined(__TARGET_ARCH_x86)
#define REGISTER(name) ((__u64)bpf_core_field_offset(struct pt_regs, name))
#define REGISTERS      (REGISTER(di) | REGISTER(si) << 8 | REGISTER(dx) << 16 | REGISTER(r10) << 24 | REGISTER(r8) << 32)
#else
#define REGISTER(i) ((__u64)bpf_core_field_offset(struct pt_regs, regs[i]) / 8)
#define REGISTERS \
	((__u64)bpf_core_field_offset(struct pt_regs, orig_x0) / 8 | REGISTER(1) << 8 | REGISTER(2) << 16 | \
		REGISTER(3) << 24 | REGISTER(4) << 32)
#endif

/* Argument n (0 to 4) of the system call that returns; without branches, for the verifier's sake. */
static __always_inline __u64
call_arg(__u32 n)
{
	char *regs = (char *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u64 value = 0, at = REGISTERS >> (8 * n) & 0xff;

#if !defined(__TARGET_ARCH_x86)
	at *= 8;
#endif
	bpf_probe_read_kernel(&value, sizeof(value), regs + at);
	return value;
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
