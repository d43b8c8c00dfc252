/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ecs - an event as a document of the Elastic Common Schema.
 *
 * Names of fields come from schema/events.def; what a host produced and is not UTF-8 becomes
 * U+FFFD. Any thread; owns constant tables only.
 */
#ifndef SERVER_API_ECS_H
#define SERVER_API_ECS_H

#include "lib/event.h"
#include "lib/json.h"

#define ECS_VERSION "8.11.0"

struct ecs_context {
	const char *host_id, *host_name;
	uint64_t ingested_us; /* when the server took it; 0: not said */
};

/* One object. */
void ecs_write(struct ds_json *j, const struct ds_event *ev, const struct ecs_context *context);
/* event.type and event.kind of a kind of events; never NULL. */
const char *ecs_event_type(unsigned kind);
const char *ecs_event_kind(unsigned kind);

#endif
