/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cred - changes of user, group and capabilities, ptrace, writes into other processes, namespaces.
 *
 * Mounts are file.bpf.c's: they name files.
 */
#include "agent/guard/sensors/common.bpf.h"
#include "agent/guard/sensors/text.bpf.h"

/* `key` of the values says what is the same behaviour. */
static __always_inline void
tell(struct task_state *st, __u32 kind, __u64 what, __u64 value, __u64 other)
{
	__u64 key, base = mix(mix(mix(hash_seed, kind), st->exe), what);
	struct scratch *c;
	__u32 flags;

	if (fold(st, base, &key, &flags))
		return;
	c = scratch_get();
	if (!c)
		return;
	sample_start(&c->s, st, kind, SENSOR_CRED);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.arg[0] = value;
	c->s.arg[1] = other;
	sample_send(c, is_urgent(&c->s));
}

SEC("tp")
int
cred_change(struct exit_context *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	__u64 value = 0;
	__u32 kind;

	if (ctx->ret != 0)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	kind = CALL_KIND(bpf_get_attach_cookie(ctx));
	if (kind == DS_EVENT_SETUID)
		value = BPF_CORE_READ(task, cred, euid.val);
	else if (kind == DS_EVENT_SETGID)
		value = BPF_CORE_READ(task, cred, egid.val);
	else
		bpf_probe_read_kernel(&value, sizeof(value),
			(const char *)BPF_CORE_READ(task, cred) + bpf_core_field_offset(struct cred, cap_effective));
	tell(st, kind, value, value, 0);
	return 0;
}

/* ptrace(request, pid), process_vm_writev(pid), unshare(flags), setns(fd, type): the cookie's value argument. */
SEC("tp")
int
cred_other(struct exit_context *ctx)
{
	__u64 cookie, value, other = 0, what;
	struct task_state *st;
	__u32 kind;

	if (ctx->ret < 0)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	kind = CALL_KIND(cookie);
	value = what = call_arg(CALL_VALUE(cookie));
	if (kind == DS_EVENT_PTRACE) {
		if (value != TRACE_ATTACH && value != TRACE_SEIZE)
			return 0;
		other = call_arg(1);
	}
	if (kind == DS_EVENT_VM_WRITE)
		what = 0;
	if (kind == DS_EVENT_NAMESPACE)
		what = value = value & 0x7e020080;
	if (kind == DS_EVENT_NAMESPACE && CALL_DIR(cookie) == CALL_NONE && !value)
		return 0; /* unshare() of other things */
	tell(st, kind, what, value, other);
	return 0;
}
