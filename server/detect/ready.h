/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ready - when a daemon has been learnt, and what is missing until then. */
#ifndef SERVER_DETECT_READY_H
#define SERVER_DETECT_READY_H

#include "server/detect/profile.h"

uint64_t host_now(const struct host_profile *h, uint64_t server_us);
uint64_t daemon_watched_us(const struct daemon_profile *d, uint64_t host_us);
/* The unseen mass of a family in 0..1, or -1: not enough data. */
double daemon_unseen(const struct profiles *p, const struct daemon_profile *d,
    enum key_family family, uint64_t host_us);
/* Coverage as published: of the families that detectors judge. */
double daemon_coverage(const struct profiles *p, const struct daemon_profile *d, uint64_t host_us);
/* Becomes ready when it can; true when it is.  Once ready it stays so until it is forgotten. */
bool daemon_refresh(const struct profiles *p, struct daemon_profile *d, uint64_t host_us);
/* A JSON array of sentences. */
void daemon_blockers(const struct profiles *p, const struct daemon_profile *d, uint64_t host_us,
    char *ret, size_t size);

#endif
