/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logs - the login sensor: reads logins from the journal, or from the log files where there is
 * none.
 *
 * On the uplink's only thread.  Where it stands travels with its events into the spool (the
 * batcher asks logs_notes() when it packs a batch that has some), so that a crash neither loses
 * nor repeats a login.
 */
#ifndef AGENT_UPLINK_LOGS_LOGS_H
#define AGENT_UPLINK_LOGS_LOGS_H

#include "agent/config.h"
#include "lib/buf.h"
#include "lib/event.h"

struct event_base;
struct logs;

#define LOGS_NOTES_MAX 8192u /* bytes */

struct logs_ops {
	void (*event)(const struct ds_event *ev, void *ctx);
	/* A log was rotated to a file that this user may not read: the uplink must start again, as
	 * root, to open it. */
	void (*restart)(void *ctx);
};

/* While still root: opens the logs and watches them.  Never fails but for memory: what cannot be
 * read is told in the log. */
struct logs *logs_new(const struct agent_config *cfg);
void logs_free(struct logs *l);
/* Begins to read, where the notes of an earlier run say, or at the end.  0 or -errno. */
DS_MUST_CHECK int logs_start(struct logs *l, struct event_base *base, const void *notes,
    size_t size, const struct logs_ops *ops, void *ctx);
/* Follows what has come of the filters' logs, as it does every minute. */
void logs_look_again(struct logs *l);
/* Appends where it stands: everything before was given to `event`. */
DS_MUST_CHECK int logs_notes(const struct logs *l, struct ds_buf *b);
/* "journal", "/var/log/auth.log, ..." or "" for none: for the status. */
void logs_describe(const struct logs *l, char *ret, size_t size);

#endif
