/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net_diag - listening and established TCP connections of watched daemons, by asking sock_diag once
 * a second.
 *
 * For kernels without BPF.  A socket that was not there the last time is looked for in /proc/PID/fd
 * (net_owner.c); a local port that somebody listens on means that the connection was accepted.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/identity.h"
#include "agent/guard/process.h"
#include "agent/guard/resource.h"
#include "agent/guard/sensors/exec_track.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/fold.h"
#include "agent/guard/sensors/net_owner.h"
#include "lib/clock.h"
#include "lib/event.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define KNOWN_MAX 65536u /* sockets remembered; a power of two */
#define NEW_MAX   1024u  /* looked for in one round */
#define STATES \
	(1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_LISTEN | 1u << TCP_CLOSE_WAIT)

static int timer = -1, netlink = -1;
static uint64_t lost;
static bool first_round;
/* Inodes of sockets that were there the last time, and those of this time; open addressing. */
static uint32_t *known, *present;
static size_t known_cap, present_cap, present_len;
static uint64_t listening[65536 / 64]; /* local ports */
static struct net_socket fresh[NEW_MAX];
static size_t fresh_len;

static bool
set_has(const uint32_t *set, size_t cap, uint32_t inode)
{
	if (cap == 0)
		return false;
	for (size_t i = (inode * 2654435769u) & (cap - 1); set[i] != 0; i = (i + 1) & (cap - 1))
		if (set[i] == inode)
			return true;
	return false;
}

static void
set_put(uint32_t *set, size_t cap, uint32_t inode)
{
	size_t i = (inode * 2654435769u) & (cap - 1);

	while (set[i] != 0 && set[i] != inode)
		i = (i + 1) & (cap - 1);
	set[i] = inode;
}

static bool
present_add(uint32_t inode)
{
	if (present_len * 2 >= present_cap) {
		size_t cap = DS_MAX(present_cap * 2, (size_t)512);
		uint32_t *more = cap <= 2 * KNOWN_MAX ? calloc(cap, sizeof(*more)) : NULL;

		if (more == NULL)
			return false;
		for (size_t i = 0; i < present_cap; i++)
			if (present[i] != 0)
				set_put(more, cap, present[i]);
		free(present);
		present = more;
		present_cap = cap;
	}
	set_put(present, present_cap, inode);
	present_len++;
	return true;
}

static void
take_socket(const struct inet_diag_msg *m)
{
	struct net_socket *s;

	if (m->idiag_state == TCP_LISTEN)
		listening[ntohs(m->id.idiag_sport) / 64] |= 1ull << ntohs(m->id.idiag_sport) % 64;
	if (m->idiag_inode == 0)
		return; /* nobody's: in the backlog, or closed */
	if (!present_add(m->idiag_inode) ||
	    (fresh_len == NEW_MAX && !set_has(known, known_cap, m->idiag_inode))) {
		lost++;
		return;
	}
	if (set_has(known, known_cap, m->idiag_inode))
		return;
	s = &fresh[fresh_len++];
	*s = (struct net_socket){
		.inode = m->idiag_inode,
		.listens = m->idiag_state == TCP_LISTEN,
		.sport = ntohs(m->id.idiag_sport),
		.dport = ntohs(m->id.idiag_dport),
		.addr_len = m->idiag_family == AF_INET6 ? 16 : 4,
	};
	memcpy(s->saddr, m->id.idiag_src, s->addr_len);
	memcpy(s->daddr, m->id.idiag_dst, s->addr_len);
}

