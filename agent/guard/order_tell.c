/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order_tell - results: into the ledger, to the uplink at once, and as events, which cannot be
 * lost.
 *
 * Called by the other files of order.
 */
#include "agent/guard/binding.h"
#include "agent/guard/emit.h"
#include "agent/guard/order_job.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>

static void
set_text(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	if (text[0] != '\0')
		ds_event_set_str(ev, field, text, strlen(text));
}

static void
tell_event(const struct ds_result *m, const struct ds_order *order)
{
	static const uint8_t nobody[DS_ORDER_ID_SIZE];
	struct ds_event ev = {
		.time_us = m->time_us, .count = 1, .kind = DS_EVENT_RESULT, .flags = DS_FLAG_FIRST
	};
	char id[33], by[33];
	bool good = m->outcome == DS_OUTCOME_DONE || m->outcome == DS_OUTCOME_UNDONE;

	ds_order_id_format(m->order, id);
	ds_order_id_format(m->by, by);
	set_text(&ev, DS_STR_ORDER, id);
	if (memcmp(m->by, nobody, sizeof(nobody)) != 0)
		set_text(&ev, DS_STR_BY, by);
	set_text(&ev, DS_STR_REACTION, m->kind);
	set_text(&ev, DS_STR_MESSAGE, m->text);
	if (m->evidence_size > 0 && m->evidence_size <= DS_STRING_MAX)
		ds_event_set_str(&ev, DS_STR_EVIDENCE, m->evidence, m->evidence_size);
	if (order != NULL) {
		ev.num[DS_NUM_PID] = order->pid;
		ev.daemon = (struct ds_str){ order->daemon, (uint32_t)strnlen(order->daemon, 255) };
		set_text(&ev, DS_STR_PATH, order->path);
		set_text(&ev, DS_STR_UNIT, order->unit);
	}
	ev.num[DS_NUM_OUTCOME] = good ? 1 : m->outcome == DS_OUTCOME_FAILED ? 2 : 0;
	ev.num[DS_NUM_RESULT] = m->outcome;
	ev.num[DS_NUM_ERROR] = m->error;
	ev.num[DS_NUM_UNTIL] = m->until_us;
	ev.num[DS_NUM_TOOK_US] = m->took_us;
	ev.num[DS_NUM_VERIFIED] = m->is_verified;
	emit_event(&ev);
}

/* What was seen before the effect is told with whatever became of it. */
static void
keep_evidence(const struct ledger_entry *e, struct ds_result *m)
{
	struct ds_result begun;

	if (m->evidence_size > 0 || e == NULL || e->state != LEDGER_INTENT ||
	    ds_result_get(e->result, e->result_size, &begun) < 0)
		return;
	m->evidence = begun.evidence;
	m->evidence_size = begun.evidence_size;
}

void
order_tell(struct ledger_entry *e, enum ledger_state state, struct ds_result *m,
    const struct ds_order *order)
{
	char id[33];
	struct ds_buf b;

	keep_evidence(e, m);
	m->time_us = ds_clock_wall_us();
	m->counter_floor = binding_get()->counter_floor;
	ds_buf_init(&b, DS_RESULT_MAX);
	if (ds_result_put(&b, m) < 0) {
		m->evidence_size = 0;
		ds_buf_clear(&b);
		if (ds_result_put(&b, m) < 0)
			ds_buf_clear(&b);
	}
	if (b.len > 0 && emit_control(DS_IPC_RESULT, b.data, b.len) < 0)
		ds_log(DEBUG, "a result goes as an event only", "kind=%s", m->kind);
	tell_event(m, order);
	/* Last: evidence may be the entry's. */
	if (e != NULL && ledger_change(e, state, &b) < 0)
		ds_log(WARN, "a result is not kept, going on", "error=\"%s\"", strerror(ENOMEM));
	ds_buf_done(&b);
	ds_order_id_format(m->order, id);
	ds_log(INFO, "an order's result", "order=%s kind=%s outcome=%s took_us=%llu text=\"%s\"",
	    id, m->kind, ds_outcome_name(m->outcome), (unsigned long long)m->took_us, m->text);
}

void
order_tell_again(const struct ledger_entry *e)
{
	/* Of an intent it is not known yet what becomes of it. */
	if (e->state != LEDGER_INTENT && e->result_size > 0 &&
	    emit_control(DS_IPC_RESULT, e->result, e->result_size) < 0)
		ds_log(DEBUG, "a result cannot be told again", "kind=%s", e->kind);
}

void
order_tell_text(const char *kind, const char *text)
{
	struct ds_event ev = { .time_us = ds_clock_wall_us(),
		.count = 1,
		.kind = DS_EVENT_RESULT,
		.flags = DS_FLAG_FIRST };

	set_text(&ev, DS_STR_REACTION, kind);
	set_text(&ev, DS_STR_MESSAGE, text);
	ev.num[DS_NUM_RESULT] = DS_OUTCOME_REFUSED;
	emit_event(&ev);
}

void
order_call_init(struct reaction_call *call, const struct agent_config *config,
    const struct ds_order *order, const struct ledger_entry *e)
{
	*call = (struct reaction_call){
		.order = order, .config = config, .until_us = e->until_us, .exe_fd = -1
	};
	ds_buf_view(&call->inverse, e->inverse, e->inverse_size);
}
