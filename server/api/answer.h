/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer - what HTTP adds to an answer once it is there: an entity tag, 304 for who has it already,
 * compression; and what it asks before a change: whether the resource is still as it was read.
 *
 * On a pool thread, over one call.
 */
#ifndef SERVER_API_ANSWER_H
#define SERVER_API_ANSWER_H

#include "server/api/call.h"

#define ANSWER_TAG_MAX 40u /* bytes, with quotes and the NUL */

struct answer {
	char tag[ANSWER_TAG_MAX]; /* of the text, packed or not; "": none */
	bool packed;              /* the body is gzip, and the tag a weak one */
};

/* If-Match: true when there is none or the resource of the path is as it says; else a problem. */
DS_MUST_CHECK bool answer_precondition(struct call *c);
/* Takes what the call's function wrote and makes it what is sent. */
void answer_finish(struct call *c, struct answer *ret);

#endif
