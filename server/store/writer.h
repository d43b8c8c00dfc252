/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer - the one thread that writes: group commit, then the acks.
 *
 * It takes everything from its mailbox, runs each request inside one transaction, commits once,
 * then calls every `done` (on the writer's thread: it must only hand over to a mailbox).  What
 * others decide about something that is being written comes into the same transaction when it
 * comes at once, so that both are on disk by one sync, and neither without the other.  A request
 * that fails alone is rolled back to its savepoint; when the commit fails, every done gets that
 * error (-ENOSPC: the disk is full).
 */
#ifndef SERVER_STORE_WRITER_H
#define SERVER_STORE_WRITER_H

#include "lib/mailbox.h"
#include "server/store/store.h"

struct writer;

struct write_request {
	struct ds_mail mail; /* first */
	/* 0, or -errno which done gets. */
	int (*run)(
	    struct write_request *req, const struct store_backend *backend, struct store *store);
	/* The request is the callee's again, to free or reuse. */
	void (*done)(struct write_request *req, int result);
	uint32_t events; /* counted in the statistics once it is committed */
	/* Told as soon as the control plane is committed: it has nothing in the event plane. */
	bool is_control;
	/* Filled by run: so many answers to what it told others come within moments; the
	 * transaction waits for them, but not for long. */
	unsigned asked;
	/* 0, or the transaction about which it was decided: when that came to nothing, so does
	 * this (-ECANCELED), for it will be decided about once more. */
	uint64_t with;
	bool is_answer; /* the last of what is decided about `with`; its run may be NULL */
};

/* Starts the thread; opens the store on it.  NULL and a sentence on failure. */
struct writer *writer_start(const struct store_backend *backend, const struct store_config *cfg,
    char *ret_why, size_t why_size);
/* Commits what is there, then ends the thread. */
void writer_stop(struct writer *w);
/* Any thread.  -EAGAIN when the mailbox is full: the caller keeps the request. */
DS_MUST_CHECK int writer_post(struct writer *w, struct write_request *req);

/* Posts, and waits for the commit on a mailbox of the caller's that nobody else puts to (any size):
 * what `run` returned, or why nothing was committed. */
DS_MUST_CHECK int writer_run(struct writer *w, struct ds_mailbox *replies,
    int (*run)(const struct store_backend *backend, struct store *store, void *ctx), void *ctx);

/* Within run: the number of its transaction, for the `with` of others. */
uint64_t writer_transaction(const struct writer *w);

/* Any thread: for the next `ms`, segments stay as they are, so that a search sees them so from its
 * beginning to its bookmark.  Not without end: housekeeping gets its turn. */
void writer_keep_segments(struct writer *w, uint64_t ms);

/* Any thread: where those who read page after page go on; the writer's. */
struct bookmarks *writer_bookmarks(struct writer *w);

struct writer_stats {
	uint64_t commits, commit_us_total, commit_us_max, batches, events, failures, backlog;
	int last_error;
};
void writer_get_stats(struct writer *w, struct writer_stats *ret);

#endif
