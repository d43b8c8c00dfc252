/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sockets - TCP connections by sock_diag.
 *
 * Called by never, cut and isolate.  A socket of its own for each question: questions are rare.
 */
#include "agent/guard/reactions/sockets.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/inside.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 32768u
#define ESTABLISHED                                                                              \
	(1u << TCP_ESTABLISHED | 1u << TCP_SYN_RECV | 1u << TCP_SYN_SENT | 1u << TCP_FIN_WAIT1 | \
	    1u << TCP_FIN_WAIT2 | 1u << TCP_CLOSE_WAIT)
/* In the kernel's struct tcp_info since it has been there. */
#define LAST_ACK_OFFSET offsetof(struct tcp_info, tcpi_last_ack_recv)

struct walk {
	int (*call)(const struct connection *c, void *ctx);
	void *ctx;
	int result;
};

static int
take_info(const struct nlattr *attr, void *ctx)
{
	struct connection *c = ctx;

	if (mnl_attr_get_type(attr) == INET_DIAG_INFO &&
	    mnl_attr_get_payload_len(attr) >= LAST_ACK_OFFSET + sizeof(uint32_t))
		memcpy(&c->last_ack_ms,
		    (const uint8_t *)mnl_attr_get_payload(attr) + LAST_ACK_OFFSET,
		    sizeof(c->last_ack_ms));
	return MNL_CB_OK;
}

static int
on_message(const struct nlmsghdr *header, void *ctx)
{
	struct walk *w = ctx;
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(header);
	struct connection c = { .last_ack_ms = UINT32_MAX };
	size_t size;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*m))
		return MNL_CB_ERROR;
	size = m->idiag_family == AF_INET6 ? 16 : 4;
	if (network_of(m->id.idiag_src, size, &c.local) < 0 ||
	    network_of(m->id.idiag_dst, size, &c.remote) < 0)
		return MNL_CB_ERROR;
	c.local_port = ntohs(m->id.idiag_sport);
	c.remote_port = ntohs(m->id.idiag_dport);
	c.inode = m->idiag_inode;
	c.id = m->id;
	c.family = m->idiag_family;
	c.listens = m->idiag_state == TCP_LISTEN;
	if (mnl_attr_parse(header, sizeof(*m), take_info, &c) < 0)
		return MNL_CB_ERROR;
	w->result = w->call(&c, w->ctx);
	return w->result != 0 ? MNL_CB_STOP : MNL_CB_OK;
}

static struct nlmsghdr *
put_request(uint8_t *data, uint8_t family, uint16_t type, uint16_t flags,
    const struct inet_diag_req_v2 *request)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(data);
	struct inet_diag_req_v2 *body;

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = 1;
	body = mnl_nlmsg_put_extra_header(header, sizeof(*body));
	*body = *request;
	body->sdiag_family = family;
	body->sdiag_protocol = IPPROTO_TCP;
	return header;
}

static int
open_socket(void *ctx)
{
	struct mnl_socket **ret = ctx;

	*ret = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	return *ret == NULL ? -errno : 0;
}

/* Sends and reads all answers.  A socket belongs to the network in which it is made. */
static int
talk(int network, const struct nlmsghdr *request, mnl_cb_t call, void *ctx)
{
	static uint8_t data[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct timeval patience = { .tv_sec = 1 };
	struct mnl_socket *nl = NULL;
	int r = network == SOCKETS_HERE ? open_socket(&nl) : inside_call(network, open_socket, &nl);
	ssize_t n;

	if (r < 0)
		return r;
	if (setsockopt(
		mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		r = -errno;
	while (r >= 0) {
		n = mnl_socket_recvfrom(nl, data, sizeof(data));
		if (n < 0) {
			r = -errno;
			break;
		}
		r = mnl_cb_run(data, (size_t)n, 1, 0, call, ctx);
		if (r < 0)
			r = -errno;
		if (r <= MNL_CB_STOP)
			break;
	}
	(void)mnl_socket_close(nl);
	return r < 0 ? r : 0;
}

int
sockets_each(
    int network, bool listening, int (*call)(const struct connection *c, void *ctx), void *ctx)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct inet_diag_req_v2 request = { .idiag_states =
						listening ? 1u << TCP_LISTEN : ESTABLISHED,
		.idiag_ext = 1u << (INET_DIAG_INFO - 1) };
	uint8_t data[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk w = { call, ctx, 0 };
	int r;

	for (size_t i = 0; i < DS_LEN(families) && w.result == 0; i++) {
		r = talk(network,
		    put_request(data, families[i], SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request),
		    on_message, &w);
		if (r < 0 && r != -ENOENT) /* no IPv6 here */
			return r;
	}
	return w.result;
}

static int
ignore_message(const struct nlmsghdr *header, void *ctx)
{
	(void)header;
	(void)ctx;
	return MNL_CB_OK;
}

int
sockets_destroy(int network, const struct connection *c)
{
	struct inet_diag_req_v2 request = { .id = c->id };
	uint8_t data[256] __attribute__((aligned(NLMSG_ALIGNTO)));

	return talk(network, put_request(data, c->family, SOCK_DESTROY, NLM_F_ACK, &request),
	    ignore_message, NULL);
}

size_t
sockets_of(pid_t pid, uint32_t *ret, size_t max)
{
	int fd = process_open(pid, "fd");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	size_t n = 0;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	while (n < max && (entry = readdir(dir)) != NULL) {
		char target[40];
		ssize_t len = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);

		if (len <= 8 || memcmp(target, "socket:[", 8) != 0)
			continue;
		target[len] = '\0';
		ret[n++] = (uint32_t)strtoul(target + 8, NULL, 10);
	}
	(void)closedir(dir);
	return n;
}
