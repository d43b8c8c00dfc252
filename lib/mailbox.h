/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailbox - hands objects to another thread: many put, one takes.  Bounded; what it refuses it
 * counts.
 *
 * One of the two homes of pthread_mutex.  An eventfd becomes readable when there is mail, for event
 * loops.
 */
#ifndef LIB_MAILBOX_H
#define LIB_MAILBOX_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* First member of what travels; the mailbox links objects, it never looks into them. */
struct ds_mail {
	struct ds_mail *next;
};

struct ds_mailbox;

/* Holds at most max_len objects.  NULL on failure. */
struct ds_mailbox *ds_mailbox_new(size_t max_len);
/* The mailbox must be empty, or what is in it leaks: take it first. */
void ds_mailbox_free(struct ds_mailbox *mb);
/* Hands `m` over: 0 and the taker owns it, or -EAGAIN when full (counted) and the caller still
 * does. */
DS_MUST_CHECK int ds_mailbox_put(struct ds_mailbox *mb, struct ds_mail *m);
/* Everything there, oldest first, linked by next; NULL when empty.  Clears the eventfd. */
struct ds_mail *ds_mailbox_take(struct ds_mailbox *mb);
/* Waits until there is mail or timeout_ms (-1: for ever) passed, then takes it. */
struct ds_mail *ds_mailbox_wait(struct ds_mailbox *mb, int timeout_ms);
/* Readable while there is mail. */
int ds_mailbox_fd(const struct ds_mailbox *mb);
size_t ds_mailbox_len(struct ds_mailbox *mb);
uint64_t ds_mailbox_refused(struct ds_mailbox *mb);

#endif
