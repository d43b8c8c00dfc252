/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem - feeds a receiver of records (type = syslog, type = file): alerts, reactions and the audit
 * log, one by one, each when it is new and when it changed.
 *
 * A thread for each receiver.  The store is the spool: the thread follows its table of changes from
 * a place that it keeps there, and the place moves on only when the receiver has everything up to
 * it (siem_link.h), so what was missed while it was away, and nothing else, is sent when it is
 * back. When more changed meanwhile than the table keeps, all that changed since then is looked up
 * and sent.  What was on its way while a connection broke may come twice; its event id tells.
 */
#ifndef SERVER_NOTIFY_SIEM_H
#define SERVER_NOTIFY_SIEM_H

#include "server/notify/channel.h"
#include "server/notify/notify.h"

struct siem;

/* cfg, name and channel are borrowed until stop.  NULL and a sentence. */
struct siem *siem_start(const struct notify_config *cfg, const char *name,
    const struct channel_config *channel, char *ret_why, size_t why_size);
void siem_stop(struct siem *s);

#endif
