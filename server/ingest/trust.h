/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trust - which authorities agents trust, and the hand-over from one to another. */
#ifndef SERVER_INGEST_TRUST_H
#define SERVER_INGEST_TRUST_H

#include "server/ingest/worker.h"

/* The pins that agents should have, as in HELLO. */
void trust_pins(const struct pki *pki, uint8_t ret[DS_TRUSTS_MAX * DS_PIN_SIZE]);
/* Whether its newest certificate is of the authority that goes. */
bool trust_is_of_old(const struct pki *pki, const struct host_row *row);
/* A session was opened: tells the agent when it trusts others.  Renewal is due at once when its
 * certificate is of the authority that goes. */
void trust_greet(struct session *s, const struct ds_hello *hello);
/* TRUSTS of an agent. */
int trust_take(struct session *s, const void *payload, size_t size);
/* What ingest_authority() shows from now on: the files are this thread's, and for a moment of a
 * step they are halves of two.  At the start, then on the first worker.  -ENOMEM. */
DS_MUST_CHECK int trust_publish(struct ingest *in, const struct pki *pki);
/* Counts hosts, trusting and issued for the authorities in `a`.  Any thread, with a reader of its
 * own. */
DS_MUST_CHECK int trust_count(
    const struct store_backend *b, struct reader *reader, struct authority_state *a);
/* MAIL_TLS: the files of the authority changed. */
void trust_reload(struct worker *w);
/* MAIL_ROTATE, on the first worker only: the next step, when it is due or forced. */
void trust_rotate(struct worker *w, bool is_forced);
/* Once a second, on the first worker only. */
void trust_tick(struct worker *w);

#endif
