/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence - what models that find something unusual, but not decisive, hand to the fusion.
 *
 * Each (host, daemon, lineage root, 5 minutes) collects the smallest p-value of every family; they
 * are fused by Fisher's method over the families and by the smallest alone, and both are calibrated
 * once more against what this fleet's daemons do (server/model/conformal.h, fuse.h).  What falls
 * below the threshold that `[detect] alert_budget` gives becomes a finding, at once and once.  What
 * further families say of the same five minutes afterwards makes its alert grow.
 *
 * A detector whose fact decides alone (a new program, a rule) makes its finding itself, by
 * verdict_finding(), and hands the same here as `told`: it joins what else is unusual and counts
 * against nothing.  With `decisive` the fusion makes the finding, whatever the budget says.
 *
 * On the worker's thread, one pool each; bounded.  To hand something in takes one call from a turn
 * or a tick:
 *
 *	static const struct evidence_model model = { "dbscan", EVIDENCE_LEVEL, "window_outlier",
 *		"behaves unlike any window it was seen in", 0 };
 *	struct evidence e = { .model = &model, .host = .., .daemon = .., .class = .., .time_us = ..,
 *		.score = distance, .explain = my_features, .ctx = w };
 *	r = evidence_add(pool, &e, verdict, &p);	(learn from it when p > EVIDENCE_LEARN)
 */
#ifndef SERVER_DETECT_EVIDENCE_H
#define SERVER_DETECT_EVIDENCE_H

#include "server/detect/detect.h"

#define EVIDENCE_SPAN_US      (300 * 1000000ull)
#define EVIDENCE_BUCKETS_MAX  131072u
#define EVIDENCE_MODELS_MAX   8u /* different models in one bucket */
#define EVIDENCE_FEATURES_MAX 4u

/* What a p-value allows to learn: above EVIDENCE_LEARN now; above EVIDENCE_REFUSE after it was left
 * alone for a while; below only when somebody says that it is normal. */
#define EVIDENCE_LEARN  0.05
#define EVIDENCE_REFUSE 0.001

/* Dissimilar sorts of evidence; those of one family are not independent. */
enum evidence_family {
	EVIDENCE_NOVELTY,  /* something never seen before */
	EVIDENCE_SEQUENCE, /* known things in an unusual order or mixture */
	EVIDENCE_LEVEL,    /* a window unlike all others */
	EVIDENCE_CHANGE,   /* a change unlike others */
	EVIDENCE_LOGIN,
	EVIDENCE_FAMILIES
};

/* A row, static. */
struct evidence_model {
	const char *name; /* "markov-3" */
	enum evidence_family family;
	const char *kind; /* the alert's kind (CONTRACT 4) when this model says most */
	const char *what; /* goes on after the daemon's name: "does things in an unusual order" */
	double least;     /* a score below it is nothing, however seldom it is; 0: any may be */
};

struct evidence_feature {
	char feature[64], baseline[200], observed[200];
	double weight; /* 0..1, of the model's features */
};

struct evidence {
	const struct evidence_model *model;
	uint32_t host;
	const char *host_name; /* may be NULL */
	const char *daemon;    /* its name on the host */
	const char *class;     /* over the fleet (key_class) */
	uint64_t root;         /* of the lineage; 0: the daemon as a whole */
	uint64_t time_us;      /* the host's */
	double score;          /* larger: more unusual; one scale a model */
	double p;          /* 0: to be found by the fusion, among the scores of (model, class) */
	bool decisive;     /* a finding, whatever the budget */
	bool told;         /* the model has made its own finding ... */
	const char *group; /* ... of this group: what else is unusual joins its alert; or NULL */
	uint32_t peers_seen, peers_of;
	const struct ds_event *event; /* that says most, or NULL; for the alert's process */
	/* Says what is unusual: called at most once, before evidence_add() returns, and only when
	 * it may be told.  How many features.  May be NULL. */
	size_t (*explain)(const void *ctx, struct evidence_feature *ret, size_t max);
	const void *ctx;
};

/* -1: no such. */
int evidence_family_find(const char *name);

struct evidence_pool;
struct feedback;
struct reviews;

/* `per_host_week`: false alarms that are accepted. */
struct evidence_pool *evidence_new(double per_host_week);
void evidence_free(struct evidence_pool *pool);
void evidence_set_budget(struct evidence_pool *pool, double per_host_week);
/* A model whose evidence is not heard (borrowed; NULL: none). */
void evidence_leave_out(struct evidence_pool *pool, const char *model);

/* What people said: weights of families, and how the alarms of this pool's hosts were called. */
void evidence_set_feedback(
    struct evidence_pool *pool, const struct feedback *f, const struct reviews *reviews);

/* Takes evidence in; findings go into `v`.  *ret_p: its p-value, 1 while nothing is known. -ENOMEM.
 */
DS_MUST_CHECK int evidence_add(
    struct evidence_pool *pool, const struct evidence *e, struct verdict *v, double *ret_p);
/* A score of what is known to be normal: held out of what its model learnt. */
void evidence_calibrate(struct evidence_pool *pool, const struct evidence_model *model,
    const char *class, double score);
/* Once a second or so: ends what is over, learns from it.  `watched_us`: how much longer hosts were
 * watched since, all together and by their own clocks: who catches up was not watched in a second.
 */
void evidence_tick(struct evidence_pool *pool, uint64_t now_us, uint64_t watched_us);
/* A daemon (NULL: all) of a host is forgotten: what is collected about it goes. */
void evidence_forget(struct evidence_pool *pool, uint32_t host, const char *daemon);

/* How the budget is kept. */
/* Its calibrations as rows; and back. */
DS_MUST_CHECK int evidence_save(const struct evidence_pool *pool, struct verdict *v);
DS_MUST_CHECK int evidence_restore(
    struct evidence_pool *pool, const char *name, const void *data, size_t size);
void evidence_state(const struct evidence_pool *pool, struct detect_state *ret);

#endif
