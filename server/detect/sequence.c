/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/sequence.h"

#include "lib/map.h"
#include "server/detect/explain.h"
#include "server/detect/key.h"
#include "server/detect/sequence_state.h"
#include "server/detect/tier.h"
#include "server/detect/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX     65536u /* categories of a class */
#define GROWN          1.25   /* a peak is handed in again when it has grown so much */
#define SURPRISE_LEAST 0.3    /* nats a step; where all is alike, less is seldom, and yet nothing */
#define MISMATCH_LEAST 2
#define BURST_LEAST    3
#define IDLE_US        EVIDENCE_SPAN_US

static const struct evidence_model markov = { "markov-3", EVIDENCE_SEQUENCE, "window_outlier",
	"does things in an unusual order", SURPRISE_LEAST };
static const struct evidence_model stide = { "stide-5", EVIDENCE_SEQUENCE, "window_outlier",
	"does things in an order never seen before", MISMATCH_LEAST };
static const struct evidence_model burst = { "burst", EVIDENCE_CHANGE, "rate_burst",
	"is suddenly busy with one destination", BURST_LEAST };

struct sequence *
sequence_new(void)
{
	struct sequence *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->classes = ds_map_new(SEQUENCE_CLASSES_MAX);
	s->chains = calloc(SEQUENCE_CHAINS, sizeof(*s->chains));
	if (s->classes == NULL || s->chains == NULL || burst_init(&s->burst) < 0 ||
	    grams_init(&s->grams, SEQUENCE_GRAMS_MAX) < 0) {
		sequence_free(s);
		return NULL;
	}
	return s;
}

static void
class_free(void *value)
{
	struct class_models *c = value;

	tally_done(&c->others);
	free(c);
}

void
sequence_free(struct sequence *s)
{
	if (s == NULL)
		return;
	ds_map_free(s->classes, class_free);
	grams_done(&s->grams);
	burst_done(&s->burst);
	free(s->chains);
	free(s);
}

