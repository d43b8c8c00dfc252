/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_net - connections of a held daemon to destinations that it never had.
 *
 * Called by hold and hold_which.  A connection is refused, the daemon itself is not stopped: it may
 * have a thousand others.  The first try fails at once, and when the answer is there, milliseconds
 * later, the next one is let through.  Who talks to hundreds of destinations talks to anybody, and
 * is not held.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/hold.h"
#include "agent/guard/hold_part.h"
#include "agent/guard/order_job.h"
#include "agent/guard/probe.h"
#include "agent/guard/program_table.h"
#include "agent/guard/reactions/never.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define QUESTIONS_MAX    64u
#define DESTINATIONS_MAX 256u              /* of one daemon: more, and nothing of it is held */
#define REFUSED_MS       (60u * 60 * 1000) /* by an answer */
#define DEFAULT_MS       (10u * 60 * 1000) /* nobody answered: before it is asked again */
#define DESTINATION_MAX  (sizeof("connect ") + 64)

struct net_question {
	uint8_t id[DS_ORDER_ID_SIZE];
	uint64_t key, due_ms;
	uint32_t pid;
	char daemon[256];
	char destination[DESTINATION_MAX]; /* as in `known` */
	bool is_open;
};

static const struct agent_config *config;
static struct net_question questions[QUESTIONS_MAX];
static bool attached;

/* "connect 192.0.2.1 443 6" */
static bool
destination_of(const struct sample *s, struct network *ret, char *text, size_t size)
{
	char address[64];

	if ((s->family != AF_INET && s->family != AF_INET6) ||
	    network_of(s->daddr, s->family == AF_INET ? 4 : 16, ret) < 0)
		return false;
	network_format(ret, address, sizeof(address));
	return (size_t)snprintf(text, size, "connect %s %u %u", address, s->dport, s->proto) < size;
}

/* ---- what is known */

struct pushed {
	uint32_t number;
	size_t len;
};

static void
push_one(const char *text, void *ctx)
{
	struct pushed *p = ctx;
	uint8_t address[16] = { 0 };
	unsigned port, protocol;
	struct network n;
	char name[64];

	if (sscanf(text, "connect %63s %u %u", name, &port, &protocol) != 3 ||
	    network_parse(name, &n) < 0)
		return;
	p->len++;
	if (p->number == 0)
		return;
	memcpy(address, n.address, n.bits / 8);
	probe_net_verdict(
	    probe_net_key(p->number, address, (uint16_t)port, (uint8_t)protocol), true, 0);
}

static size_t
count(const char *daemon)
{
	struct pushed p = { 0 };

	hold_known_each(daemon, push_one, &p);
	return p.len;
}

void
hold_learn_connect(const char *daemon, const struct sample *s)
{
	char text[DESTINATION_MAX];
	struct network n;

	if (hold_is_on(daemon) || !destination_of(s, &n, text, sizeof(text)) ||
	    hold_known_has(daemon, text) || count(daemon) > DESTINATIONS_MAX)
		return;
	hold_known_add(daemon, text);
}

int
hold_net_daemon(const struct daemon *d, bool on)
{
	struct pushed p = { .number = d->number };

	if (!attached)
		return 0;
	if (on) {
		hold_known_each(d->name, push_one, &p);
		if (p.len > DESTINATIONS_MAX) {
			ds_log(INFO, "connections are not held: it talks to anybody",
			    "daemon=\"%s\"", d->name);
			return 0;
		}
	}
	return probe_net_daemon(d->number, on);
}

/* ---- questions */

static void
tell(const struct net_question *q, const char *text)
{
	struct ds_result m = { .kind = "hold", .outcome = DS_OUTCOME_DONE, .is_verified = 1 };
	struct ds_order order = { .pid = q->pid };

	memcpy(m.order, q->id, sizeof(m.order));
	(void)snprintf(m.text, sizeof(m.text), "%s: %s", text, q->destination);
	memcpy(order.daemon, q->daemon, sizeof(order.daemon));
	order_tell(NULL, LEDGER_OVER, &m, &order);
}

static void
close_question(struct net_question *q, bool allow, uint64_t for_ms, const char *text)
{
	probe_net_verdict(q->key, allow, for_ms);
	tell(q, text);
	q->is_open = false;
}

