/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rebind - a copy that was approved takes orders for its own identity from now on.
 *
 * Its guard goes by the identity that was in the disk image, and by orders only: it asks, with a
 * random number of its own, and the answer is signed for that number and the new identity.  Who may
 * have one is an approved host, and only instead of a host that it was copied from: else an uplink
 * that is not ours any more could have another machine's orders carried out on its own.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/react/react_impl.h"

#include <stdio.h>
#include <string.h>

static struct ds_log_rate rate;

static int
run_rebind(struct react_write *w, const struct store_backend *b, struct store *store)
{
	uint64_t now_us = ds_clock_wall_us();
	int r = b->identity->rebind(store, w->host, w->order, now_us);

	if (r == 0 && ds_log_pass(&rate, 5))
		ds_log(DEBUG, "a host asks to be another, which it may not, or was told just now",
		    "host=%u", w->host);
	if (r > 0)
		r = issue_reaction(b, store, &w->issuer, &w->body->plans[0], now_us);
	return r < 0 ? r : 0;
}

bool
rebind_is_asked(const struct ds_result *result)
{
	return strcmp(result->kind, DS_ORDER_REBIND) == 0 && result->outcome == DS_OUTCOME_REFUSED;
}

void
rebind_answer(struct react *r, uint32_t number, const struct ds_result *result)
{
	const struct react_host *host = hosts_get(r->hosts, number, ds_clock_monotonic_ms());
	struct react_write *w;
	struct issue_plan *p;

	if (host == NULL)
		return; /* it asks again */
	w = react_write_new(r, run_rebind, sizeof(*p));
	if (w == NULL)
		return;
	w->host = number;
	memcpy(w->order, result->by, sizeof(w->order));
	p = w->body->plans;
	*p = (struct issue_plan){ .host = number,
		.kind = react_kind_find(DS_ORDER_REBIND),
		.order_mode = DS_ORDER_ACTIVE,
		.ttl_factor = 1 };
	memcpy(p->host_id, host->id, sizeof(p->host_id));
	ds_order_id_format(result->order, p->args.question);
	snprintf(p->by, sizeof(p->by), "policy");
	snprintf(p->rule, sizeof(p->rule), "copy");
	snprintf(p->reason, sizeof(p->reason),
	    "a copied machine that was approved takes orders for its own identity");
	react_write_post(w);
}
