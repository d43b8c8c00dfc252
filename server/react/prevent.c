/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prevent - mode prevent: which daemons' new programs are held, and what becomes of one that is.
 *
 * A hold is an effect on the host like any other, with a lifetime, an order and an undo; it is for
 * daemons that are learnt.  A question is answered with what is known: the daemon's own profile,
 * its peers, a deployment; else as [react] held says.  Without an answer the agent decides, so
 * whatever goes wrong here fails as the host's configuration says.
 */
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/ulid.h"
#include "server/detect/key.h"
#include "server/detect/knowledge.h"
#include "server/react/held.h"
#include "server/react/react_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_US        (UINT64_C(7) * 86400 * 1000000)
#define START_SLACK_US 10000u
#define PROFILES_STEP  50u /* profiles looked at in a sweep */
#define PEERS_MIN      2u  /* hosts on which it is normal */

static struct ds_log_rate rate;

/* ---- questions */

struct question {
	struct react *react;
	const struct react_host *host;
	struct ds_event ev;
	char daemon[256], exe[1024];
	struct key key;
	uint8_t kind; /* of the behaviour it is about: EXEC or CONNECT */
	bool is_learnt;
	bool is_deployed, is_expected;
	uint64_t now_us;
};

static void
copy(struct ds_str s, char *ret, size_t size)
{
	snprintf(ret, size, "%.*s", (int)DS_MIN(s.len, size - 1), s.len > 0 ? s.ptr : "");
}

/* How it is started does not matter here, only what: a key's first letter is the how. */
static bool
is_same(const struct question *q, uint8_t kind, const uint8_t *key, size_t size)
{
	return kind == q->kind && size > 1 &&
	       ((size == q->key.size && memcmp(key + 1, q->key.data + 1, size - 1) == 0) ||
		   (size - 1 == strlen(q->exe) && memcmp(key + 1, q->exe, size - 1) == 0));
}

static int
see_profile(const struct profile_row *row, void *ctx)
{
	struct question *q = ctx;

	q->is_learnt = row->learnt && row->kind == q->kind && row->key_size == q->key.size &&
		       memcmp(row->key, q->key.data, q->key.size) == 0;
	return q->is_learnt;
}

static int
see_deployment(const struct deployment_row *row, void *ctx)
{
	struct question *q = ctx;
	char class[CLASS_MAX];

	key_class(q->daemon, "", class, sizeof(class));
	q->is_deployed = row->ended_us == 0 && row->begun_us <= q->now_us &&
			 row->until_us > q->now_us &&
			 (row->host == 0 || row->host == q->host->number) &&
			 (!row->daemon[0] || strcmp(row->daemon, class) == 0) &&
			 (!row->label[0] || policy_label_in(q->host->labels, &row->label, 1));
	return q->is_deployed;
}

/* What a person said to be normal. */
static int
see_expectation(const struct expectation_row *row, void *ctx)
{
	struct question *q = ctx;
	char class[CLASS_MAX];

	key_class(q->daemon, "", class, sizeof(class));
	q->is_expected = row->undone_us == 0 && is_same(q, row->kind, row->key, row->key_size) &&
			 (row->expires_us == 0 || row->expires_us > q->now_us) &&
			 (!row->class[0] || strcmp(row->class, class) == 0) &&
			 (row->host == 0 || row->host == q->host->number) &&
			 (!row->label[0] || react_labels_meet(row->label, q->host->labels));
	return q->is_expected;
}

bool
prevent_is_expected(struct react *r, const struct react_host *host, const char *daemon,
    uint8_t kind, const uint8_t *key, size_t key_size)
{
	struct question q = {
		.react = r, .host = host, .kind = kind, .now_us = ds_clock_wall_us()
	};

	if (key_size > sizeof(q.key.data))
		return false;
	snprintf(q.daemon, sizeof(q.daemon), "%s", daemon);
	memcpy(q.key.data, key, key_size);
	q.key.size = key_size;
	return r->cfg.backend->learning->each_expectation(r->reader, see_expectation, &q) >= 0 &&
	       q.is_expected;
}

