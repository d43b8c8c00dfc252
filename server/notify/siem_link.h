/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_link - carries messages to a SIEM: syslog over TLS (RFC 5425), TCP (RFC 6587, counted) or
 * UDP (RFC 5426), or lines into a file.
 *
 * Syslog has no acknowledgement.  What is confirmed here is that the receiver's kernel has every
 * byte; a receiver that goes away in order has then read them (a socket closed with unread bytes
 * answers by a reset, at once or after its end; over TLS, who has read all says so).  So after a
 * reset, a time-out, or an end without TLS's own word, what was confirmed last may be missing, and
 * siem.c sends it again.
 *
 * One thread; blocks for at most SIEM_TIMEOUT_MS.
 */
#ifndef SERVER_NOTIFY_SIEM_LINK_H
#define SERVER_NOTIFY_SIEM_LINK_H

#include "server/notify/channel.h"
#include "server/notify/siem_address.h"

#include <stdatomic.h>

#define SIEM_TIMEOUT_MS 10000

struct siem_link;

/* Borrows cfg and stop, which ends waits early.  NULL and a sentence. */
struct siem_link *siem_link_new(
    const struct channel_config *cfg, const _Atomic bool *stop, char *ret_why, size_t why_size);
void siem_link_free(struct siem_link *l);
/* Opens what is not open.  0 or -errno and a sentence. */
DS_MUST_CHECK int siem_link_open(struct siem_link *l, char *ret_why, size_t why_size);
/* Whether it is open and nobody closed it meanwhile; *ret_broken: it ended out of order. */
bool siem_link_is_open(struct siem_link *l, bool *ret_broken);
/* TCP or TLS: what was confirmed may be unread. */
bool siem_link_is_stream(const struct siem_link *l);
/* One message.  On failure the link is closed. */
DS_MUST_CHECK int siem_link_put(
    struct siem_link *l, const void *data, size_t size, char *ret_why, size_t why_size);
/* Waits until all that was put is with the receiver (in the file).  On failure it is closed. */
DS_MUST_CHECK int siem_link_confirm(struct siem_link *l, char *ret_why, size_t why_size);

#endif
