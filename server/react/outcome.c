/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcome - what becomes of orders: sent, answered, overdue, over. */
#include "lib/ulid.h"
#include "server/react/held.h"
#include "server/react/issue.h"
#include "server/react/record.h"

#include <errno.h>
#include <string.h>

static bool
is_one_of(const char *status, const char *a, const char *b)
{
	return strcmp(status, a) == 0 || strcmp(status, b) == 0;
}

int
issue_sent(const struct store_backend *b, struct store *store,
    const uint8_t order[DS_ORDER_ID_SIZE], uint64_t now_us)
{
	struct held_reaction h;
	char id[REACTION_ID_SIZE];
	int r;

	/* The undo of a reaction has another id, and says nothing of whether it was sent. */
	ds_ulid_format("rct_", order, id, sizeof(id));
	r = held_reaction_get(b, store, id, &h);
	if (r <= 0)
		return r;
	r = 0;
	if (strcmp(h.row.status, "pending") == 0) {
		h.row.status = "sent";
		h.row.sent_us = h.row.updated_us = now_us;
		r = b->reactions->put(store, &h.row);
	}
	held_reaction_done(&h);
	return r;
}

int
issue_overdue(const struct store_backend *b, struct store *store, const struct issuer *by,
    const char *order_id, uint64_t now_us)
{
	struct held_reaction h = { 0 };
	struct held_order of;
	char result[RECORD_MAX];
	int r = held_order_get(b, store, order_id, &of);

	if (r > 0 && !of.row.closed && of.row.expires_us <= now_us)
		r = held_reaction_get(b, store, of.row.reaction_id, &h);
	else
		r = r < 0 ? r : -EALREADY;
	if (r < 0) {
		held_order_done(&of);
		return r == -EALREADY ? 0 : r;
	}
	if (of.row.undo && h.texts != NULL &&
	    (is_one_of(h.row.status, "applied", "verified") || strcmp(h.row.status, "sent") == 0) &&
	    (h.row.expires_us == 0 || h.row.expires_us > now_us)) {
		r = issue_again(b, store, by, &of, 0, now_us);
	} else {
		r = b->reactions->order_close(store, order_id);
		if (r == 0 && !of.row.undo && h.texts != NULL &&
		    is_one_of(h.row.status, "pending", "sent")) {
			record_undo(result, h.row.result, "",
			    strcmp(h.row.status, "sent") == 0
				? "the host was sent it and did not answer in time"
				: "the host could not be reached in time");
			h.row.result = result;
			h.row.status = "expired";
			h.row.updated_us = now_us;
			r = b->reactions->put(store, &h.row);
		}
	}
	held_reaction_done(&h);
	held_order_done(&of);
	return r;
}

static bool
is_over(const struct issuer *by, const struct reaction_row *row, uint64_t now_us)
{
	if (strcmp(row->status, "pending") == 0)
		return record_waits_for_approval(row->result) &&
		       row->created_us + by->approval_ttl_us <= now_us;
	return is_one_of(row->status, "applied", "verified") && row->expires_us > 0 &&
	       row->expires_us <= now_us;
}

int
issue_over(const struct store_backend *b, struct store *store, const struct issuer *by,
    const char *id, uint64_t now_us)
{
	struct held_reaction h;
	int r = held_reaction_get(b, store, id, &h);

	if (r <= 0)
		return r;
	r = 0;
	if (is_over(by, &h.row, now_us)) {
		h.row.status = "expired";
		h.row.updated_us = now_us;
		r = b->reactions->put(store, &h.row);
	}
	held_reaction_done(&h);
	return r;
}

/* ---- answers */

/* The end of an effect's life, as the agent tells it, or as its clock nearly agrees. */
#define END_SLACK_US 5000000u

static const char *
undone_status(const struct reaction_row *row, const struct ds_result *result)
{
	static const uint8_t nobody[DS_ORDER_ID_SIZE];

	if (memcmp(result->by, nobody, sizeof(nobody)) != 0)
		return "undone";
	return row->expires_us > 0 && result->time_us + END_SLACK_US >= row->expires_us ? "expired"
											: "undone";
}

