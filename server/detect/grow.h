/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grow - an alert's document with what a later finding says besides.
 *
 * Pure, on the writer's thread.  The documents stay text: whoever waits for an order waits for
 * this, and an alert that has grown is far longer than what is added to it.
 */
#ifndef SERVER_DETECT_GROW_H
#define SERVER_DETECT_GROW_H

#include "lib/buf.h"

/* `was` and `finding` are JSON objects.  1, and *ret is `was`, grown, terminated; 0: there is
 * nothing to add; -EBADMSG: one of them is no object; -errno. */
DS_MUST_CHECK int grow_document(const char *was, const char *finding, struct ds_buf *ret);

#endif
