/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module - kernel modules and BPF programs that are loaded; of modules also attempts that failed.
 */
#include "agent/guard/sensors/text.bpf.h"

#define COMMAND_PROG_LOAD 5

static __always_inline struct scratch *
module_start(struct task_state *st, __u32 kind, __u64 what)
{
	__u64 key, base = mix(mix(mix(hash_seed, kind), st->exe), what);
	struct scratch *c;
	__u32 flags;

	if (fold(st, base, &key, &flags))
		return NULL;
	c = scratch_get();
	if (!c)
		return NULL;
	sample_start(&c->s, st, kind, SENSOR_MODULE);
	c->s.key = key;
	c->s.flags |= flags;
	return c;
}

SEC("tp")
int
module_load(struct exit_context *ctx)
{
	struct task_state *st = task_watched();
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct file *file = NULL;
	struct scratch *c;

	if (!st)
		return 0;
	if (CALL_DIR(cookie) != CALL_NONE)
		file = file_of(call_arg(CALL_DIR(cookie)));
	c = module_start(st, DS_EVENT_MODULE_LOAD, file ? inode_id(BPF_CORE_READ(file, f_inode)) : 0);
	if (!c)
		return 0;
	if (file)
		put_names(c, 0, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
	sample_send(c, true);
	return 0;
}

SEC("tp")
int
module_bpf(struct exit_context *ctx)
{
	struct task_state *st;
	struct scratch *c;

	if (ctx->ret < 0 || call_arg(0) != COMMAND_PROG_LOAD)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	c = module_start(st, DS_EVENT_BPF_LOAD, 0);
	if (!c)
		return 0;
	c->s.arg[0] = COMMAND_PROG_LOAD;
	sample_send(c, true);
	return 0;
}
