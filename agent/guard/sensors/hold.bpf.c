/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold - connections of a daemon to destinations that it never had are refused until somebody was asked.
 *
 * Who connects is known where the system call begins; what the kernel will really connect to, in the cgroup's hook, which
 * must not sleep and may be preempted; the question is sent where the call ends.  Attached only while somebody is held.
 */
#include "agent/guard/sensors/common.bpf.h"

#include <bpf/bpf_endian.h>

#define FAMILY_INET  2
#define FAMILY_INET6 10

SEC("tp")
int
hold_enter(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	struct connecting c = { 0 };
	__u64 id = bpf_get_current_task();

	if (!st || !task_settle(st) || st->flags & TASK_WAITS)
		return 0;
	c.daemon = st->daemon;
	/* A full map holds nobody. */
	if (c.daemon && bpf_map_lookup_elem(&net_holding, &c.daemon))
		bpf_map_update_elem(&connecting, &id, &c, BPF_ANY);
	return 0;
}

/* 1: it may connect. */
static __always_inline int
judge(struct connecting *c, __u32 port, __u32 proto)
{
	__u64 now = bpf_ktime_get_boot_ns(), key;
	const struct net_verdict *v;

	if (now - net_alive_ns > NET_ALIVE_NS)
		return 1;
	c->port = (__u16)port >> 8 | (__u16)port << 8;
	c->proto = (__u8)proto;
	key = mix(mix(mix(mix(hash_seed, c->daemon), c->address[0]), c->address[1]), c->port | (__u64)c->proto << 16);
	v = bpf_map_lookup_elem(&net_verdicts, &key);
	if (v && (!v->until_ns || v->until_ns > now))
		return v->allow != 0;
	c->key = key;
	c->refused = 1;
	return 0;
}

SEC("cgroup/connect4")
int
hold_connect4(struct bpf_sock_addr *ctx)
{
	__u64 id = bpf_get_current_task();
	struct connecting *c = bpf_map_lookup_elem(&connecting, &id);

	if (!c)
		return 1;
	c->family = FAMILY_INET;
	*(__u32 *)c->address = ctx->user_ip4;
	return judge(c, ctx->user_port, ctx->protocol);
}

SEC("cgroup/connect6")
int
hold_connect6(struct bpf_sock_addr *ctx)
{
	__u64 id = bpf_get_current_task();
	struct connecting *c = bpf_map_lookup_elem(&connecting, &id);
	__u32 *words, a, b, d;

	if (!c)
		return 1;
	words = (__u32 *)c->address;
	a = ctx->user_ip6[0];
	b = ctx->user_ip6[1];
	d = ctx->user_ip6[2];
	if (!a && !b && d == bpf_htonl(0xffff)) { /* version 4 in version 6 */
		c->family = FAMILY_INET;
		words[0] = ctx->user_ip6[3];
	} else {
		c->family = FAMILY_INET6;
		words[0] = a;
		words[1] = b;
		words[2] = d;
		words[3] = ctx->user_ip6[3];
	}
	return judge(c, ctx->user_port, ctx->protocol);
}

static __always_inline bool
send_question(const struct connecting *asked)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	struct scratch *c = scratch_get();

	if (!st || !c)
		return false;
	sample_start(&c->s, st, SAMPLE_HOLD_CONNECT, SENSOR_NET);
	c->s.daemon = asked->daemon;
	c->s.arg[0] = asked->key;
	c->s.family = asked->family;
	c->s.proto = asked->proto;
	c->s.dport = asked->port;
	__builtin_memcpy(c->s.daddr, asked->address, 16);
	return sample_send(c, true);
}

SEC("tp")
int
hold_exit(void *ctx)
{
	struct net_verdict v = { .until_ns = bpf_ktime_get_boot_ns() + net_ask_ns };
	struct connecting *c, asked;
	__u64 id = bpf_get_current_task(), key;

	c = bpf_map_lookup_elem(&connecting, &id);
	if (!c)
		return 0;
	asked = *c;
	bpf_map_delete_elem(&connecting, &id);
	if (!asked.refused)
		return 0;
	key = asked.key;
	/* Nobody would answer: the next try passes. */
	v.allow = !send_question(&asked);
	bpf_map_update_elem(&net_verdicts, &key, &v, BPF_ANY);
	return 0;
}
