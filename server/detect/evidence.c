/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence - the fusion of what models find unusual.
 *
 * The unit that is calibrated and that the budget counts is the daemon's five minutes: its largest
 * score of each model over all lineages is what a (model, class) learns, so a daemon of a thousand
 * short processes is no more likely to alarm than one of three.  A lineage has a bucket of its own
 * only while something of it is unusual.
 */
#include "server/detect/evidence.h"

#include "lib/map.h"
#include "server/detect/evidence_pool.h"
#include "server/detect/key.h"
#include "server/model/fuse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CALIBRATORS_MAX 8192u
#define LAYER_MIN       200u /* buckets before the second calibration replaces the nominal law */
#define LINEAGE_P       0.1  /* a lineage gets a bucket of its own below it */
#define EXPLAIN_P       0.02
#define GROW_P          0.001 /* what joins an alert */
#define DECISIVE_P      1e-6
#define BEYOND_P        2e-6 /* the least that a model's score alone can be */
#define EPISODE_US      (3600 * 1000000ull)
#define WEEK_US         (7 * 86400e6)
#define CENSOR_P        0.01   /* of what was told no more is learnt than this */
#define ALPHA_MAX       0.005  /* told more often, the calibration could not be kept */
#define TESTS_A_WEEK    2016.0 /* of one daemon; the least that is assumed of a host */

/* Packed by hand: no padding goes into a hash. */
struct place {
	uint64_t host, daemon, root;
};

static struct place
place_of(uint32_t host, const char *daemon, uint64_t root)
{
	return (struct place){ host, key_hash(21, daemon, strlen(daemon)), root };
}

struct evidence_pool *
evidence_new(double per_host_week)
{
	struct evidence_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->budget = per_host_week;
	(void)feedback_weights(NULL, pool->weight);
	pool->buckets = ds_map_new(EVIDENCE_BUCKETS_MAX + 1);
	pool->calibrators = ds_map_new(CALIBRATORS_MAX);
	if (pool->buckets == NULL || pool->calibrators == NULL) {
		evidence_free(pool);
		return NULL;
	}
	return pool;
}

void
evidence_free(struct evidence_pool *pool)
{
	if (pool == NULL)
		return;
	for (struct bucket *b = pool->first, *next; b != NULL; b = next) {
		next = b->next;
		bucket_free(b);
	}
	ds_map_free(pool->buckets, NULL);
	ds_map_free(pool->calibrators, free);
	free(pool);
}

void
evidence_set_budget(struct evidence_pool *pool, double per_host_week)
{
	pool->budget = per_host_week;
}

void
evidence_leave_out(struct evidence_pool *pool, const char *model)
{
	pool->left_out = model;
}

void
evidence_set_feedback(
    struct evidence_pool *pool, const struct feedback *f, const struct reviews *reviews)
{
	pool->reviews = *reviews;
	pool->labels = feedback_weights(f, pool->weight) ? feedback_labels(f) : 0;
}

/* ---- calibration */

