/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_owner - which process has a socket, from /proc/PID/fd; for net_diag. */
#ifndef AGENT_GUARD_SENSORS_NET_OWNER_H
#define AGENT_GUARD_SENSORS_NET_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct net_socket {
	uint32_t inode;
	pid_t pid; /* 0: not found */
	bool listens;
	uint8_t addr_len; /* 4 or 16 */
	uint16_t sport, dport;
	uint8_t saddr[16], daddr[16];
};

/* Fills in the pids: of several processes the one with the lowest pid, which is most often the
 * master. How many were found. */
size_t net_owner_find(struct net_socket *sockets, size_t len);

#endif