static bool
is_normal_elsewhere(const struct question *q)
{
	struct ds_version *v =
	    q->react->cfg.fleet != NULL ? ds_snapshot_acquire(q->react->cfg.fleet) : NULL;
	char class[CLASS_MAX];
	bool is_normal = false;

	key_class(q->daemon, "", class, sizeof(class));
	if (v != NULL) {
		is_normal = fleet_knowledge_get(ds_version_value(v),
				knowledge_fact(class, q->kind, q->key.data, q->key.size))
				.learnt >= PEERS_MIN;
		ds_version_release(v);
	}
	return is_normal;
}

/* What speaks for it; NULL: nothing. */
static const char *
reason_to_allow(struct question *q)
{
	const struct store_backend *b = q->react->cfg.backend;

	if (q->kind == DS_EVENT_EXEC) {
		key_of_program(
		    (struct ds_str){ q->exe, (uint32_t)strlen(q->exe) }, KEY_CHILD, &q->key);
	} else {
		struct ds_event as = q->ev;

		as.kind = q->kind;
		key_of_event(&as, &q->key);
	}
	if (b->each_profile(q->react->reader, q->host->number, q->daemon, see_profile, q) >= 0 &&
	    q->is_learnt)
		return q->kind == DS_EVENT_EXEC ? "the daemon is known to start it"
						: "the daemon is known to connect there";
	if (b->learning->each_expectation(q->react->reader, see_expectation, q) >= 0 &&
	    q->is_expected)
		return "a person said that it is normal";
	if (is_normal_elsewhere(q))
		return q->kind == DS_EVENT_EXEC ? "its peers are known to start it"
						: "its peers are known to connect there";
	if (b->learning->each_deployment(q->react->reader, see_deployment, q) >= 0 &&
	    q->is_deployed)
		return "a deployment is under way";
	if (q->react->held == REACT_HELD_ALLOW)
		return "[react] held allows what nobody knows";
	return NULL;
}

static void
remember(struct react *r, struct issue_plan *p)
{
	unsigned at = r->answered_at++ % DS_LEN(r->answered);
	uint8_t id[DS_ULID_SIZE];

	if (ds_ulid_make(ds_clock_wall_us(), id) < 0)
		return;
	ds_ulid_format("rct_", id, p->id, sizeof(p->id));
	memcpy(r->answered[at].id, p->id, sizeof(p->id));
	r->answered[at].host = p->host;
	r->answered[at].pid = p->args.pid;
	r->answered[at].start_us = p->args.start_us;
	r->answered[at].is_killed = p->args.answer == DS_ANSWER_KILL;
}

/* In the writer's order: the answer's record is there. */
static int
run_link(struct react_write *w, const struct store_backend *b, struct store *store)
{
	struct held_reaction h;
	int r = held_reaction_get(b, store, w->id, &h);

	if (r > 0) {
		h.row.alert_id = w->finding.alert_id;
		r = b->reactions->put(store, &h.row);
	}
	held_reaction_done(&h);
	return r < 0 ? r : 0;
}

/* Two events of one process may say its start a little differently. */
static bool
is_about(uint64_t a_us, uint64_t b_us)
{
	return (a_us > b_us ? a_us - b_us : b_us - a_us) < START_SLACK_US;
}

bool
prevent_links(struct react *r, uint32_t host, const struct react_args *args, const char *alert_id)
{
	struct react_write *w;

	for (size_t i = 0; i < DS_LEN(r->answered); i++) {
		if (r->answered[i].host != host || r->answered[i].pid != args->pid ||
		    !is_about(r->answered[i].start_us, args->start_us))
			continue;
		w = react_write_new(r, run_link, 0);
		if (w == NULL)
			return r->answered[i].is_killed;
		w->host = host;
		memcpy(w->id, r->answered[i].id, sizeof(w->id));
		snprintf(w->finding.alert_id, sizeof(w->finding.alert_id), "%s", alert_id);
		react_write_post(w);
		return r->answered[i].is_killed;
	}
	return false;
}