static void
ask(const struct net_question *q, const struct probe_sample *sample, const struct network *n)
{
	const struct sample *s = sample->s;
	const char *exe = program_table_get(s->exe);
	char id[33];
	struct ds_event ev = { .time_us = ds_clock_wall_us(),
		.count = 1,
		.kind = DS_EVENT_HELD_CONNECT,
		.flags = DS_FLAG_FIRST,
		.daemon = { q->daemon, (uint32_t)strlen(q->daemon) } };

	ds_order_id_format(q->id, id);
	ev.num[DS_NUM_PID] = s->pid;
	ev.num[DS_NUM_UID] = s->uid;
	ev.num[DS_NUM_START] = ev.time_us - (ds_clock_boot_us() - s->start_ns / 1000);
	ev.num[DS_NUM_UNTIL] = ev.time_us + config->hold_timeout_ms * 1000;
	ev.num[DS_NUM_DPORT] = s->dport;
	ev.num[DS_NUM_PROTO] = s->proto;
	ds_event_set_str(&ev, DS_STR_ORDER, id, strlen(id));
	ds_event_set_str(&ev, DS_STR_DADDR, n->address, n->bits / 8);
	if (exe != NULL)
		ds_event_set_str(&ev, DS_STR_EXE, exe, strlen(exe));
	emit_event(&ev);
}

static struct net_question *
find(uint64_t key, bool is_open)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open == is_open && (!is_open || questions[i].key == key))
			return &questions[i];
	return NULL;
}

void
hold_connect_sample(const struct probe_sample *sample)
{
	const struct sample *s = sample->s;
	const struct daemon *d = daemon_get(s->daemon);
	struct reaction_call call = { .config = config };
	struct net_question *q = find(0, false);
	char text[DESTINATION_MAX];
	struct network n;

	if (find(s->arg[0], true) != NULL)
		return; /* two threads at once */
	if (d == NULL || order_is_paused() || !destination_of(s, &n, text, sizeof(text))) {
		probe_net_verdict(s->arg[0], true, DEFAULT_MS);
		return;
	}
	/* Resolvers, the server: who is never blocked is never refused. */
	if (hold_known_has(d->name, text) || never_check(&call, &n) == -EPERM) {
		probe_net_verdict(s->arg[0], true, 0);
		return;
	}
	if (q == NULL || getrandom(q->id, sizeof(q->id), 0) != sizeof(q->id)) {
		emit_gap("hold", 1, 0, "too many connections are held: one was let pass");
		probe_net_verdict(s->arg[0], true, DEFAULT_MS);
		return;
	}
	q->key = s->arg[0];
	q->pid = s->pid;
	q->due_ms = ds_clock_monotonic_ms() + config->hold_timeout_ms;
	(void)snprintf(q->daemon, sizeof(q->daemon), "%s", d->name);
	memcpy(q->destination, text, sizeof(q->destination));
	q->is_open = true;
	ask(q, sample, &n);
}

int
hold_net_answer(const uint8_t id[DS_ORDER_ID_SIZE], unsigned answer)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct net_question *q = &questions[i];

		if (!q->is_open || memcmp(q->id, id, sizeof(q->id)) != 0)
			continue;
		if (answer == DS_ANSWER_ALLOW) {
			hold_known_add(q->daemon, q->destination);
			close_question(q, true, 0, "allowed");
		} else {
			close_question(q, false, REFUSED_MS, "refused");
		}
		return 0;
	}
	return -ENOENT;
}

/* ---- life */

int
hold_net_attach(bool on)
{
	int r = on ? probe_net(true) : 0;

	if (r == 0 && !on)
		r = probe_net(false);
	attached = on && r == 0;
	if (attached)
		probe_net_alive(config->hold_timeout_ms + 1000);
	return r;
}

bool
hold_net_is_on(void)
{
	return attached;
}

uint64_t
hold_net_tick(uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	if (attached)
		probe_net_alive(config->hold_timeout_ms + 1000);
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct net_question *q = &questions[i];

		if (!q->is_open)
			continue;
		if (q->due_ms > now_ms)
			next = DS_MIN(next, q->due_ms - now_ms);
		else if (config->hold_default == AGENT_HOLD_KILL)
			close_question(q, false, DEFAULT_MS, "no answer in time, refused");
		else
			close_question(q, true, DEFAULT_MS, "no answer in time, allowed");
	}
	return next;
}

void
hold_net_init(const struct agent_config *c)
{
	config = c;
}
