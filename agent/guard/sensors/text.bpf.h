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
