/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spared - addresses that are never blocked because of who has them: agents whose hosts carry one
 * of the labels of [react] never_block_labels (load balancers, health checks), where their sessions
 * come from, or came from last.
 *
 * A list is immutable once made; the react thread makes a new one each round.
 */
#ifndef SERVER_REACT_SPARED_H
#define SERVER_REACT_SPARED_H

#include "server/react/hosts.h"

#define SPARED_MAX      512u /* more of them are left out */
#define SPARED_TEXT_MAX (SPARED_MAX * 128u)
#define SPARED_LIST_MAX 4096u /* of an order */

struct spared;

/* Where a host's session comes from, "192.0.2.1:4711", "[2001:db8::1]:4711"; false: it has none. */
struct spared_sessions {
	bool (*peer)(void *arg, uint32_t host, char *ret, size_t size); /* NULL: nobody knows */
	void *arg;
};

/* labels: comma-separated; "" spares nobody.  before: the list of a moment ago, or NULL.  NULL: no
 * memory. */
struct spared *spared_new(struct hosts *hosts, const char *labels,
    const struct spared_sessions *sessions, const struct spared *before, uint64_t now_ms);
void spared_free(void *spared);
/* The name of the host that has it, or NULL. */
const char *spared_find(const struct spared *s, const char *address);
/* As an order says it, a line for each address: how many there was no room for. */
size_t spared_list(const struct spared *s, char ret[SPARED_LIST_MAX]);
/* To be kept, and back: what a server that was started anew knows.  NULL: no memory. */
void spared_format(const struct spared *s, char ret[SPARED_TEXT_MAX]);
struct spared *spared_parse(const char *text);

#endif
