/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trust - the hand-over from one authority to another, with a fleet that goes on working.
 *
 * An operator asks for it.  The new authority is made and every agent told, over the session it
 * has, to trust both (TRUST); when all hosts said that they do (TRUSTS), the new one takes over:
 * server's certificate, new hosts, renewals, which are due at once; when all hosts have
 * certificates of it, the old one is forgotten, here and by the agents.  Hosts that are away hold
 * each step up, unless it is forced; the steps are on disk (pki.h).
 *
 * Sessions and reloading on each worker's thread; steps on that of the first.
 */
#include "server/ingest/trust.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "server/ingest/enrol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_TICKS 3          /* between two looks whether a step is due */
#define SPREAD_US  (10000ull) /* a session: renewals that are due at once do not come at once */
#define PINS_SIZE  (DS_TRUSTS_MAX * DS_PIN_SIZE)

void
trust_pins(const struct pki *pki, uint8_t ret[PINS_SIZE])
{
	struct ds_trusts m = { 0 };

	memcpy(m.pins, pki_pin(pki), DS_PIN_SIZE);
	if (pki_other_pin(pki))
		memcpy(m.pins + DS_PIN_SIZE, pki_other_pin(pki), DS_PIN_SIZE);
	memcpy(ret, m.pins, sizeof(m.pins));
}

static bool
has_pin(const uint8_t pins[PINS_SIZE], const uint8_t *pin)
{
	for (size_t i = 0; i < DS_TRUSTS_MAX; i++)
		if (memcmp(pins + i * DS_PIN_SIZE, pin, DS_PIN_SIZE) == 0)
			return true;
	return false;
}

/* In whatever order. */
static bool
is_same(const uint8_t a[PINS_SIZE], const uint8_t b[PINS_SIZE])
{
	for (size_t i = 0; i < DS_TRUSTS_MAX; i++)
		if (!has_pin(a, b + i * DS_PIN_SIZE) || !has_pin(b, a + i * DS_PIN_SIZE))
			return false;
	return true;
}

static uint64_t
soon(const struct worker *w)
{
	uint64_t spread = w->sessions_len / 100 * 100 * SPREAD_US;
	uint32_t random = 0;

	if (ds_random(&random, sizeof(random)) < 0)
		random = 0; /* all at once, then */
	return ds_clock_wall_us() + (spread > 0 ? random % spread : 0);
}

static void
tell(struct session *s)
{
	struct worker *w = s->worker;
	struct ds_trust m = { 0 };

	m.authorities = pki_trust(w->pki, &m.size);
	if (pki_phase(w->pki) == PKI_SWITCHED && s->is_of_old)
		m.renew_after_us = soon(w);
	ds_buf_clear(&w->out);
	if (ds_trust_put(&w->out, &m) < 0 || session_send(s, DS_FRAME_TRUST, 0) < 0)
		ds_log(DEBUG, "an agent does not read whom to trust", "peer=%s", s->info.peer);
}

void
trust_greet(struct session *s, const struct ds_hello *hello)
{
	static const uint8_t none[PINS_SIZE];
	uint8_t pins[PINS_SIZE];

	trust_pins(s->worker->pki, pins);
	/* An agent that tells nothing does not know the frame, either. */
	if (memcmp(hello->trusts, none, sizeof(none)) != 0 &&
	    (!is_same(hello->trusts, pins) || s->is_of_old))
		tell(s);
}

int
trust_take(struct session *s, const void *payload, size_t size)
{
	struct ds_trusts m;
	int r = ds_trusts_get(payload, size, &m);

	if (r == 0)
		enrol_told_trusts(s, m.pins);
	return r;
}

bool
trust_is_of_old(const struct pki *pki, const struct host_row *row)
{
	return pki_phase(pki) == PKI_SWITCHED &&
	       memcmp(row->issuer, pki_pin(pki), DS_PIN_SIZE) != 0;
}

static int
look_at_issuer(const struct host_row *row, void *ctx)
{
	struct session *s = ctx;

	s->is_of_old = trust_is_of_old(s->worker->pki, row);
	return 0;
}

