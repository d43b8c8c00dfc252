/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence_bucket - five minutes of a daemon or a lineage, and what the fusion says about them. */
#ifndef SERVER_DETECT_EVIDENCE_BUCKET_H
#define SERVER_DETECT_EVIDENCE_BUCKET_H

#include "server/detect/evidence.h"
#include "server/model/conformal.h"

/* The strongest of a family. */
struct term {
	const struct evidence_model *model; /* NULL: none */
	double p, score;
	char *features; /* JSON: objects with commas between; NULL: not worth it */
	uint32_t peers_seen, peers_of;
};

struct seen_model {
	const struct evidence_model *model;
	double score; /* largest, over all lineages */
	bool calibrate;
};

struct bucket {
	struct bucket *prev, *next;
	uint32_t host;
	uint64_t root, slot;
	uint64_t opened_us; /* server's clock; 0: before the first tick */
	bool told, tainted;
	bool spread;       /* whole daemon: told of itself, and so of whatever lineage */
	char *group;       /* of the alert in which it was told; NULL: not, or not known */
	unsigned said;     /* bits: families that are in that alert */
	double extreme[2]; /* whole daemon: largest -log10 of the nominal p-values */
	struct term term[EVIDENCE_FAMILIES];
	struct seen_model seen[EVIDENCE_MODELS_MAX];
	size_t seen_len;
	char *daemon, *class, *host_name; /* of one allocation, daemon's */
};

/* What was found. */
struct fused {
	const struct term *term[EVIDENCE_FAMILIES];
	double nominal[2], by[2]; /* Fisher, smallest: nominal and calibrated */
	double p, threshold;
	bool decisive;
};

/* NULL: no memory. */
struct bucket *bucket_new(const struct evidence *e, uint64_t root, uint64_t slot);
void bucket_free(struct bucket *b);
/* Notes the largest score of its model. */
void bucket_see(struct bucket *b, const struct evidence *e);
/* True when it is the strongest of its family so far. */
bool bucket_take(struct bucket *b, const struct evidence *e, double p, bool explain);
/* What it is about has an alert: of this group, which further families may join. */
void bucket_join(struct bucket *b, const char *group, unsigned families);
/* Adds what a family says to that alert; nothing when it says nothing. -ENOMEM. */
DS_MUST_CHECK int bucket_grow(struct bucket *b, const struct evidence *e, struct verdict *v);
/* Makes the finding. -ENOMEM. */
DS_MUST_CHECK int bucket_tell(
    struct bucket *b, const struct evidence *e, const struct fused *f, struct verdict *v);

#endif
