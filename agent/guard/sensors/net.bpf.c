/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net - connections, accepted connections, listening sockets, datagrams to peers; unix sockets by their path.
 *
 * Read from the socket when the system call returns; only addresses of datagrams are read from the process.
 */
#include "agent/guard/sensors/text.bpf.h"

#define FAMILY_UNIX  1
#define FAMILY_INET  2
#define FAMILY_INET6 10
#define KIND_MASK    0170000u
#define KIND_SOCKET  0140000u
#define TYPE_DGRAM   2
#define IN_PROGRESS  (-115)
#define UNIX_PATH    108u
#define DECIDE_LISTEN 4

/* The ends of a socket, network byte order in addr. */
struct ends {
	__u64 local[2], remote[2];
	__u16 local_port, remote_port, family;
	__u8 proto;
};

static __always_inline struct sock *
sock_of(__u32 fd)
{
	struct file *file = file_of(fd);
	struct socket *sock;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & KIND_MASK) != KIND_SOCKET)
		return NULL;
	sock = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(sock, sk);
}

static __always_inline __u16
swap16(__u16 v)
{
	return v << 8 | v >> 8;
}

static __always_inline void
ends_read(struct sock *sk, struct ends *e)
{
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->proto = (__u8)BPF_CORE_READ(sk, sk_protocol);
	if (e->family == FAMILY_INET) {
		e->local[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		e->remote[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else if (e->family == FAMILY_INET6) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		return;
	}
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = swap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Starts the sample of a behaviour that was not seen before; NULL: it was, or there is no room. */
static __always_inline struct scratch *
net_start(struct task_state *st, __u32 kind, __u64 base, const struct ends *e)
{
	struct scratch *c;
	__u32 flags;
	__u64 key;

	base = mix(mix(mix(mix(base, kind), st->exe), e->family), e->proto);
	if (fold(st, base, &key, &flags))
		return NULL;
	c = scratch_get();
	if (!c)
		return NULL;
	sample_start(&c->s, st, kind, SENSOR_NET);
	c->s.key = key;
	c->s.flags |= flags;
	c->s.family = e->family;
	c->s.proto = e->proto;
	return c;
}

/* from, to: which side connects to which. */
static __always_inline void
put_ends(struct sample *s, const __u64 *from, __u16 from_port, const __u64 *to, __u16 to_port)
{
	if (from) {
		__builtin_memcpy(s->saddr, from, 16);
		s->sport = from_port;
	}
	__builtin_memcpy(s->daddr, to, 16);
	s->dport = to_port;
}

/* At most a socket's name; the mask is for the verifier. */
static __always_inline __u32
unix_len(__u32 len)
{
	if (len > UNIX_PATH)
		len = UNIX_PATH;
	asm volatile("" : "+r"(len));
	return len & 127;
}

/* A unix socket's name: string 1, below the working directory in string 0 when it is relative. */
static __always_inline void
put_unix(struct scratch *c, const char *name, __u32 len, bool from_user)
{
	struct task_struct *task = bpf_get_current_task_btf();
	char first = 0;
	__u32 off;

	if (from_user)
		bpf_probe_read_user(&first, 1, name);
	else
		bpf_probe_read_kernel(&first, 1, name);
	if (first && first != '/')
		put_names(c, 0, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
	off = data_len(&c->s);
	len = unix_len(len);
	if (off > SAMPLE_DATA_MAX - 128)
		return;
	if (from_user ? bpf_probe_read_user(c->data + off, len, name) : bpf_probe_read_kernel(c->data + off, len, name))
		return;
	c->s.form[1] = FORM_BELOW;
	c->s.len[1] = len;
}

static __always_inline __u64
hash_unix(const char *name, __u32 len, bool from_user)
{
	__u64 text[16] = { 0 }, h = mix(hash_seed, len);

	len = unix_len(len);
	if (from_user)
		bpf_probe_read_user(text, len, name);
	else
		bpf_probe_read_kernel(text, len, name);
	for (int i = 0; i < 14; i++) /* 108 bytes at most */
		h = mix(h, text[i]);
	return h;
}

static __always_inline void
tell_unix(struct task_state *st, __u32 kind, const char *name, long len, bool from_user)
{
	struct ends e = { .family = FAMILY_UNIX };
	struct scratch *c;

	if (len <= 0)
		return;
	c = net_start(st, kind, hash_unix(name, len, from_user), &e);
	if (!c)
		return;
	put_unix(c, name, len, from_user);
	sample_send(c, is_urgent(&c->s));
}

/* The name that a unix socket is bound to. */
static __always_inline void
tell_bound_unix(struct task_state *st, __u32 kind, struct sock *sk)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);

	if (addr)
		tell_unix(st, kind, (const char *)addr + bpf_core_field_offset(struct unix_address, name) + 2,
			(long)BPF_CORE_READ(addr, len) - 2, false);
}

SEC("tp")
int
net_connect(struct exit_context *ctx)
{
	struct task_state *st;
	struct ends e = { 0 };
	struct scratch *c;
	struct sock *sk;
	__u64 base;

	if (ctx->ret != 0 && ctx->ret != IN_PROGRESS)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	sk = sock_of(call_arg(0));
	if (!sk)
		return 0;
	ends_read(sk, &e);
	if (e.family == FAMILY_UNIX) {
		tell_unix(st, DS_EVENT_CONNECT, (const char *)call_arg(1) + 2, (long)(__u32)call_arg(2) - 2, true);
		return 0;
	}
	if (!e.remote_port)
		return 0;
	base = mix(mix(mix(hash_seed, e.remote[0]), e.remote[1]), e.remote_port);
	c = net_start(st, DS_EVENT_CONNECT, base, &e);
	if (!c)
		return 0;
	put_ends(&c->s, e.local, e.local_port, e.remote, e.remote_port);
	sample_send(c, is_urgent(&c->s));
	return 0;
}

SEC("tp")
int
net_accept(struct exit_context *ctx)
{
	struct task_state *st;
	struct ends e = { 0 };
	struct scratch *c;
	struct sock *sk;
	__u64 base;

	if (ctx->ret < 0)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	sk = sock_of(ctx->ret);
	if (!sk)
		return 0;
	ends_read(sk, &e);
	if (e.family == FAMILY_UNIX) {
		tell_bound_unix(st, DS_EVENT_ACCEPT, sk);
		return 0;
	}
	/* Clients by their network, so that a scan is not a thousand behaviours. */
	base = e.family == FAMILY_INET || !e.remote[0] ? e.remote[0] ^ (e.remote[1] & 0x00ffffffffffffffull) :
							 e.remote[0];
	if (e.family == FAMILY_INET)
		base = e.remote[0] & 0x00ffffffull;
	c = net_start(st, DS_EVENT_ACCEPT, mix(mix(hash_seed, base), e.local_port), &e);
	if (!c)
		return 0;
	put_ends(&c->s, e.remote, e.remote_port, e.local, e.local_port);
	sample_send(c, is_urgent(&c->s));
	return 0;
}

/* Who listens may be a daemon that nobody knew: the guard is asked once for each program and daemon.  While it is not
 * decided yet what the process is, that decision is the one before: "none" is not the answer to this question. */
static __always_inline struct task_state *
task_listener(__u64 *before_key)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	__u64 key;

	*before_key = 0;
	if (!st || st->flags & TASK_SELF)
		return NULL;
	(void)task_settle(st);
	if (st->flags & TASK_WAITS && st->flags & TASK_LISTENS)
		return st;
	if (st->flags & TASK_WAITS)
		*before_key = st->key;
	key = mix(mix(mix(hash_seed, DECIDE_LISTEN), st->exe), *before_key ? *before_key : st->daemon);
	if (st->key != key) {
		st->key = key;
		st->flags = (st->flags & ~TASK_SEED) | TASK_WAITS | TASK_LISTENS;
	}
	return task_settle(st) ? st : NULL;
}

static __always_inline void
tell_listen(struct task_state *st, struct sock *sk, __u64 before_key)
{
	struct ends e = { 0 };
	struct scratch *c;

	ends_read(sk, &e);
	if (e.family == FAMILY_UNIX) {
		tell_bound_unix(st, DS_EVENT_LISTEN, sk);
		return;
	}
	c = net_start(st, DS_EVENT_LISTEN, mix(mix(mix(hash_seed, e.local[0]), e.local[1]), e.local_port), &e);
	if (!c)
		return;
	c->s.arg[0] = before_key;
	put_ends(&c->s, NULL, 0, e.local, e.local_port);
	sample_send(c, true);
}

SEC("tp")
int
net_listen(struct exit_context *ctx)
{
	struct task_state *st;
	struct sock *sk;
	__u64 before_key;

	if (ctx->ret != 0)
		return 0;
	st = task_listener(&before_key);
	if (!st)
		return 0;
	sk = sock_of(call_arg(0));
	if (sk)
		tell_listen(st, sk, before_key);
	return 0;
}

/* Datagram sockets do not listen: binding one to a port is as much. */
SEC("tp")
int
net_bind(struct exit_context *ctx)
{
	struct task_state *st;
	struct sock *sk;
	__u16 head[2] = { 0 };
	__u64 before_key;

	if (ctx->ret != 0)
		return 0;
	bpf_probe_read_user(head, sizeof(head), (const void *)call_arg(1));
	if ((head[0] != FAMILY_INET && head[0] != FAMILY_INET6) || !head[1])
		return 0;
	sk = sock_of(call_arg(0));
	if (!sk || BPF_CORE_READ(sk, sk_type) != TYPE_DGRAM)
		return 0;
	st = task_listener(&before_key);
	if (st)
		tell_listen(st, sk, before_key);
	return 0;
}

/* A datagram to a peer: the cookie's path argument is the address, or its value argument a struct msghdr. */
SEC("tp")
int
net_send(struct exit_context *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), name = 0;
	struct task_state *st;
	struct ends e = { 0 };
	struct scratch *c;
	struct sock *sk;
	__u16 head[14] = { 0 };

	if (ctx->ret < 0)
		return 0;
	if (CALL_PATH(cookie) != CALL_NONE)
		name = call_arg(CALL_PATH(cookie));
	else
		bpf_probe_read_user(&name, sizeof(name), (const void *)call_arg(CALL_VALUE(cookie)));
	if (!name)
		return 0;
	st = task_watched();
	if (!st)
		return 0;
	bpf_probe_read_user(head, 28, (const void *)name);
	if (head[0] == FAMILY_INET) {
		e.remote[0] = head[2] | (__u64)head[3] << 16;
	} else if (head[0] == FAMILY_INET6) {
		__builtin_memcpy(e.remote, head + 4, 16);
	} else {
		return 0;
	}
	sk = sock_of(call_arg(0));
	if (!sk)
		return 0;
	e.family = head[0];
	e.proto = (__u8)BPF_CORE_READ(sk, sk_protocol);
	e.remote_port = swap16(head[1]);
	if (BPF_CORE_READ(sk, sk_type) != TYPE_DGRAM)
		return 0;
	c = net_start(st, DS_EVENT_SEND, mix(mix(mix(hash_seed, e.remote[0]), e.remote[1]), e.remote_port), &e);
	if (!c)
		return 0;
	put_ends(&c->s, NULL, 0, e.remote, e.remote_port);
	sample_send(c, is_urgent(&c->s));
	return 0;
}
