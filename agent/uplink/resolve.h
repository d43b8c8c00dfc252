/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolve - addresses of "host:port[,host:port]" without blocking the loop.
 *
 * getaddrinfo() on a thread of its own, one at a time: it follows nsswitch.conf, /etc/hosts, mDNS
 * and whatever else this machine is set up for, which evdns does not, and it needs no second
 * program with rights of its own, as a forked helper would.  The thread gets a copy and answers by
 * mailbox; one that hangs is left alone and its answer is thrown away.  Literal addresses need no
 * thread.
 */
#ifndef AGENT_UPLINK_RESOLVE_H
#define AGENT_UPLINK_RESOLVE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <sys/socket.h>

#define RESOLVE_MAX  16 /* addresses */
#define RESOLVE_PORT "7443"

struct event_base;
struct resolve;

struct resolve_answer {
	struct {
		struct sockaddr_storage sa;
		socklen_t size;
	} addresses[RESOLVE_MAX]; /* in the order of the list */
	size_t len;
	char why[200]; /* what failed, of the last host that did */
};

/* Calls done once, from the loop, unless cancelled before; the resolve is over then.  NULL: no
 * memory or no threads. */
struct resolve *resolve_start(struct event_base *base, const char *list,
    void (*done)(const struct resolve_answer *answer, void *ctx), void *ctx);
void resolve_cancel(struct resolve *r);
/* Takes the first host and port (RESOLVE_PORT when there is none) from a list and moves it on: 1, 0
 * at the end, -EINVAL.  "host", "host:port", "192.0.2.1:7443", "[2001:db8::1]:7443". */
DS_MUST_CHECK int resolve_next(
    const char **list, char *ret_host, size_t host_size, char *ret_port, size_t port_size);

#endif
