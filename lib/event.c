/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event.h"

#include <string.h>

#define DS_NUM(symbol) (UINT64_C(1) << DS_NUM_##symbol)
#define DS_STR(symbol) (UINT64_C(1) << (DS_STR_##symbol - DS_STR_FIRST))

const struct ds_kind_info ds_kind_table[DS_EVENT_MAX] = {
#define DS_KIND(id, symbol, category, action, nums, strs, help) \
	[id] = { #symbol, category, action, nums, strs, help },
#include "schema/events.def"
};

const struct ds_field_info ds_field_table[DS_STR_END] = {
#define DS_NUM_FIELD(id, symbol, ecs, help)       [id] = { #symbol, ecs, DS_TYPE_TEXT, help },
#define DS_STR_FIELD(id, symbol, ecs, type, help) [id] = { #symbol, ecs, DS_TYPE_##type, help },
#include "schema/events.def"
};

void
ds_event_set_str(struct ds_event *ev, enum ds_str_field field, const void *ptr, size_t len)
{
	ev->str[field - DS_STR_FIRST] = (struct ds_str){ ptr, (uint32_t)len };
}

bool
ds_str_equal(struct ds_str a, struct ds_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
ds_event_is_urgent(const struct ds_event *ev)
{
	switch (ev->kind) {
	case DS_EVENT_LOGIN:
	case DS_EVENT_LOG:
	case DS_EVENT_INTEGRITY:
	case DS_EVENT_DAEMON:
	case DS_EVENT_DAEMON_GONE:
	case DS_EVENT_AGENT_START:
	case DS_EVENT_AGENT_STOP:
	case DS_EVENT_GAP:
	case DS_EVENT_RESULT:
	case DS_EVENT_HELD:
	case DS_EVENT_HELD_CONNECT:
	case DS_EVENT_DECOY:
		return true;
	default:
		return (ev->flags & (DS_FLAG_FIRST | DS_FLAG_SOON)) != 0;
	}
}

bool
ds_event_is_of_agent(uint8_t kind)
{
	return kind == DS_EVENT_AGENT_START || kind == DS_EVENT_AGENT_STOP ||
	       kind == DS_EVENT_AGENT_COST || kind == DS_EVENT_GAP || kind == DS_EVENT_DECOY ||
	       kind == DS_EVENT_RESULT;
}