struct class_models *
sequence_class(struct sequence *s, const char *name)
{
	struct class_models *c = ds_map_get(s->classes, name, strlen(name));

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->scope = key_hash(32, name, strlen(name));
	tally_init(&c->others, OTHERS_MAX);
	if (ds_map_put(s->classes, name, strlen(name), c, NULL) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

/* ---- daemons */

static void
open_models(struct daemon_models *m, uint64_t slot, uint64_t server_us)
{
	m->is_open = true;
	m->slot = slot;
	m->opened_us = server_us;
	m->blind_us = m->slot_blind_us = m->daemon->host->blind_us;
	m->prev = m->all->last;
	m->next = NULL;
	*(m->all->last != NULL ? &m->all->last->next : &m->all->first) = m;
	m->all->last = m;
}

static void
close_models(struct daemon_models *m)
{
	if (!m->is_open)
		return;
	m->is_open = false;
	*(m->prev != NULL ? &m->prev->next : &m->all->first) = m->next;
	*(m->next != NULL ? &m->next->prev : &m->all->last) = m->prev;
}

void
sequence_forget(struct daemon_models *m)
{
	if (m == NULL)
		return;
	close_models(m);
	sequence_unmark(m);
	m->class->daemons--;
	llr_done(&m->llr);
	for (uint32_t i = 0; i < m->held_len; i++)
		free(m->held[i]);
	free(m);
}

struct daemon_models *
sequence_models(struct sequence *s, struct daemon_profile *d)
{
	struct daemon_models *m = d->models;

	if (m != NULL)
		return m;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->all = s;
	m->daemon = d;
	m->class = sequence_class(s, d->class);
	llr_init(&m->llr);
	if (m->class == NULL) {
		free(m);
		return NULL;
	}
	m->class->daemons++;
	d->models = m;
	return m;
}

struct evidence
sequence_evidence(
    struct turn *t, const struct daemon_models *m, const struct evidence_model *model, double score)
{
	return (struct evidence){ .model = model,
		.host = m->daemon->host->number,
		.host_name = t->from->host_name,
		.daemon = m->daemon->name,
		.class = m->daemon->class,
		.time_us = t->host->clock_us,
		.score = score,
		.peers_of = turn_peers_of(t, m->daemon) };
}

int
sequence_hand_in(struct turn *t, struct daemon_models *m, const struct evidence *e, double *ret_p)
{
	size_t before = t->verdict->findings_len;
	int r;

	*ret_p = 1;
	if (version_is_warm(m->daemon, e->time_us))
		return 0; /* a new version has another order and mixture, and is learnt */
	r = evidence_add(t->detect->evidence, e, t->verdict, ret_p);

	if (t->verdict->findings_len > before)
		m->daemon->told_us = e->time_us;
	return r;
}

/* ---- peaks */

struct steps {
	const struct daemon_models *models;
	const struct chain *chain;
	const struct behaviour *behaviour;
	double now, mean;
	uint64_t root;
};

static void
name_step(const struct daemon_profile *d, uint32_t symbol, char *ret, size_t size)
{
	snprintf(ret, size, "%s", symbol < DS_EVENT_MAX ? ds_kind_table[symbol].action : "?");
	for (const struct behaviour *b = d->behaviours; symbol >= DS_EVENT_MAX && b != NULL;
	     b = b->next)
		if (b->symbol == symbol) {
			key_text(b->kind, b->key, b->key_size, ret, size);
			return;
		}
}

static size_t
explain_steps(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct steps *x = ctx;
	size_t len = 0;

	if (max == 0)
		return 0;
	snprintf(ret->feature, sizeof(ret->feature), "order of steps of a process");
	snprintf(ret->baseline, sizeof(ret->baseline), "what %.60s does after what, on %u hosts",
	    x->models->daemon->class, x->models->class->daemons);
	for (unsigned i = CHAIN_STIDE - 1; i-- > 0;) {
		char name[60];

		if (x->chain->past[i] == 0)
			continue;
		name_step(x->models->daemon, x->chain->past[i], name, sizeof(name));
		if (len < sizeof(ret->observed) - 64)
			len += (size_t)snprintf(ret->observed + len, sizeof(ret->observed) - len,
			    "%s%.48s", len > 0 ? " -> " : "", name);
	}
	ret->weight = 1;
	return 1;
}

static size_t
explain_burst(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct steps *x = ctx;
	const struct behaviour *b = x->behaviour;
	char what[120], number[EXPLAIN_NUMBER];

	if (max == 0)
		return 0;
	key_text(b->kind, b->key, b->key_size, what, sizeof(what));
	snprintf(ret->feature, sizeof(ret->feature), "%s a minute", ds_kind_table[b->kind].action);
	snprintf(
	    ret->baseline, sizeof(ret->baseline), "%s on average", explain_number(x->mean, number));
	snprintf(ret->observed, sizeof(ret->observed), "%s to %.120s",
	    explain_number(x->now, number), what);
	ret->weight = 1;
	return 1;
}

static int
hand_in(struct turn *t, struct daemon_models *m, const struct evidence_model *model,
    struct peak *peak, size_t (*explain)(const void *, struct evidence_feature *, size_t),
    const struct steps *x)
{
	struct evidence e = sequence_evidence(t, m, model, peak->top);
	double p;

	peak->sent = peak->top;
	e.root = peak->root;
	e.explain = x != NULL ? explain : NULL;
	e.ctx = x;
	return sequence_hand_in(t, m, &e, &p);
}

/* A new peak is news at once when it is high and has grown; otherwise when the five minutes end. */
static int
note_peak(struct turn *t, struct daemon_models *m, const struct evidence_model *model,
    struct peak *peak, double score, double least,
    size_t (*explain)(const void *, struct evidence_feature *, size_t), const struct steps *x)
{
	if (score <= peak->top)
		return 0;
	peak->top = score;
	peak->root = x->root;
	if (score < least || !stand_is_known(m->daemon) || score < peak->sent * GROWN)
		return 0;
	return hand_in(t, m, model, peak, explain, x);
}

static int
end_peaks(struct turn *t, struct daemon_models *m)
{
	const struct {
		const struct evidence_model *model;
		struct peak *peak;
	} peaks[] = { { &markov, &m->surprise }, { &stide, &m->mismatches },
		{ &burst, &m->burst } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < DS_LEN(peaks); i++) {
		if (stand_is_known(m->daemon) && peaks[i].peak->top > peaks[i].peak->sent)
			r = hand_in(t, m, peaks[i].model, peaks[i].peak, NULL, NULL);
		*peaks[i].peak = (struct peak){ 0 };
	}
	return r;
}

/* The five minutes are over. */
static int
end_slot(struct turn *t, struct daemon_models *m)
{
	int r = mixture_end(t, m);

	if (r == 0)
		r = end_peaks(t, m);
	if (r == 0)
		r = sequence_share_end(t, m);
	close_models(m);
	return r;
}

/* ---- what is seen */

/* A program is a step of its own, of anything else only what sort it is. */
static uint32_t
symbol_of(struct behaviour *b)
{
	if (b->symbol == 0) {
		uint64_t hash = key_hash(33 + b->kind, b->key, b->key_size);

		b->symbol =
		    key_family(b->kind) == KEY_PROCESS ? (uint32_t)hash | 0x80000000u : b->kind;
	}
	return b->symbol;
}

static struct followed *
chain_slot(struct sequence *s, uint64_t key)
{
	return &s->chains[key >> 20 & (SEQUENCE_CHAINS - 1)];
}

static uint64_t
chain_key(const struct host_profile *h, uint64_t pid)
{
	return grams_key(grams_key(h->number, h->blind_us), pid);
}

/* A process that was not followed yet goes on where its parent is. */
static struct followed *
chain_of(struct turn *t, const struct sighting *s, uint64_t pid)
{
	uint64_t key = chain_key(t->host, pid);
	struct followed *f = chain_slot(t->detect->sequence, key);
	const struct followed *from;
	uint64_t parent = 0;

	if (f->key == key)
		return f;
	if (s->event != NULL && s->event->num[DS_NUM_PPID] > 1)
		parent = chain_key(t->host, s->event->num[DS_NUM_PPID]);
	from = parent != 0 ? chain_slot(t->detect->sequence, parent) : NULL;
	if (from != NULL && from->key == parent)
		f->chain = from->chain;
	else
		f->chain = (struct chain){ 0 };
	f->root = pid == s->daemon->pid                                    ? 0
		  : from != NULL && from->key == parent && from->root != 0 ? from->root
									   : key;
	f->key = key;
	return f;
}

uint64_t
sequence_root(struct turn *t, uint64_t pid)
{
	uint64_t key = chain_key(t->host, pid);
	const struct followed *f = chain_slot(t->detect->sequence, key);

	return pid != 0 && f->key == key ? f->root : 0;
}

static int
see_step(struct turn *t, struct daemon_models *m, const struct sighting *s, uint64_t pid)
{
	struct grams *g = &t->detect->sequence->grams;
	uint32_t symbol = symbol_of(s->behaviour);
	struct followed *f = chain_of(t, s, pid);
	struct chain *c = &f->chain;
	struct steps x = { .models = m, .chain = c };
	struct chain_step step;
	int r;

	if (c->past[0] == symbol)
		return 0; /* more of the same is no order */
	step = chain_look(g, m->class->scope, c, symbol);
	/* What was told or waits is not part of what is normal, nor what comes of it. */
	if (s->behaviour->learnt && !tier_is_of_finding(t, s))
		chain_learn(g, m->class->scope, c, symbol);
	chain_advance(c, symbol, &step);
	x.root = f->root;
	r = sequence_share_step(t, m, f, &step, s->behaviour->learnt);
	if (r == 0)
		r = note_peak(t, m, &markov, &m->surprise, chain_surprise(c), SURPRISE_LEAST,
		    explain_steps, &x);
	if (r == 0)
		r = note_peak(t, m, &stide, &m->mismatches, chain_mismatches(c), MISMATCH_LEAST,
		    explain_steps, &x);
	return r;
}

static int
see_edge(struct turn *t, struct daemon_models *m, const struct sighting *s)
{
	struct burst *b = &t->detect->sequence->burst;
	struct steps x = { .models = m, .behaviour = s->behaviour };
	uint64_t edge = grams_key(m->daemon->serial, (uintptr_t)s->behaviour);
	double score = burst_add(b, edge, (double)s->count, s->time_us);

	if (score <= m->burst.top)
		return 0;
	burst_look(b, edge, &x.now, &x.mean);
	x.root = sequence_root(t, t->pids[s->index]);
	return note_peak(t, m, &burst, &m->burst, score, BURST_LEAST, explain_burst, &x);
}

int
sequence_see(struct turn *t, const struct sighting *s, uint64_t pid)
{
	struct daemon_models *m = sequence_models(t->detect->sequence, s->daemon);
	uint64_t slot = s->time_us / EVIDENCE_SPAN_US;
	int r = 0;

	if (m == NULL)
		return 0; /* no room for its class: novelty alone judges it */
	if (m->is_open && m->slot < slot)
		r = end_slot(t, m);
	else if (m->weight >= SEQUENCE_BLOCK_MAX)
		r = mixture_end(t, m);
	if (r < 0)
		return r;
	if (!m->is_open)
		open_models(m, slot, t->from->received_us);
	mixture_see(m, s->behaviour, s->count);
	if (s->kind == DS_EVENT_CONNECT || s->kind == DS_EVENT_SEND)
		r = see_edge(t, m, s);
	if (r == 0 && pid != 0 && !(s->flags & DS_FLAG_REPEAT))
		r = see_step(t, m, s, pid);
	return r;
}

int
sequence_tick(struct detect *d, uint64_t now_us, struct verdict *v)
{
	struct sequence *s = d->sequence;
	int r = 0;

	while (r == 0 && s->first != NULL && s->first->opened_us + IDLE_US + IDLE_US / 5 < now_us) {
		struct daemon_models *m = s->first;
		const struct batch_origin from = { .host = m->daemon->host->number,
			.received_us = now_us };
		struct turn t = {
			.detect = d, .from = &from, .verdict = v, .host = m->daemon->host
		};

		r = end_slot(&t, m);
		ds_version_release(t.fleet);
	}
	return r;
}
