/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockets - the TCP connections of this or another network namespace, and their end, by sock_diag.
 */
#ifndef AGENT_GUARD_REACTIONS_SOCKETS_H
#define AGENT_GUARD_REACTIONS_SOCKETS_H

#include "agent/guard/reactions/network.h"

#include <linux/inet_diag.h>
#include <sys/types.h>

struct connection {
	struct network local, remote;
	uint16_t local_port, remote_port;
	uint32_t inode;
	uint32_t last_ack_ms; /* since the other side confirmed something; UINT32_MAX: not known */
	struct inet_diag_sockid id; /* for the kernel */
	uint8_t family;
	bool listens;
};

#define SOCKETS_HERE (-1) /* instead of the fd of a network namespace */

/* Calls for each established (or, `listening`, listening) connection until it returns other than 0,
 * which is returned; -errno. */
DS_MUST_CHECK int sockets_each(
    int network, bool listening, int (*call)(const struct connection *c, void *ctx), void *ctx);
/* 0, -ENOENT when it has gone, -EOPNOTSUPP, -errno. */
DS_MUST_CHECK int sockets_destroy(int network, const struct connection *c);
/* The inodes of a process's sockets; how many, at most max. */
size_t sockets_of(pid_t pid, uint32_t *ret, size_t max);

#endif
