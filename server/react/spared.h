/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spared - addresses that are never blocked because of who has them: agents whose hosts carry one
 * of the labels of [react] never_block_labels (load balancers, health checks), where their sessions
 * come from now.
 *
 * A list is immutable once made; the react thread makes a new one each round.
 */
#ifndef SERVER_REACT_SPARED_H
#define SERVER_REACT_SPARED_H

#include "server/react/hosts.h"

#define SPARED_MAX 1024u

struct spared;

/* Where a host's session comes from: "192.0.2.1:4711", "[2001:db8::1]:4711". */
struct spared_peer {
	uint32_t host;
	char peer[64];
};

/* labels: comma-separated; "" spares nobody.  NULL: no memory. */
struct spared *spared_new(struct hosts *hosts, const char *labels, const struct spared_peer *peers,
    size_t len, uint64_t now_ms);
void spared_free(void *spared);
/* The name of the host that has it, or NULL. */
const char *spared_find(const struct spared *s, const char *address);

#endif
