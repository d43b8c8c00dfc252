/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures - what the agent's metrics say, text format 0.0.4 of Prometheus; no label grows. */
#ifndef AGENT_UPLINK_FIGURES_H
#define AGENT_UPLINK_FIGURES_H

#include "agent/uplink/health.h"
#include "agent/uplink/link.h"
#include "agent/uplink/spool.h"

struct evbuffer;

void figures_write(struct evbuffer *out, const struct spool *spool, const struct link *link,
    const struct health *health);

#endif
