/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sender - sends requests of channels by libcurl, several at once, without blocking.
 *
 * On the notify thread.  Bounded: SENDER_MAX at once, time, size of an answer.  No redirects; only
 * http, https, smtp and smtps.  Addresses of this machine, of its links and of cloud metadata
 * (private_address.h) are refused unless the channel allows private ones: who may write a channel's
 * address must not reach what only this machine can.
 */
#ifndef SERVER_NOTIFY_SENDER_H
#define SERVER_NOTIFY_SENDER_H

#include "server/notify/channel.h"

#define SENDER_MAX 64u

struct sender;

enum sender_end {
	SENDER_SENT,
	SENDER_RETRY, /* later: it may work then */
	SENDER_DEAD,  /* never: the receiver refuses it */
};

struct sender_result {
	void *ctx;
	enum sender_end end;
	unsigned wait_s; /* the receiver says how long; 0: it does not */
	char error[200];
};

/* NULL: no memory. */
struct sender *sender_new(void);
void sender_free(struct sender *s);
/* How many are under way. */
unsigned sender_busy(const struct sender *s);
/* Starts; copies what it needs of cfg and takes over the request's body.  0, -EAGAIN (as many as
 * may be are under way), -ENOMEM. */
DS_MUST_CHECK int sender_start(struct sender *s, const struct channel_config *cfg,
    const char *secret, struct channel_request *request, void *ctx);
/* Works for at most wait_ms, or until sender_wake(). */
void sender_run(struct sender *s, int wait_ms);
/* The next that ended; false: none. */
bool sender_next(struct sender *s, struct sender_result *ret);
/* Any thread. */
void sender_wake(struct sender *s);

#endif