struct conformal *
evidence_calibrator(struct evidence_pool *pool, const char *model, const char *class, bool make)
{
	char key[64 + CLASS_MAX];
	size_t model_len = strnlen(model, 63), class_len = strnlen(class, CLASS_MAX - 1);
	struct conformal *c;

	memcpy(key, model, model_len);
	key[model_len] = '\0';
	memcpy(key + model_len + 1, class, class_len);
	c = ds_map_get(pool->calibrators, key, model_len + 1 + class_len);
	if (c != NULL || !make)
		return c;
	c = calloc(1, sizeof(*c));
	if (c != NULL &&
	    ds_map_put(pool->calibrators, key, model_len + 1 + class_len, c, NULL) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

void
evidence_calibrate(
    struct evidence_pool *pool, const struct evidence_model *model, const char *class, double score)
{
	struct conformal *c = evidence_calibrator(pool, model->name, class, true);

	if (c != NULL)
		conformal_learn(c, score);
}

static double
threshold(const struct evidence_pool *pool)
{
	double weeks = pool->host_us / WEEK_US;
	double tests = weeks > 0 ? (double)pool->tests / weeks : 0;
	double alpha = pool->budget / (tests > TESTS_A_WEEK ? tests : TESTS_A_WEEK);

	alpha *= feedback_factor(&pool->reviews, pool->budget * weeks);
	return alpha < ALPHA_MAX ? alpha : ALPHA_MAX;
}

/*
 * The second calibration: families are not independent, so what is nominal is only an order.  It
 * weakens; what the families that speak would say if they were independent is `least`, and cannot
 * become stronger.  Otherwise whatever a newly trained model says would be unheard of, since
 * nothing was said while the calibration was learnt.
 */
static double
layer_p(const struct conformal *c, double nominal, double least)
{
	double floor = 1 / ((double)c->n + 1);

	if (c->n >= LAYER_MIN)
		return fmax(conformal_p(c, -log10(nominal)), least);
	return nominal > floor ? nominal : floor;
}

/* ---- buckets */

static void
unlink_bucket(struct evidence_pool *pool, struct bucket *b)
{
	const struct place at = place_of(b->host, b->daemon, b->root);

	ds_map_remove(pool->buckets, &at, sizeof(at));
	*(b->prev != NULL ? &b->prev->next : &pool->first) = b->next;
	*(b->next != NULL ? &b->next->prev : &pool->last) = b->prev;
	b->prev = b->next = NULL;
}

/*
 * It is over: what it was becomes what is expected.  Of what was told and nobody has looked at, as
 * many as the budget lets expect to be false count, as a little unusual; more change nothing.  So
 * an attack that is repeated stays as unusual as it was, and what is normal is not trimmed until
 * all of it is unusual.
 */
static void
learn_bucket(struct evidence_pool *pool, const struct bucket *b)
{
	double at = threshold(pool), expected = at * (double)pool->tests;

	if (b->tainted && (double)pool->censored >= 3 * expected + 3)
		return;
	pool->censored += b->tainted;
	for (size_t i = 0; i < b->seen_len; i++) {
		struct conformal *c =
		    evidence_calibrator(pool, b->seen[i].model->name, b->class, true);

		if (c == NULL || !b->seen[i].calibrate)
			continue;
		if (b->tainted)
			conformal_learn_censored(c, b->seen[i].score, CENSOR_P);
		else
			conformal_learn(c, b->seen[i].score);
	}
	for (int i = 0; i < 2; i++)
		if (b->tainted)
			conformal_learn_censored(&pool->layer[i], b->extreme[i], CENSOR_P);
		else
			conformal_learn(&pool->layer[i], b->extreme[i]);
}

static void
end_bucket(struct evidence_pool *pool, struct bucket *b)
{
	unlink_bucket(pool, b);
	if (b->root == 0) {
		pool->tests++;
		learn_bucket(pool, b);
	}
	bucket_free(b);
}

static struct bucket *
find_bucket(const struct evidence_pool *pool, uint32_t host, const char *daemon, uint64_t root)
{
	const struct place at = place_of(host, daemon, root);

	return ds_map_get(pool->buckets, &at, sizeof(at));
}

static struct bucket *
open_bucket(struct evidence_pool *pool, const struct evidence *e, uint64_t root)
{
	const struct place at = place_of(e->host, e->daemon, root);
	uint64_t slot = e->time_us / EVIDENCE_SPAN_US;
	struct bucket *b = ds_map_get(pool->buckets, &at, sizeof(at));

	if (b != NULL && b->slot >= slot)
		return b; /* what comes late joins */
	if (b != NULL)
		end_bucket(pool, b);
	if (ds_map_len(pool->buckets) >= EVIDENCE_BUCKETS_MAX) {
		pool->refused++;
		end_bucket(pool, pool->first);
	}
	b = bucket_new(e, root, slot);
	if (b == NULL || ds_map_put(pool->buckets, &at, sizeof(at), b, NULL) < 0) {
		bucket_free(b);
		return NULL;
	}
	b->opened_us = pool->tick_us;
	b->prev = pool->last;
	*(pool->last != NULL ? &pool->last->next : &pool->first) = b;
	pool->last = b;
	return b;
}

/* ---- what is told */

static double
smallest(const double *p, size_t len)
{
	double ret = 1;

	for (size_t i = 0; i < len; i++)
		ret = DS_MIN(ret, p[i]);
	return ret;
}

static void
judge(struct evidence_pool *pool, const struct evidence *e, struct bucket *whole, struct bucket *b,
    struct fused *ret)
{
	double p[EVIDENCE_FAMILIES], weights[EVIDENCE_FAMILIES], least[2];
	size_t len = 0, speak = 0;

	*ret = (struct fused){ .p = 1 };
	for (int i = 0; i < EVIDENCE_FAMILIES; i++) {
		const struct term *own = &b->term[i], *shared = &whole->term[i];

		ret->term[i] = own->model != NULL ? own : shared->model != NULL ? shared : NULL;
		if (ret->term[i] == NULL)
			continue;
		p[len] = ret->term[i]->p;
		weights[len++] = pool->weight[i];
	}
	ret->nominal[0] = fuse_fisher(p, weights, len);
	ret->nominal[1] = fuse_min(p, len);
	for (size_t i = 0; i < len; i++)
		if (p[i] < 1) {
			p[speak] = p[i];
			weights[speak++] = weights[i];
		}
	least[0] = fuse_fisher(p, weights, speak);
	least[1] = smallest(p, speak);
	for (int i = 0; i < 2; i++) {
		double extreme = -log10(ret->nominal[i]);

		if (extreme > whole->extreme[i])
			whole->extreme[i] = extreme;
		ret->by[i] = layer_p(&pool->layer[i], ret->nominal[i], least[i]);
	}
	ret->p = fuse_either(ret->by[0], ret->by[1]);
	ret->threshold = threshold(pool);
	ret->decisive = e->decisive || e->told || ret->nominal[1] < DECISIVE_P;
}

/* An hour of a daemon is one episode; where two daemons share a place, one more is counted. */
static bool
begins_episode(struct evidence_pool *pool, const struct evidence *e)
{
	const struct place at = place_of(e->host, e->daemon, 0);
	uint64_t key = key_hash(24, &at, sizeof(at));
	struct episode *last = &pool->episodes[key % EPISODES];
	bool begins = last->key != key || last->time_us + EPISODE_US < e->time_us;

	*last = (struct episode){ key, e->time_us };
	return begins;
}

static int
tell(struct evidence_pool *pool, const struct evidence *e, struct bucket *whole, struct bucket *b,
    const struct fused *f, struct verdict *v)
{
	int r = 0;

	whole->tainted = true;
	if (begins_episode(pool, e))
		*(f->decisive ? &pool->decisive : &pool->alarms) += 1;
	if (e->told)
		bucket_join(b, e->group, 1u << e->model->family);
	else
		r = bucket_tell(b, e, f, v);
	/* What the daemon as a whole does meanwhile belongs to it. */
	if (b == whole)
		whole->spread = true;
	else if (!whole->told)
		bucket_join(whole, b->group, b->said);
	return r;
}

/* What is beyond all that was seen is as unlikely as a fit of the tail says, but never so unlikely
 * that no budget holds: only counting shows that. */
static double
found_p(const struct conformal *c, const struct evidence *e)
{
	double p = c != NULL && e->score >= e->model->least ? conformal_p(c, e->score) : 1;
	double counted = c != NULL ? 1 / ((double)c->n + 1) : 1;

	return p < DECISIVE_P && p < counted ? DS_MIN(counted, BEYOND_P) : p;
}

int
evidence_add(struct evidence_pool *pool, const struct evidence *e, struct verdict *v, double *ret_p)
{
	const struct conformal *c = evidence_calibrator(pool, e->model->name, e->class, false);
	struct bucket *whole = open_bucket(pool, e, 0), *b = whole;
	struct fused f;
	double p = e->p;
	int r;

	if (whole == NULL)
		return -ENOMEM;
	*ret_p = 1;
	if (pool->left_out != NULL && strcmp(e->model->name, pool->left_out) == 0)
		return 0;
	if (!(p > 0) || p > 1)
		p = e->decisive ? FUSE_P_MIN : found_p(c, e);
	*ret_p = p;
	bucket_see(whole, e);
	if (e->root != 0 && p > LINEAGE_P && find_bucket(pool, e->host, e->daemon, e->root) == NULL)
		return 0;
	if (e->root != 0) {
		b = open_bucket(pool, e, e->root);
		if (b == NULL)
			return -ENOMEM;
		whole = find_bucket(pool, e->host, e->daemon, 0);
		if (whole == NULL)
			return 0; /* ended early to make room for the other */
	}
	if (b != whole && !b->told && whole->spread)
		bucket_join(b, whole->group, whole->said);
	if (!bucket_take(b, e, p, p < EXPLAIN_P))
		return 0;
	judge(pool, e, whole, b, &f);
	if (e->told || (!b->told && (f.decisive || f.p <= f.threshold)))
		return tell(pool, e, whole, b, &f, v);
	if (!b->told || p >= GROW_P)
		return 0;
	r = bucket_grow(b, e, v);
	whole->said |= b->said;
	return r;
}

/* ---- time */

void
evidence_tick(struct evidence_pool *pool, uint64_t now_us, uint64_t watched_us)
{
	pool->host_us += (double)watched_us;
	for (struct bucket *b = pool->tick_us == 0 ? pool->first : NULL; b != NULL; b = b->next)
		b->opened_us = now_us;
	pool->tick_us = now_us;
	while (pool->first != NULL && pool->first->opened_us + EVIDENCE_SPAN_US < now_us)
		end_bucket(pool, pool->first);
}

void
evidence_forget(struct evidence_pool *pool, uint32_t host, const char *daemon)
{
	for (struct bucket *b = pool->first, *next; b != NULL; b = next) {
		next = b->next;
		if (b->host != host || (daemon != NULL && strcmp(daemon, b->daemon) != 0))
			continue;
		unlink_bucket(pool, b);
		bucket_free(b);
	}
}

void
evidence_state(const struct evidence_pool *pool, struct detect_state *ret)
{
	*ret = (struct detect_state){
		.budget_per_host_week = pool->budget,
		.threshold = threshold(pool),
		.host_weeks = pool->host_us / WEEK_US,
		.tests = pool->tests,
		.alarms = pool->alarms,
		.decisive = pool->decisive,
		.calibrated = pool->layer[0].n,
		.buckets = ds_map_len(pool->buckets),
		.refused = pool->refused,
		.right = pool->reviews.right,
		.wrong = pool->reviews.wrong,
		.factor = feedback_factor(&pool->reviews, pool->budget * pool->host_us / WEEK_US),
		.labels = pool->labels,
	};
	memcpy(ret->weight, pool->weight, sizeof(ret->weight));
}

void
detect_state_add(struct detect_state *s, const struct detect_state *other)
{
	s->budget_per_host_week = other->budget_per_host_week;
	/* The strictest: it is what a finding must pass wherever its host is. */
	if (s->threshold <= 0 || other->threshold < s->threshold)
		s->threshold = other->threshold;
	s->host_weeks += other->host_weeks;
	s->tests += other->tests;
	s->alarms += other->alarms;
	s->decisive += other->decisive;
	s->calibrated += other->calibrated;
	s->buckets += other->buckets;
	s->refused += other->refused;
	s->right += other->right;
	s->wrong += other->wrong;
	if (s->factor <= 0 || other->factor < s->factor)
		s->factor = other->factor;
	s->labels = other->labels;
	memcpy(s->weight, other->weight, sizeof(s->weight));
}

double
detect_state_upper(const struct detect_state *s)
{
	/* What nobody has called right may be false. */
	uint64_t most = s->alarms > s->right ? s->alarms - s->right : 0;

	return s->host_weeks > 0 ? fuse_poisson_upper(most, 0.95) / s->host_weeks
				 : (double)INFINITY;
}

double
detect_state_lower(const struct detect_state *s)
{
	return s->host_weeks > 0 ? fuse_poisson_lower(s->wrong, 0.95) / s->host_weeks : 0;
}