static void
answer(struct question *q, const char *why)
{
	struct react_write *w =
	    react_write_new(q->react, react_write_plans, sizeof(struct issue_plan));
	struct issue_plan *p;

	if (w == NULL)
		return;
	p = w->body->plans;
	*p = (struct issue_plan){
		.host = q->host->number,
		.kind = react_kind_find(DS_ORDER_ANSWER),
		.order_mode = DS_ORDER_PREVENT,
		.ttl_factor = 1,
		.args = { .pid = (uint32_t)q->ev.num[DS_NUM_PID],
		    .start_us = q->ev.num[DS_NUM_START],
		    .answer = why != NULL ? DS_ANSWER_ALLOW : DS_ANSWER_KILL },
	};
	memcpy(p->host_id, q->host->id, sizeof(p->host_id));
	copy(DS_EVENT_STR(&q->ev, DS_STR_ORDER), p->args.question, sizeof(p->args.question));
	memcpy(p->args.exe, q->exe, sizeof(p->args.exe));
	memcpy(p->daemon, q->daemon, sizeof(p->daemon));
	snprintf(p->by, sizeof(p->by), "policy");
	snprintf(p->rule, sizeof(p->rule), "held");
	snprintf(p->reason, sizeof(p->reason), "%s",
	    why != NULL ? why
	    : q->kind == DS_EVENT_EXEC
		? "neither the daemon nor its peers are known to start it"
		: "neither the daemon nor its peers are known to connect there");
	if (q->kind == DS_EVENT_EXEC)
		remember(q->react, p);
	q->react->reactions++;
	react_write_post(w);
}

static void
take_question(struct react *r, const struct react_host *host, const struct ds_event *ev)
{
	struct question q = { .react = r,
		.host = host,
		.ev = *ev,
		.kind = ev->kind == DS_EVENT_HELD ? DS_EVENT_EXEC : DS_EVENT_CONNECT,
		.now_us = ds_clock_wall_us() };
	enum react_mode mode;

	copy(ev->daemon, q.daemon, sizeof(q.daemon));
	copy(DS_EVENT_STR(ev, DS_STR_EXE), q.exe, sizeof(q.exe));
	mode = modes_of(r->modes, host->number, host->labels, q.daemon);
	/* Held by the host's own configuration, or no longer: it decides by itself. */
	if (mode != REACT_PREVENT || r->is_paused || DS_EVENT_STR(ev, DS_STR_ORDER).len != 32)
		return;
	answer(&q, reason_to_allow(&q));
}

void
prevent_events(struct react *r, uint32_t number, const void *data, size_t size)
{
	const struct react_host *host = hosts_get(r->hosts, number, ds_clock_monotonic_ms());
	struct ds_event ev;
	struct ds_buf b;

	ds_buf_view(&b, data, size);
	while (host != NULL && ds_buf_left(&b) > 0 && ds_ipc_get_event(&b, &ev) == 0)
		if (ev.kind == DS_EVENT_HELD || ev.kind == DS_EVENT_HELD_CONNECT)
			take_question(r, host, &ev);
}

/* ---- holds */

struct holding {
	struct react *react;
	uint64_t now_ms;
	size_t posted;
	size_t seen; /* that are in effect */
};

static bool
is_wanted(struct react *r, uint32_t number, const char *daemon, uint64_t now_ms)
{
	const struct react_host *host = hosts_get(r->hosts, number, now_ms);

	return host != NULL && host->is_approved && !r->is_paused &&
	       modes_of(r->modes, number, host->labels, daemon) == REACT_PREVENT;
}

