/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enrol - certificates for agents: the first one for a token, later ones for the one they have. */
#ifndef SERVER_INGEST_ENROL_H
#define SERVER_INGEST_ENROL_H

#include "server/ingest/worker.h"

int enrol_request(struct session *s, const void *payload, size_t size);
int enrol_renew(struct session *s, const void *payload, size_t size);
void enrol_done(struct worker *w, struct enrolment *e);
/* Its session is gone. */
void enrol_forget(struct enrolment *e);
/* What an agent told about its host (NULL: only that it was seen), to the store. */
void enrol_update_host(struct session *s, const struct ds_hello *hello);
/* An agent says which authorities it trusts. */
void enrol_told_trusts(struct session *s, const uint8_t pins[DS_TRUSTS_MAX * DS_PIN_SIZE]);

#endif