/* What an answer about the reaction itself makes of its status; NULL: nothing. */
static const char *
status_of(const struct reaction_row *row, const struct ds_result *result)
{
	/* An answer that was overtaken: the effect is gone already. */
	bool is_gone = is_one_of(row->status, "undone", "failed");

	switch ((enum ds_outcome)result->outcome) {
	case DS_OUTCOME_DONE:
		return is_gone ? NULL : result->is_verified ? "verified" : "applied";
	case DS_OUTCOME_REFUSED:
	case DS_OUTCOME_FAILED:
	case DS_OUTCOME_NOTHING:
		return is_gone ? NULL : "failed";
	case DS_OUTCOME_UNDONE:
		return undone_status(row, result);
	case DS_OUTCOME_WOULD:
		return "dry_run";
	case DS_OUTCOME_LOST:
		return NULL;
	}
	return NULL;
}

static int
answer(const struct store_backend *b, struct store *store, struct reaction_row *row,
    const struct ds_result *result, uint64_t now_us)
{
	const char *status = status_of(row, result);
	char record[RECORD_MAX];

	record_result(record, row->result, result);
	row->result = record;
	row->updated_us = now_us;
	if (status != NULL)
		row->status = status;
	if (status != NULL && result->outcome == DS_OUTCOME_DONE) {
		row->applied_us = now_us;
		row->expires_us = result->until_us;
	}
	return b->reactions->put(store, row);
}

/* About an undo: what it was to take back is gone, or the host says why not. */
static int
answer_undo(const struct store_backend *b, struct store *store, struct reaction_row *row,
    const struct ds_result *result, uint64_t now_us)
{
	char record[RECORD_MAX];

	record_result(record, row->result, result);
	row->result = record;
	row->updated_us = now_us;
	if (result->outcome == DS_OUTCOME_NOTHING || result->outcome == DS_OUTCOME_UNDONE ||
	    result->outcome == DS_OUTCOME_DONE)
		row->status = "undone";
	return b->reactions->put(store, row);
}

/* The host remembers higher counters than we: a backup was restored, or a clock went back. */
static bool
is_below_floor(const struct held_order *of, const struct ds_result *result)
{
	return result->outcome == DS_OUTCOME_REFUSED && result->counter_floor >= of->row.counter &&
	       result->counter_floor < UINT64_MAX / 2 && !of->row.closed;
}

static int
close_orders(const struct store_backend *b, struct store *store, const struct held_order *of,
    const struct ds_result *result)
{
	char by[REACTION_ID_SIZE];
	int r = b->reactions->order_close(store, of->row.id);

	ds_ulid_format("ord_", result->by, by, sizeof(by));
	return r < 0 ? r : b->reactions->order_close(store, by); /* of no row when it is nobody's */
}

static int
take_answer(const struct store_backend *b, struct store *store, const struct issuer *by,
    const struct held_order *of, struct reaction_row *row, const struct ds_result *result,
    uint64_t now_us)
{
	char record[RECORD_MAX];
	int r;

	if (is_below_floor(of, result) && record_signed_anew(record, row->result)) {
		row->result = record;
		r = b->reactions->put(store, row);
		return r < 0 ? r : issue_again(b, store, by, of, result->counter_floor, now_us);
	}
	r = close_orders(b, store, of, result);
	if (r < 0)
		return r;
	return of->row.undo ? answer_undo(b, store, row, result, now_us)
			    : answer(b, store, row, result, now_us);
}

int
issue_result(const struct store_backend *b, struct store *store, const struct issuer *by,
    uint32_t host, const struct ds_result *result, uint64_t now_us)
{
	struct held_reaction h = { 0 };
	struct held_order of;
	char id[REACTION_ID_SIZE];
	int r;

	ds_ulid_format("ord_", result->order, id, sizeof(id));
	r = held_order_get(b, store, id, &of);
	/* A host speaks for itself only. */
	if (r > 0 && of.row.host == host)
		r = held_reaction_get(b, store, of.row.reaction_id, &h);
	else
		r = r < 0 ? r : -ENOENT;
	if (r > 0)
		r = take_answer(b, store, by, &of, &h.row, result, now_us);
	else if (r == 0)
		r = -ENOENT;
	held_reaction_done(&h);
	held_order_done(&of);
	return r;
}
