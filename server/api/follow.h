/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow - streams of events as they are stored, one JSON document a line, and of changes
 * (stream.h).
 *
 * One thread with a reader of its own looks for new segments when the writer has committed, and
 * fills each follower's queue of chunks.  A follower whose client reads slowly is not advanced: it
 * goes on from its position later, so nothing is dropped and nothing grows.
 */
#ifndef SERVER_API_FOLLOW_H
#define SERVER_API_FOLLOW_H

#include "lib/mailbox.h"
#include "server/api/caller.h"
#include "server/api/query.h"
#include "server/store/store.h"

#include <sys/types.h>

#define FOLLOWERS_MAX        1024u /* of changes; */
#define FOLLOWERS_EVENTS_MAX 32u   /* of events, which cost a search each */

struct api_config;
struct follow;
struct follower;

struct follow_request {
	unsigned topics;               /* of changes (stream_topic()); 0: a stream of events */
	uint64_t change;               /* changes: begins behind it */
	struct query *query;           /* events: taken */
	struct segment_position after; /* begins behind it */
	uint64_t time_min_us;          /* not what happened before; 0: open */
	struct caller caller;          /* who follows */
	const char *scope;             /* what that needs, static */
};

/* About once a second, on the thread: `tick`, for whoever else has little to do, and `may_stay` for
 * each follower.  Whose token was revoked or whose session ended hears no more. */
struct follow *follow_start(const struct api_config *cfg, void (*tick)(void *ctx),
    bool (*may_stay)(void *ctx, const struct caller *caller, const char *scope), void *ctx);
/* Ends every stream; the thread is gone afterwards.  Then, when no follower is left, free it. */
void follow_stop(struct follow *f);
void follow_free(struct follow *f);
/* A new stream; takes the request.  `wake` is called on the follower's thread when follower_read()
 * said that there was nothing and now there is.  NULL: too many, or no memory (the request is freed
 * anyhow). */
struct follower *follow_add(
    struct follow *f, struct follow_request *req, void (*wake)(void *ctx), void *ctx);
/* Copies what is there: bytes, 0: nothing yet and `wake` will be called, -1: the stream has ended.
 * `sleep` is called before wake can be. */
ssize_t follower_read(
    struct follower *w, char *buf, size_t max, void (*sleep)(void *ctx), void *ctx);
/* The client has gone; no wake after it returned. */
void follower_close(struct follower *w);
void follow_request_free(struct follow_request *req);
unsigned follow_count(const struct follow *f);

#endif
