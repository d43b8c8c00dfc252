/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dial - finds a server that answers: resolves the list, then tries one address after the other
 * until a TLS handshake succeeds.
 *
 * Called by enrol and link on the uplink's only thread.  In TLS 1.3 the server checks our
 * certificate only after our side of the handshake: that it does not want us shows in the session,
 * not here.
 */
#ifndef AGENT_UPLINK_DIAL_H
#define AGENT_UPLINK_DIAL_H

#include "lib/conn.h"

struct dial;

/* Calls done once, from the loop, unless cancelled before; the dial is over then.  conn: the
 * caller's, handshake done, detached; NULL when nobody answered, and why says it of the last that
 * was tried. tls and limits are borrowed, limits for as long as conn lives.  NULL: no memory. */
struct dial *dial_start(struct event_base *base, const char *list, struct ds_tls *tls,
    const struct ds_conn_limits *limits,
    void (*done)(struct ds_conn *conn, const char *why, void *ctx), void *ctx);
void dial_cancel(struct dial *d);

#endif
