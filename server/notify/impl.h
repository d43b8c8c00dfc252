/* SPDX-License-Identifier: GPL-2.0-or-later */
/* impl - what the files of server/notify share of the running thread; nobody else includes it. */
#ifndef SERVER_NOTIFY_IMPL_H
#define SERVER_NOTIFY_IMPL_H

#include "lib/mailbox.h"
#include "lib/map.h"
#include "server/notify/host_names.h"
#include "server/notify/message.h"
#include "server/notify/notify.h"
#include "server/notify/route.h"
#include "server/notify/sender.h"
#include "server/notify/siem.h"
#include "server/store/writer.h"

#include <pthread.h>
#include <stdatomic.h>

#define NOTIFY_CURSOR "notify_cursor" /* the setting with our place in the table of changes */

struct channel {
	const char *name;
	const struct channel_config *cfg;
	char secret[512];
	unsigned flying;        /* requests under way */
	uint64_t wait_until_us; /* the receiver asked for patience */
	struct route_digest digest;
	bool has_held;
	struct route_rate rate;
};

struct notify {
	struct notify_config cfg;
	struct channel *channels;
	size_t channels_len;
	struct reader *reader;
	struct ds_mailbox *replies; /* of the writer */
	struct sender *sender;
	struct host_names *hosts;
	struct siem **siems; /* one for each channel that is a receiver of records */
	size_t siems_len;
	uint64_t cursor;  /* changes up to here are decided */
	uint64_t commits; /* the writer's, when we looked last */
	uint64_t prune_ms, look_ms;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
};

/* decide.c: what changed becomes messages. */
DS_MUST_CHECK int decide_begin(struct notify *n);
/* 1: there is more. */
DS_MUST_CHECK int decide_changes(struct notify *n);
/* deliver.c: messages become requests, and answers their end.  What waits for a channel that there
 * is no more becomes a dead letter at the start. */
DS_MUST_CHECK int deliver_begin(struct notify *n);
DS_MUST_CHECK int deliver_due(struct notify *n, uint64_t now_us);
void deliver_answers(struct notify *n);
/* held.c: held messages that are due become digests. */
DS_MUST_CHECK int held_tell(struct notify *n, uint64_t now_us);

#endif
