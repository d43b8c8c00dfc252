/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream - what changed, as Server-Sent Events: alerts, reactions, hosts, jobs.
 *
 * On the followers' thread (follow.c).  Positions are the sequence numbers of the store's table of
 * changes, so a client that comes back with Last-Event-ID misses nothing, also over a restart of
 * the server; who was away too long is told "reset" and reads everything anew.  A change is read
 * and its document written once, however many look on.
 */
#ifndef SERVER_API_STREAM_H
#define SERVER_API_STREAM_H

#include "server/api/api.h"

struct ds_buf;
struct searcher;
struct stream;

#define STREAM_NOW UINT64_MAX

/* NULL: no memory.  reader and searcher are borrowed until stream_free(). */
struct stream *stream_new(
    const struct api_config *cfg, struct reader *reader, struct searcher *searcher);
void stream_free(struct stream *s);
/* Bit of a topic; 0: there is no such topic. */
unsigned stream_topic(const char *name, size_t len);
/* Reads what is new; until the next time that is all there is. */
DS_MUST_CHECK int stream_refresh(struct stream *s);
/* Appends what came after *after (STREAM_NOW: nothing yet) of these topics (bits), about `size`
 * bytes at most, and moves it on.  1: there is more; 0; -errno. */
DS_MUST_CHECK int stream_read(
    struct stream *s, unsigned topics, uint64_t *after, struct ds_buf *out, size_t size);

#endif