static int
ask(uint8_t family)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .sdiag_family = family,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_states = STATES },
	};

	return send(netlink, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* One datagram of answers: 1: more follow, 0: that was all, -errno. */
static int
read_answers(void)
{
	static uint8_t data[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(netlink, data, sizeof(data), 0);
	size_t left = n > 0 ? (size_t)n : 0;

	if (n < 0)
		return -errno;
	for (size_t at = 0; left >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr header;
		struct inet_diag_msg m;
		size_t step;

		memcpy(&header, data + at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > left)
			return -EBADMSG;
		if (header.nlmsg_type == NLMSG_DONE)
			return 0;
		if (header.nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof(m)) {
			memcpy(&m, data + at + NLMSG_HDRLEN, sizeof(m));
			take_socket(&m);
		}
		step = DS_MIN((size_t)NLMSG_ALIGN(header.nlmsg_len), left);
		at += step;
		left -= step;
	}
	return 1;
}

static int
list(uint8_t family)
{
	int r = ask(family);

	if (r < 0)
		return r;
	do
		r = read_answers();
	while (r == 1 || r == -EINTR);
	return r;
}

static void
tell(const struct net_socket *s, const struct daemon *d)
{
	bool accepted = (listening[s->sport / 64] >> s->sport % 64 & 1) != 0;
	uint8_t kind = s->listens ? DS_EVENT_LISTEN : accepted ? DS_EVENT_ACCEPT : DS_EVENT_CONNECT;
	struct ds_event ev = { .kind = kind, .count = 1, .flags = DS_FLAG_FALLBACK };
	char exe[PROCESS_PATH_MAX];
	uint8_t key[20];
	uint32_t uid;

	ev.time_us = ds_clock_wall_us();
	ev.daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev.num[DS_NUM_PID] = (uint64_t)s->pid;
	ev.num[DS_NUM_PROTO] = IPPROTO_TCP;
	if (process_uid(s->pid, &uid) == 0)
		ev.num[DS_NUM_UID] = uid;
	if (process_exe(s->pid, exe, sizeof(exe), NULL) == 0)
		ds_event_set_str(&ev, DS_STR_EXE, exe, strlen(exe));
	if (first_round)
		ev.flags |= DS_FLAG_INITIAL;
	/* The connecting side is the source. */
	ev.num[DS_NUM_DPORT] = s->listens || accepted ? s->sport : s->dport;
	ev.num[DS_NUM_SPORT] = s->listens ? 0 : accepted ? s->dport : s->sport;
	ds_event_set_str(
	    &ev, DS_STR_DADDR, s->listens || accepted ? s->saddr : s->daddr, s->addr_len);
	if (!s->listens)
		ds_event_set_str(&ev, DS_STR_SADDR, accepted ? s->daddr : s->saddr, s->addr_len);
	memcpy(key, accepted || s->listens ? s->saddr : s->daddr, s->addr_len);
	if (accepted)
		memcpy(key, s->daddr, s->addr_len); /* who connects, to which port of ours */
	memcpy(key + s->addr_len, &ev.num[DS_NUM_DPORT], 2);
	fold_event(&ev, key, s->addr_len + 2u);
}

/* By what the process was when it forked and executed, where that is known: a daemon that executed
 * another program is what it was. */
static const struct daemon *
daemon_of_owner(const struct net_socket *s)
{
	const struct daemon *d = daemon_get(track_daemon(s->pid));

	if (s->listens && (d == NULL || d->role == DAEMON_SESSION || d->role == DAEMON_PACKAGE))
		return daemon_of_listener(s->pid, NULL);
	return d != NULL ? d : daemon_of_process(s->pid);
}

static void
handle_fresh(void)
{
	size_t found = net_owner_find(fresh, fresh_len);

	(void)found; /* others belong to processes that have gone */
	for (size_t i = 0; i < fresh_len; i++) {
		struct net_socket *s = &fresh[i];
		const struct daemon *d;

		if (s->pid == 0)
			continue;
		d = daemon_of_owner(s);
		if (d == NULL || !d->watched)
			continue;
		if (s->listens) {
			identity_seen(d->number, s->pid, first_round);
			resource_assign(s->pid, d->number);
			track_set(s->pid, d->number);
		}
		tell(s, d);
	}
}

static int
look(void)
{
	uint64_t lost_before = lost;
	int r;

	fresh_len = present_len = 0;
	for (size_t i = 0; i < present_cap; i++)
		present[i] = 0;
	for (size_t i = 0; i < DS_LEN(listening); i++)
		listening[i] = 0;
	r = list(AF_INET);
	if (r == 0)
		r = list(AF_INET6);
	if (r < 0)
		return r;
	if (lost > lost_before)
		emit_gap("net_diag", lost - lost_before, 0, "too many connections at a time");
	if (fresh_len > 0)
		handle_fresh();
	r = (int)fresh_len;
	/* What is present now is known the next time; the old set is cleared then. */
	{
		uint32_t *set = known;
		size_t cap = known_cap;

		known = present;
		known_cap = present_cap;
		present = set;
		present_cap = cap;
	}
	first_round = false;
	return r;
}

static void
diag_close(void)
{
	if (timer >= 0)
		(void)close(timer);
	if (netlink >= 0)
		(void)close(netlink);
	timer = netlink = -1;
	free(known);
	free(present);
	known = present = NULL;
	known_cap = present_cap = 0;
}

static int
diag_open(void)
{
	struct itimerspec period = { .it_interval = { .tv_sec = 1 }, .it_value = { .tv_sec = 1 } };
	struct timeval patience = { .tv_sec = 1 };
	int r;

	netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = netlink < 0 || timer < 0 ||
		    setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
		    timerfd_settime(timer, 0, &period, NULL) < 0
		? -errno
		: 0;
	lost = 0;
	first_round = true;
	if (r == 0)
		r = look();
	if (r < 0) {
		diag_close();
		return r;
	}
	return timer;
}

static int
diag_drain(void)
{
	uint64_t expired;

	if (read(timer, &expired, sizeof(expired)) < 0)
		return errno == EAGAIN ? 0 : -errno;
	return look();
}

static uint64_t
diag_lost(void)
{
	return lost;
}

const struct sensor sensor_net_diag = {
	.name = "net_diag",
	.replaces = "net",
	.kinds = 1ull << DS_EVENT_CONNECT | 1ull << DS_EVENT_ACCEPT | 1ull << DS_EVENT_LISTEN,
	.blind =
	    "what is shorter than a second, failed connections, unix sockets, other network namespaces",
	.open = diag_open,
	.drain = diag_drain,
	.tick = fold_tick,
	.lost = diag_lost,
	.close = diag_close,
};
