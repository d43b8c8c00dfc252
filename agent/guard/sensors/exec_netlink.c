/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_netlink - starts, ends and changes of user from the kernel's proc connector.
 *
 * For kernels without BPF.  The connector speaks to the initial namespaces only, and says who, not
 * what: the rest is read from /proc, too late for a process that ends at once.
 */
#include "agent/guard/emit.h"
#include "agent/guard/process.h"
#include "agent/guard/sensors/exec_track.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/fold.h"
#include "lib/event.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACK_MS  300
#define BATCH   512u /* messages a drain */
#define RECEIVE (4 << 20)
#define MESSAGE (NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(struct proc_event)) + 256)

static int fd = -1;
static uint64_t lost;
static bool resync; /* something was lost: look at /proc again */

static int
subscribe(enum proc_cn_mcast_op op)
{
	const struct cn_msg message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(op) };
	uint8_t request[NLMSG_LENGTH(sizeof(message) + sizeof(op))];
	const struct nlmsghdr header = { .nlmsg_len = sizeof(request), .nlmsg_type = NLMSG_DONE };

	memcpy(request, &header, sizeof(header));
	memcpy(request + NLMSG_HDRLEN, &message, sizeof(message));
	memcpy(request + NLMSG_HDRLEN + sizeof(message), &op, sizeof(op));
	return send(fd, request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* The event in one datagram of the kernel's, or NULL. */
static const struct proc_event *
parse(const uint8_t *data, size_t size)
{
	static struct proc_event event;
	struct nlmsghdr header;
	struct cn_msg message;
	size_t head = NLMSG_HDRLEN + sizeof(message);

	if (size < head)
		return NULL;
	memcpy(&header, data, sizeof(header));
	memcpy(&message, data + NLMSG_HDRLEN, sizeof(message));
	if (header.nlmsg_type != NLMSG_DONE || message.id.idx != CN_IDX_PROC ||
	    message.id.val != CN_VAL_PROC || message.len > size - head)
		return NULL;
	event = (struct proc_event){ 0 };
	memcpy(&event, data + head, DS_MIN((size_t)message.len, sizeof(event)));
	return &event;
}

/* 1: one event, ret set (NULL: not for us); 0: none waits; -errno. */
static int
receive(const struct proc_event **ret)
{
	static uint8_t data[MESSAGE];
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(
	    fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)(void *)&from, &from_len);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	*ret = from.nl_pid == 0 ? parse(data, (size_t)n) : NULL;
	return 1;
}

/* In a namespace of its own the request is swallowed without a word: only the answer proves that
 * events will come. */
static int
wait_for_answer(void)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const struct proc_event *ev = NULL;

	if (poll(&p, 1, ACK_MS) <= 0 || receive(&ev) <= 0 || ev == NULL)
		return -EOPNOTSUPP;
	if (ev->what == PROC_EVENT_NONE && ev->event_data.ack.err != 0)
		return -(int)ev->event_data.ack.err;
	return 0;
}

static void
netlink_close(void)
{
	if (fd >= 0) {
		(void)subscribe(PROC_CN_MCAST_IGNORE); /* it ends with the socket anyway */
		(void)close(fd);
	}
	fd = -1;
	track_end();
}

static int
netlink_open(void)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int size = RECEIVE, r;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* less will do */
	r = bind(fd, (const struct sockaddr *)(const void *)&here, sizeof(here)) < 0 ? -errno : 0;
	if (r == 0)
		r = subscribe(PROC_CN_MCAST_LISTEN);
	if (r == 0)
		r = wait_for_answer();
	if (r == 0)
		r = track_begin();
	if (r < 0) {
		netlink_close();
		return r;
	}
	lost = 0;
	return fd;
}

static void
handle(const struct proc_event *ev)
{
	switch ((unsigned)ev->what) {
	case PROC_EVENT_FORK:
		if (ev->event_data.fork.child_pid == ev->event_data.fork.child_tgid)
			track_fork(ev->event_data.fork.parent_tgid, ev->event_data.fork.child_tgid);
		break;
	case PROC_EVENT_EXEC:
		track_exec(ev->event_data.exec.process_tgid);
		break;
	case PROC_EVENT_UID:
		track_id(ev->event_data.id.process_tgid, DS_EVENT_SETUID, ev->event_data.id.e.euid);
		break;
	case PROC_EVENT_GID:
		track_id(ev->event_data.id.process_tgid, DS_EVENT_SETGID, ev->event_data.id.e.egid);
		break;
	case PROC_EVENT_EXIT:
		if (ev->event_data.exit.process_pid == ev->event_data.exit.process_tgid)
			track_exit(
			    ev->event_data.exit.process_tgid, (int)ev->event_data.exit.exit_code);
		break;
	default:
		break;
	}
}

static int
netlink_drain(void)
{
	int count = 0;

	while (count < (int)BATCH) {
		const struct proc_event *ev = NULL;
		int r = receive(&ev);

		if (r == -ENOBUFS) {
			lost++; /* at least one; the kernel does not say how many */
			resync = true;
			emit_gap(
			    "exec_netlink", 1, 0, "the kernel's queue of process events was full");
			continue;
		}
		if (r < 0)
			return r;
		if (r == 0)
			break;
		if (ev != NULL)
			handle(ev);
		count++;
	}
	return count;
}

static int
found(pid_t pid, void *ctx)
{
	(void)ctx;
	(void)track_found(pid, true);
	return 0;
}

static void
netlink_tick(uint64_t now_ms)
{
	fold_tick(now_ms);
	if (!resync)
		return;
	resync = false;
	if (process_each(found, NULL) == 0)
		track_forget();
}

static uint64_t
netlink_lost(void)
{
	return lost;
}

const struct sensor sensor_exec_netlink = {
	.name = "exec_netlink",
	.replaces = "exec",
	.kinds = 1ull << DS_EVENT_EXEC | 1ull << DS_EVENT_EXIT | 1ull << DS_EVENT_SETUID |
		 1ull << DS_EVENT_SETGID | 1ull << DS_EVENT_EXEC_MEMORY |
		 1ull << DS_EVENT_EXEC_DELETED,
	.blind = "path and arguments of what ends within a millisecond",
	.open = netlink_open,
	.drain = netlink_drain,
	.tick = netlink_tick,
	.lost = netlink_lost,
	.close = netlink_close,
};
