/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_batch - reads what changed since a place, makes records of it, and hands them on in the form
 * that the receiver wants.
 *
 * On the receiver's thread, with its reader, which is borrowed.
 */
#ifndef SERVER_NOTIFY_SIEM_BATCH_H
#define SERVER_NOTIFY_SIEM_BATCH_H

#include "server/notify/notify.h"
#include "server/notify/siem_place.h"

struct siem_batch;

/* One record as it goes out; other than 0 ends the batch, with a sentence. */
typedef int (*siem_put)(void *ctx, const void *data, size_t size, char *why, size_t why_size);

/* NULL: no memory. */
struct siem_batch *siem_batch_new(
    const struct notify_config *cfg, const struct channel_config *channel, struct reader *reader);
void siem_batch_free(struct siem_batch *b);
/* Moves *place on and counts what was sent.  1: there is more; 0; -errno: the place means nothing.
 */
DS_MUST_CHECK int siem_batch_send(struct siem_batch *b, struct siem_place *place, siem_put put,
    void *ctx, char *ret_why, size_t why_size);
/* A record that says that somebody tries whether it comes through. */
DS_MUST_CHECK int siem_batch_test(struct siem_batch *b, const char *channel, siem_put put,
    void *ctx, char *ret_why, size_t why_size);
/* What was told since is told again. */
void siem_batch_forget(struct siem_batch *b);

#endif
