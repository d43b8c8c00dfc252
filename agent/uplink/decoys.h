/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoys - listeners that no honest client has business with ([honeypot] listen): who comes is
 * told, with what he wanted, as DECOY events.
 *
 * On the uplink's loop, without privileges; ports are opened while still root.  Off unless asked
 * for.  Bounded: connections at a time, their length and bytes, events a second; what is more is
 * closed and counted.
 */
#ifndef AGENT_UPLINK_DECOYS_H
#define AGENT_UPLINK_DECOYS_H

#include "agent/config.h"
#include "lib/event.h"

struct decoys;
struct event_base;

#define DECOYS_LISTEN_MAX 16u
#define DECOYS_OPEN_MAX   64u
#define DECOYS_EVENTS_MAX 20u /* a second */

/* NULL: none are wanted, or none could be opened, which is logged. */
struct decoys *decoys_open(const struct agent_config *cfg);
/* `event` for each visitor, and once more for each thing he wants; `lost` counts those who were too
 * many.  -ENOMEM. */
DS_MUST_CHECK int decoys_start(struct decoys *d, struct event_base *base,
    void (*event)(const struct ds_event *ev, void *ctx), void (*lost)(uint64_t visitors, void *ctx),
    void *ctx);
void decoys_free(struct decoys *d);

/* "ssh", "ssh:2200": the service and its port.  -EINVAL. */
struct decoy_service;
DS_MUST_CHECK int decoys_parse(
    const char *text, const struct decoy_service **ret, unsigned *ret_port);

#endif