void
trust_reload(struct worker *w)
{
	char why[300];
	struct pki *fresh = pki_again(w->ingest->pki, why, sizeof(why));

	if (!fresh) {
		ds_log(ERROR, "the changed authority cannot be used", "why=\"%s\"", why);
		return;
	}
	pki_free(w->pki);
	w->pki = fresh;
	if (worker_load_tls(w, why, sizeof(why)) < 0)
		ds_log(ERROR, "the server's renewed certificate cannot be used", "why=\"%s\"", why);
	for (struct session *s = w->sessions; s; s = s->next)
		if (s->state == SESSION_OPEN) {
			(void)w->ingest->cfg.backend->host_get(
			    w->reader, s->info.host_id, look_at_issuer, s);
			tell(s);
		}
}

/* ---- steps, on the first worker */

static void
describe(const struct pki *pki, struct authority_state *ret)
{
	struct ds_cert_info info;

	*ret = (struct authority_state){ .phase = pki_phase(pki) };
	memcpy(ret->current, pki_pin(pki), sizeof(ret->current));
	if (pki_other_pin(pki))
		memcpy(ret->other, pki_other_pin(pki), sizeof(ret->other));
	if (ds_tls_file_info(pki_ca_file(pki), &info) == 0)
		ret->expires_us = info.not_after_us;
}

int
trust_publish(struct ingest *in, const struct pki *pki)
{
	struct authority_state *a = malloc(sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	describe(pki, a);
	r = ds_snapshot_publish(in->authority, a);
	if (r < 0)
		free(a);
	return r;
}

int
trust_count(const struct store_backend *b, struct reader *reader, struct authority_state *a)
{
	uint64_t unused;
	int r = b->identity->count(reader, a->phase == PKI_SPREADING ? a->other : a->current,
	    &a->hosts, &a->trusting, &unused);

	return r < 0 ? r : b->identity->count(reader, a->current, &a->hosts, &unused, &a->issued);
}

static int
look(const struct worker *w, struct authority_state *ret)
{
	describe(w->pki, ret);
	return trust_count(w->ingest->cfg.backend, w->reader, ret);
}

static bool
is_due(const struct authority_state *a)
{
	switch (a->phase) {
	case PKI_STABLE:
		return false;
	case PKI_SPREADING:
		return a->trusting == a->hosts;
	case PKI_SWITCHED:
		return a->issued == a->hosts;
	}
	return false;
}

static void
step(struct worker *w)
{
	static const char *const names[] = { "the old authority is forgotten",
		"a new authority is made, agents are told", "the new authority takes over" };
	struct pki *fresh;
	char why[300];

	if (pki_step(w->pki, ds_clock_wall_us(), why, sizeof(why)) < 0) {
		ds_log(ERROR, "the authority could not be changed", "why=\"%s\"", why);
		return;
	}
	fresh = pki_again(w->ingest->pki, why, sizeof(why));
	if (!fresh || pki_refresh(fresh, ds_clock_wall_us()) < 0)
		ds_log(ERROR, "the changed authority cannot be used", "why=\"%s\"", why);
	else if (trust_publish(w->ingest, fresh) < 0)
		ds_log(ERROR, "no memory to show the changed authority", "%s", "");
	else
		ds_log(INFO, names[pki_phase(fresh)], "%s", "");
	pki_free(fresh);
	worker_tell_tls(w->ingest);
}

void
trust_rotate(struct worker *w, bool is_forced)
{
	struct authority_state a;

	if (look(w, &a) < 0)
		ds_log(ERROR, "who trusts whom cannot be read", "%s", "");
	else if (a.phase == PKI_STABLE || is_forced || is_due(&a))
		step(w);
}

void
trust_tick(struct worker *w)
{
	struct authority_state a;

	if (pki_phase(w->pki) == PKI_STABLE || w->ticks % LOOK_TICKS != 0)
		return;
	if (look(w, &a) == 0 && is_due(&a))
		step(w);
}
