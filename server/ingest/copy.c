/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy - tells a machine that was made from the disk image of another from that other one.
 *
 * On the host's worker.  Both show the same certificate.  They are told apart by two signs, neither
 * of which a machine that is alone can show:
 *
 * Two at once.  A host that says HELLO while it has a session may just have lost it before we
 * noticed.  So the older session is asked (PING) whether it still lives: if it answers, there are
 * two; if its connection ends, or it is silent for WAIT_MS, the newcomer takes its place.
 *
 * One after the other.  With each session an agent leaves a random number with us, and remembers
 * those it left before.  If the last number that we were left is none of its own, then another
 * machine went on from the same state.  (That it is one of its earlier ones is no sign: our
 * database may have been restored.)
 *
 * The newcomer is told (COPY) and can ask for an identity of its own, see enrol.c: a pending host,
 * with its own number, cursors, profiles and models.  Nothing that it says until then is stored.
 */
#include "server/ingest/copy.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS      5000 /* for the older session's answer; an agent waits for WELCOME longer */
#define RETRY_COPY_S 1
#define RETRY_BUSY_S 5

bool
copy_descends(uint64_t left, const struct ds_hello *hello)
{
	bool tells = hello->generation != 0;

	if (left == 0 || left == hello->generation)
		return true;
	for (unsigned i = 0; i < DS_GENERATIONS; i++) {
		uint64_t before = ds_u64_at(hello->before + 8 * i);

		if (before == left)
			return true;
		tells = tells || before != 0;
	}
	return !tells; /* an agent of an older version, or one that cannot write */
}

void
copy_refuse(struct session *s, const struct host_state *h, const char *how)
{
	static struct ds_log_rate rate;
	const struct ingest_config *cfg = &s->worker->ingest->cfg;

	s->worker->ingest->copies++;
	if (ds_log_pass(&rate, 10))
		ds_log(WARN, "two machines have the identity of one host, refusing one",
		    "host=\"%s\" peer=%s other=%s how=\"%s\"", h->name, s->info.peer,
		    h->session ? h->session->info.peer : "gone", how);
	if (cfg->on_copy)
		cfg->on_copy(h->number, h->name, s->info.peer, cfg->copy_ctx);
	session_fail(
	    s, DS_WIRE_COPY, RETRY_COPY_S, "another machine has this identity: ask for your own");
}

void
copy_ask(struct session *s, struct host_state *h)
{
	uint8_t nonce[8];

	if (h->newcomer) {
		session_fail(s, DS_WIRE_BUSY, RETRY_BUSY_S, "another session of this host waits");
		return;
	}
	s->state = SESSION_WAITING;
	s->host = h;
	s->waiting_ms = ds_clock_monotonic_ms();
	h->newcomer = s;
	if (ds_random(nonce, sizeof(nonce)) < 0)
		memset(nonce, 0x5a, sizeof(nonce));
	memcpy(h->question, nonce, sizeof(h->question));
	if (ds_conn_send(h->session->conn, DS_FRAME_PING, 0, nonce, sizeof(nonce)) < 0)
		ds_log(
		    DEBUG, "a session that does not read is asked nothing", "host=\"%s\"", h->name);
}

void
copy_answered(struct session *s, const void *payload, size_t size)
{
	struct host_state *h = s->host;
	struct session *newcomer = h->newcomer;

	if (!newcomer || newcomer->state != SESSION_WAITING || h->session != s ||
	    size != sizeof(h->question) || memcmp(payload, h->question, size) != 0)
		return;
	h->newcomer = NULL;
	newcomer->host = NULL;
	copy_refuse(newcomer, h, "both are connected");
}

void
copy_tick(struct worker *w, uint64_t now_ms)
{
	for (struct session *s = w->sessions, *next; s; s = next) {
		next = s->next;
		if (s->state != SESSION_WAITING || now_ms < s->waiting_ms + WAIT_MS)
			continue;
		/* Ending the older one lets the newcomer in, see session_free(). */
		session_free(s->host->session);
		next = w->sessions; /* anything may be gone; those that are done are not WAITING */
	}
}
