/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy - tells a machine that was made from the disk image of another from that other one. */
#ifndef SERVER_INGEST_COPY_H
#define SERVER_INGEST_COPY_H

#include "server/ingest/worker.h"

/* Whether a host whose agent left this number with its last session can say this hello. */
bool copy_descends(uint64_t left, const struct ds_hello *hello);
void copy_refuse(struct session *s, const struct host_state *h, const char *how);
/* The host has a session: asks it whether it lives, s waits for the outcome. */
void copy_ask(struct session *s, struct host_state *h);
/* A PONG of s. */
void copy_answered(struct session *s, const void *payload, size_t size);
void copy_tick(struct worker *w, uint64_t now_ms);

#endif