static int
hold_daemon(const struct daemon_row *row, void *ctx)
{
	struct holding *h = ctx;
	struct react *r = h->react;
	const struct react_host *host;
	struct react_write *w;
	struct issue_plan *p;
	char key[320];
	int n = snprintf(key, sizeof(key), "%u/%s", row->host, row->name);

	if (row->gone || strcmp(row->state, "ready") != 0 ||
	    ds_map_get(r->held_now, key, (size_t)n) != NULL ||
	    !is_wanted(r, row->host, row->name, h->now_ms))
		return 0;
	host = hosts_get(r->hosts, row->host, h->now_ms);
	w = react_write_new(r, react_write_plans, sizeof(*p));
	if (host == NULL || w == NULL) {
		react_write_free(w);
		return 0;
	}
	p = w->body->plans;
	*p = (struct issue_plan){ .host = row->host,
		.kind = react_kind_find("hold"),
		.order_mode = DS_ORDER_PREVENT,
		.ttl_us = HOLD_US,
		.ttl_max_us = HOLD_US,
		.ttl_factor = 1 };
	memcpy(p->host_id, host->id, sizeof(p->host_id));
	snprintf(p->args.unit, sizeof(p->args.unit), "%s", row->name);
	snprintf(p->daemon, sizeof(p->daemon), "%s", row->name);
	snprintf(p->rule, sizeof(p->rule), "prevent");
	snprintf(p->by, sizeof(p->by), "policy");
	snprintf(p->reason, sizeof(p->reason), "mode prevent");
	react_write_post(w);
	return ++h->posted >= 1000;
}

static int
run_release(struct react_write *w, const struct store_backend *b, struct store *store)
{
	uint32_t host;
	int r = issue_undo(b, store, &w->issuer, w->id, "", ds_clock_wall_us(), &host);

	return r < 0 && r != -EALREADY ? r : 0;
}

static int
see_undo(const struct order_row *row, void *ctx)
{
	const char **id = ctx;

	if (!row->undo || strcmp(row->reaction_id, *id) != 0)
		return 0;
	*id = NULL;
	return 1;
}

/* Its undo was ordered, and is not answered yet. */
static bool
is_being_released(struct react *r, const char *id)
{
	return r->cfg.backend->reactions->each_open(r->reader, 0, see_undo, &id) != 0 || id == NULL;
}

/* Some each time, in turn: of thousands of hosts that is enough. */
static void
tell_profile(struct holding *h, const struct reaction_row *row)
{
	const struct react_host *host = hosts_get(h->react->hosts, row->host, h->now_ms);
	size_t at = h->react->profiles_at;

	if (host == NULL || strcmp(row->status, "verified") != 0)
		return;
	if (h->seen >= at && h->seen < at + PROFILES_STEP)
		away_send(h->react, host, row->daemon);
	h->seen++;
}

/* A hold that is: known, or to be taken back. */
static int
see_hold(const struct reaction_row *row, void *ctx)
{
	struct holding *h = ctx;
	struct react *r = h->react;
	struct react_write *w;
	char key[320];
	int n = snprintf(key, sizeof(key), "%u/%s", row->host, row->daemon);

	if (strcmp(row->kind, "hold") != 0)
		return 0;
	if (ds_map_put(r->held_now, key, (size_t)n, r, NULL) < 0)
		return 0;
	if (is_wanted(r, row->host, row->daemon, h->now_ms)) {
		tell_profile(h, row);
		return 0;
	}
	if (is_being_released(r, row->id))
		return 0;
	w = react_write_new(r, run_release, 0);
	if (w == NULL)
		return 0;
	w->host = row->host;
	snprintf(w->id, sizeof(w->id), "%s", row->id);
	react_write_post(w);
	return 0;
}

void
prevent_sweep(struct react *r, uint64_t now_ms)
{
	static const char *const open[] = { "pending", "sent", "applied", "verified" };
	const struct store_backend *b = r->cfg.backend;
	struct holding h = { .react = r, .now_ms = now_ms };
	int q = 0;

	ds_map_free(r->held_now, NULL);
	r->held_now = ds_map_new(1u << 20);
	if (r->held_now == NULL)
		return;
	for (size_t i = 0; i < DS_LEN(open) && q >= 0; i++) {
		const struct reaction_filter f = { .status = open[i], .kind = "hold" };

		q = b->reactions->each(r->reader, &f, see_hold, &h);
	}
	r->profiles_at =
	    r->profiles_at + PROFILES_STEP < h.seen ? r->profiles_at + PROFILES_STEP : 0;
	if (q >= 0 && modes_has(r->modes, REACT_PREVENT))
		q = b->each_daemon(r->reader, 0, hold_daemon, &h);
	if (q < 0 && ds_log_pass(&rate, 5))
		ds_log(ERROR, "what is to be held cannot be read", "why=\"%s\"", strerror(-q));
}
