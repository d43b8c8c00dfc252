/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file - opens for writing, creations, renames, removals, changes of mode and owner, reads of credential files.
 *
 * Everything is read when the system call returns: then the paths are in memory, and it is known whether it worked.  An
 * opened file is told by its directory entries; other calls by what the process wrote, below the directory it meant.
 */
#include "agent/guard/sensors/text.bpf.h"

#define FMODE_CREATED 0x100000u
#define KIND_MASK     0170000u
#define KIND_REGULAR  0100000u
#define KIND_BLOCK    0060000u
#define AT_CWD        (-100)
#define DIR_RAW       14u /* the second string is no path of this file system: a link's text, a device */

/* Whether reading this file is told: one of a set of files, or of names. */
static __always_inline bool
is_secret(struct file *file, struct inode *inode)
{
	struct file_id id = { .inode = BPF_CORE_READ(inode, i_ino), .device = BPF_CORE_READ(inode, i_sb, s_dev) };
	char name[SECRET_NAME_SIZE + 8] = { 0 };
	long n;

	if (bpf_map_lookup_elem(&secrets, &id))
		return true;
	n = bpf_probe_read_kernel_str(name, SECRET_NAME_SIZE, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (bpf_map_lookup_elem(&secret_names, name))
		return true;
	/* Endings are names that begin with a dot: ".key" */
	if (n < 6 || n > SECRET_NAME_SIZE)
		return false;
	*(__u64 *)name = (__u64)(__u8)name[(n - 5) & 31] | (__u64)(__u8)name[(n - 4) & 31] << 8 |
		(__u64)(__u8)name[(n - 3) & 31] << 16 | (__u64)(__u8)name[(n - 2) & 31] << 24;
	*(__u64 *)(name + 8) = 0;
	*(__u64 *)(name + 16) = 0;
	*(__u64 *)(name + 24) = 0;
	return bpf_map_lookup_elem(&secret_names, name);
}

/* What an open is, if it is told; 0: it is not. */
static __always_inline __u32
open_kind(struct file *file, struct inode *inode, __u32 flags)
{
	__u32 type = BPF_CORE_READ(inode, i_mode) & KIND_MASK;

	if (type != KIND_REGULAR && type != KIND_BLOCK)
		return 0;
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		return DS_EVENT_FILE_CREATE;
	if (flags & 3)
		return DS_EVENT_FILE_WRITE;
	return is_secret(file, inode) ? DS_EVENT_FILE_READ : 0;
}

SEC("tp")
int
file_open(struct exit_context *ctx)
{
	struct task_state *st;
	struct dentry *dentry;
	struct scratch *c;
	struct inode *inode;
	struct file *file;
	__u32 open_flags, flags, kind;
	__u64 key, base;

	if (ctx->ret < 0)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	file = file_of(ctx->ret);
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	open_flags = BPF_CORE_READ(file, f_flags);
	kind = open_kind(file, inode, open_flags);
	if (!kind)
		return 0;
	dentry = BPF_CORE_READ(file, f_path.dentry);
	base = mix(mix(mix(mix(hash_seed, kind), st->exe), inode_id(inode)), BPF_CORE_READ(dentry, d_name.hash_len));
	base = mix(base, (__u64)BPF_CORE_READ(dentry, d_parent));
	if (fold(st, base, &key, &flags))
		return 0;
	c = scratch_get();
	if (!c)
		return 0;
	sample_start(&c->s, st, kind, SENSOR_FILE);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.arg[0] = open_flags;
	c->s.arg[1] = BPF_CORE_READ(inode, i_mode) & 07777;
	c->s.inode = BPF_CORE_READ(inode, i_ino);
	c->s.device = BPF_CORE_READ(inode, i_sb, s_dev);
	put_names(c, 0, dentry, BPF_CORE_READ(file, f_path.mnt));
	sample_send(c, is_urgent(&c->s));
	return 0;
}

/* Where a path begins that is relative to a descriptor (or NONE: the working directory), or absolute. */
static __always_inline void
start_of(__u32 dir, bool absolute, struct path *ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__s32 fd = dir == CALL_NONE ? AT_CWD : (__s32)call_arg(dir);
	struct file *file = absolute || fd < 0 ? NULL : file_of(fd);

	if (file) {
		ret->dentry = BPF_CORE_READ(file, f_path.dentry);
		ret->mnt = BPF_CORE_READ(file, f_path.mnt);
		return;
	}
	if (absolute)
		BPF_CORE_READ_INTO(ret, task, fs, root);
	else
		BPF_CORE_READ_INTO(ret, task, fs, pwd);
}

static __always_inline bool
is_absolute(const void *text)
{
	char first = 0;

	bpf_probe_read_user(&first, 1, text);
	return first == '/';
}

/* Hash of a path argument and of where it begins.  A function of its own: the verifier looks at it once. */
__noinline __u64
hash_path(__u64 h, __u32 dir, __u32 path)
{
	struct scratch *c = scratch_get();
	const void *text = path == CALL_NONE ? NULL : (const void *)call_arg(path);
	bool absolute = text && is_absolute(text);
	struct path start = { 0 };
	long n = 0;

	if (!c)
		return h;
	if (dir != DIR_RAW) {
		start_of(dir, absolute, &start);
		h = mix(h, absolute ? 0 : inode_id(BPF_CORE_READ(start.dentry, d_inode)));
	}
	if (text)
		n = bpf_probe_read_user_str(c->data, SAMPLE_PATH_MAX, text);
	return hash_data(c, h, 0, n > 0 ? n & 8191 : 0);
}

/* Strings i (names of the directory) and i + 1 (the text below it). */
__noinline int
put_path(__u32 i, __u32 dir, __u32 path)
{
	struct scratch *c = scratch_get();
	const void *text = path == CALL_NONE ? NULL : (const void *)call_arg(path);
	struct path start = { 0 };

	if (!c)
		return 0;
	if (dir != DIR_RAW) {
		start_of(dir, text && is_absolute(text), &start);
		put_names(c, i, start.dentry, start.mnt);
	}
	if (!text)
		return 0;
	put_user_text(c, i + 1, data_len(&c->s), text);
	if (dir != DIR_RAW)
		c->s.form[(i + 1) & 3] = FORM_BELOW;
	return 0;
}

/* All calls that name a file. */
SEC("tp")
int
file_path(struct exit_context *ctx)
{
	__u64 cookie, key, base, value = 0;
	struct task_state *st;
	struct scratch *c;
	__u32 flags, kind;

	if (ctx->ret < 0)
		return 0;
	st = task_watched();
	c = scratch_get();
	if (!st || !c)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	kind = CALL_KIND(cookie);
	if (CALL_VALUE(cookie) != CALL_NONE)
		value = call_arg(CALL_VALUE(cookie));
	base = mix(mix(mix(hash_seed, kind), st->exe), value);
	base = hash_path(base, CALL_DIR(cookie), CALL_PATH(cookie));
	if (CALL_PATH2(cookie) != CALL_NONE)
		base = hash_path(base, CALL_DIR2(cookie), CALL_PATH2(cookie));
	if (fold(st, base, &key, &flags))
		return 0;
	sample_start(&c->s, st, kind, kind == DS_EVENT_MOUNT ? SENSOR_CRED : SENSOR_FILE);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.arg[0] = value;
	if (kind == DS_EVENT_FILE_CHOWN)
		c->s.arg[1] = call_arg(CALL_VALUE(cookie) + 1);
	put_path(0, CALL_DIR(cookie), CALL_PATH(cookie));
	if (CALL_PATH2(cookie) != CALL_NONE)
		put_path(2, CALL_DIR2(cookie), CALL_PATH2(cookie));
	sample_send(c, is_urgent(&c->s));
	return 0;
}
