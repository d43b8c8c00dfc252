/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exporter - the agent's figures for Prometheus, by libevent's HTTP server: GET /metrics, and
 * nothing else.
 *
 * On the uplink's loop.  Off unless [exporters] prometheus says so, and then on this machine only
 * unless prometheus_listen says otherwise; it takes no input but the request's path.
 */
#ifndef AGENT_UPLINK_EXPORTER_H
#define AGENT_UPLINK_EXPORTER_H

#include "lib/compiler.h"

#include <stddef.h>

struct evbuffer;
struct event_base;
struct exporter;

/* A listening socket, before the filter of system calls closes the door, or -errno. */
DS_MUST_CHECK int exporter_listen(const char *address, unsigned port);
/* Takes over the socket; closes it even on failure (NULL).  `write` puts the text of an answer. */
struct exporter *exporter_new(
    struct event_base *base, int fd, void (*write)(struct evbuffer *out, void *ctx), void *ctx);
void exporter_free(struct exporter *e);

#endif
