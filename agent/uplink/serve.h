/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve - where the uplink listens, which is nowhere unless somebody asked for it: the metrics of
 * [exporters], the decoys of [honeypot].
 *
 * On the uplink's loop.
 */
#ifndef AGENT_UPLINK_SERVE_H
#define AGENT_UPLINK_SERVE_H

#include "agent/config.h"
#include "agent/uplink/health.h"
#include "agent/uplink/link.h"
#include "agent/uplink/spool.h"

struct event_base;
struct serve;

/* What is asked for figures, and told of visitors; all outlive the serve. */
struct serve_parts {
	struct spool *spool;
	struct link *link;
	struct batcher *batcher;
	struct health *health;
};

/* While still root, for ports below 1024; what cannot be opened is logged.  NULL: no memory. */
struct serve *serve_new(const struct agent_config *cfg);
/* Before the filter of system calls closes the door.  Whoever cannot be asked or visited works all
 * the same, and says so. */
void serve_start(struct serve *s, struct event_base *base, const struct serve_parts *parts);
/* Whether it takes connections from outside. */
bool serve_accepts(const struct serve *s);
void serve_free(struct serve *s);

#endif
