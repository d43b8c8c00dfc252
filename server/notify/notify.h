/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify - tells people: from what changed in the store, by channels, to the receivers' answer.
 *
 * One thread.  It follows the store's table of changes from a place that it keeps there, decides
 * for each alert and channel whether there is something to tell (route.h), and writes messages in
 * the same transaction as its place: what was decided is on disk before it is sent, and is sent at
 * least once whatever crashes.  What comes in quiet hours or above a channel's rate is held and
 * told in a digest; what a receiver never takes stays as a dead letter.
 */
#ifndef SERVER_NOTIFY_NOTIFY_H
#define SERVER_NOTIFY_NOTIFY_H

#include "server/notify/channel.h"
#include "server/store/store.h"

struct notify;
struct writer;

struct notify_config {
	const struct store_backend *backend;
	const struct store_config *store;     /* for a reader; borrowed until stop */
	struct writer *writer;                /* borrowed until stop */
	const struct ds_conf_named *channels; /* struct channel_config; borrowed until stop */
	const char *link;                     /* where the dashboard is, or "" */
};

/* NULL and a sentence on failure. */
struct notify *notify_start(const struct notify_config *cfg, char *ret_why, size_t why_size);
void notify_stop(struct notify *n);

#endif
