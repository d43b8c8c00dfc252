/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel - the few fields of kernel structures that the sensors read.
 *
 * Only names matter: offsets are relocated at load (CO-RE), so this one file fits every kernel with BTF.  A field that a
 * kernel may lack is asked for with bpf_core_field_exists(); a structure under a second name (___new) is the same
 * structure as newer kernels have it.
 *
 * A pointer is followed with BPF_CORE_READ() wherever nothing needs it to stay typed.  For each `a->b` that is a pointer
 * newer verifiers search all types of the kernel by name, several times and for each path through the program: that was
 * two thirds of the time from start to sensing.
 */
#ifndef AGENT_GUARD_SENSORS_KERNEL_BPF_H
#define AGENT_GUARD_SENSORS_KERNEL_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};
struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};
struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_generation;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct fs_struct {
	struct path root, pwd;
};
struct mm_struct {
	unsigned long arg_start, arg_end;
	struct file *exe_file;
};
struct linux_binprm {
	struct file *file;
};
struct ns_common {
	unsigned int inum;
};
struct pid_namespace {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct nsproxy {
	void *uts_ns, *ipc_ns, *mnt_ns, *pid_ns_for_children, *net_ns, *cgroup_ns;
};
struct kernfs_node {
	__u64 id;
};
struct cgroup_root {
	int hierarchy_id;
	char name[64];
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
typedef struct {
	__u32 val;
} kuid_t;
typedef struct {
	__u64 bits; /* by another name, and of two halves before 6.3: read by its place */
} kernel_cap_t;
struct cred {
	kuid_t uid, euid;
	kuid_t gid, egid; /* kgid_t is the same */
	kernel_cap_t cap_effective;
};
struct task_struct {
	int pid, tgid, exit_code;
	unsigned int flags, ptrace;
	__u64 start_boottime;
	struct task_struct *group_leader, *real_parent;
	struct pid *thread_pid;
	struct nsproxy *nsproxy;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct css_set *cgroups;
	const struct cred *cred;
};
struct in6_addr {
	__u8 bytes[16];
} __attribute__((aligned(4)));
struct sock_common {
	__u16 skc_family;
	__u16 skc_num;
	__be16 skc_dport;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
};
struct socket {
	struct file *file;
	struct sock *sk;
};
struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[1];
};
struct unix_sock {
	struct unix_address *addr;
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, r10, r8;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
};
#else
#error "which registers carry the arguments of a system call?"
#endif

#pragma clang attribute pop

/* Requests of ptrace(2). */
#define TRACE_ATTACH 16
#define TRACE_SEIZE  0x4206

/* What a sys_exit tracepoint hands over; the same on every kernel. */
struct exit_context {
	__u64 common;
	long id, ret;
};

#endif
