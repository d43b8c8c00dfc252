/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repeat - Idempotency-Key: a change that is asked for again after a lost answer happens once.
 *
 * That it happened is kept in the transaction of the change (store, for a day); the answer is kept
 * in memory only, since it may have a secret that is told once.  Who asks again after a restart is
 * told that it was done.
 *
 * Used on the one pool thread that changes things, so nothing here is shared.
 */
#ifndef SERVER_API_REPEAT_H
#define SERVER_API_REPEAT_H

#include "server/api/call.h"

#define REPEAT_KEY_MAX    200u        /* bytes of a key */
#define REPEAT_ANSWERS    128u        /* kept */
#define REPEAT_ANSWER_MAX (64u << 10) /* bytes of one that is kept */
#define REPEAT_AGE_US     (24 * UINT64_C(3600) * 1000000)

struct repeats;

struct repeats *repeats_new(void);
void repeats_free(struct repeats *r);
/* Before the call's function: true when it is to run.  False: the answer is there, as it was the
 * first time, or a problem.  `body` is the request's body as it came. */
DS_MUST_CHECK bool repeat_begin(struct repeats *r, struct call *c, const void *body, size_t size);
/* After it: keeps the answer if something was changed. */
void repeat_end(struct repeats *r, struct call *c);

#endif
