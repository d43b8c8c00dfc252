/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * enrol - gets this host its first certificate with the token that the operator has put there.
 *
 * Used by link, on the uplink's only thread.  The server is known by the token's pin, we by the
 * token's secret; the key is made here and stays.  It never gives up: no token, a token that is
 * used up or an operator who has not approved yet only make it ask more slowly.
 */
#ifndef AGENT_UPLINK_ENROL_H
#define AGENT_UPLINK_ENROL_H

#include "agent/uplink/identity.h"
#include "lib/wire.h"

struct event_base;
struct enrol;

struct enrol_config {
	const struct identity *identity; /* borrowed */
	const char *address;             /* of the configuration; "": the token's */
	const char *token_file; /* of the configuration; looked at again while there is none */
	uint32_t retry_min_ms, retry_max_ms; /* of the back-off when the server cannot be reached */
	uint32_t slow_s;  /* between attempts that only a person can make succeed */
	uint32_t look_ms; /* how often, meanwhile, to look for another token */
};

/* done is called once, from the loop: the certificate is in place.  facts fills the message.  NULL:
 * no memory. */
struct enrol *enrol_start(struct event_base *base, const struct enrol_config *cfg,
    void (*facts)(struct ds_hello *ret, void *ctx), void (*done)(void *ctx), void *ctx);
void enrol_free(struct enrol *e);
/* Where it stands, a sentence for health: "waiting for approval". */
const char *enrol_status(const struct enrol *e);

#endif
