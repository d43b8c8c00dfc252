/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/evidence_bucket.h"

#include "lib/json.h"
#include "server/detect/explain.h"
#include "server/detect/key.h"
#include "server/model/fuse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (32u << 10)

_Static_assert(EVIDENCE_FAMILIES == DETECT_FAMILIES, "one name each");

static const char *const family_names[EVIDENCE_FAMILIES] = { "novelty", "sequence", "level",
	"change", "login" };
/* As the reason says them. */
static const char *const family_words[EVIDENCE_FAMILIES] = { "something new",
	"an unusual order or mixture", "unusual amounts", "a sudden change", "who came in" };

int
evidence_family_find(const char *name)
{
	for (int i = 0; name != NULL && i < EVIDENCE_FAMILIES; i++)
		if (strcmp(family_names[i], name) == 0)
			return i;
	return -1;
}

const char *
detect_family_name(int family)
{
	return family_names[family];
}

struct bucket *
bucket_new(const struct evidence *e, uint64_t root, uint64_t slot)
{
	const char *host_name = e->host_name != NULL ? e->host_name : "this host";
	size_t a = strlen(e->daemon) + 1, b = strlen(e->class) + 1, c = strlen(host_name) + 1;
	struct bucket *ret = calloc(1, sizeof(*ret));

	if (ret == NULL)
		return NULL;
	ret->daemon = malloc(a + b + c);
	if (ret->daemon == NULL) {
		free(ret);
		return NULL;
	}
	ret->class = memcpy(ret->daemon + a, e->class, b);
	ret->host_name = memcpy(ret->daemon + a + b, host_name, c);
	memcpy(ret->daemon, e->daemon, a);
	ret->host = e->host;
	ret->root = root;
	ret->slot = slot;
	return ret;
}

void
bucket_free(struct bucket *b)
{
	if (b == NULL)
		return;
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		free(b->term[i].features);
	free(b->group);
	free(b->daemon);
	free(b);
}

void
bucket_join(struct bucket *b, const char *group, unsigned families)
{
	b->told = true;
	b->said |= families;
	/* Without memory for it, it does not grow. */
	if (b->group == NULL && group != NULL)
		b->group = strdup(group);
}

void
bucket_see(struct bucket *b, const struct evidence *e)
{
	bool calibrate = !(e->p > 0) && !e->decisive && !e->told;

	for (size_t i = 0; i < b->seen_len; i++)
		if (b->seen[i].model == e->model) {
			if (e->score > b->seen[i].score)
				b->seen[i].score = e->score;
			return;
		}
	if (b->seen_len < EVIDENCE_MODELS_MAX)
		b->seen[b->seen_len++] = (struct seen_model){ e->model, e->score, calibrate };
}

/* The features as the inside of a JSON array; malloc, NULL when there are none. */
static char *
features_text(const struct evidence *e)
{
	struct evidence_feature f[EVIDENCE_FEATURES_MAX] = { 0 };
	size_t len = e->explain != NULL ? e->explain(e->ctx, f, EVIDENCE_FEATURES_MAX) : 0;
	struct ds_buf buf;
	struct ds_json j;

	if (len == 0)
		return NULL;
	ds_buf_init(&buf, DOCUMENT_MAX);
	ds_json_init(&j, &buf);
	ds_json_array(&j);
	for (size_t i = 0; i < len && i < EVIDENCE_FEATURES_MAX; i++) {
		ds_json_object(&j);
		ds_json_put_string(&j, "feature", f[i].feature);
		ds_json_put_string(&j, "baseline", f[i].baseline);
		ds_json_put_string(&j, "observed", f[i].observed);
		ds_json_put_double(&j, "weight", f[i].weight);
		ds_json_end(&j);
	}
	ds_json_end(&j);
	if (ds_json_done(&j) < 0 || buf.len < 3) {
		ds_buf_done(&buf);
		return NULL;
	}
	buf.data[buf.len - 1] = '\0'; /* the closing bracket; the opening one is skipped */
	return (char *)buf.data;
}

bool
bucket_take(struct bucket *b, const struct evidence *e, double p, bool explain)
{
	struct term *t = &b->term[e->model->family];

	if (t->model != NULL && t->p <= p)
		return false;
	free(t->features);
	*t = (struct term){ e->model, p, e->score, explain ? features_text(e) : NULL, e->peers_seen,
		e->peers_of };
	return true;
}

/* ---- the finding */

static const struct term *
strongest(const struct fused *f)
{
	const struct term *best = NULL;

	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		if (f->term[i] != NULL && (best == NULL || f->term[i]->p < best->p))
			best = f->term[i];
	return best;
}

/* A family's part of the whole evidence. */
static double
share(const struct fused *f, const struct term *t)
{
	double all = 0;

	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		if (f->term[i] != NULL)
			all -= log(f->term[i]->p > FUSE_P_MIN ? f->term[i]->p : FUSE_P_MIN);
	return all > 0 ? -log(t->p > FUSE_P_MIN ? t->p : FUSE_P_MIN) / all : 0;
}

static void
put_families(struct ds_json *j, const struct fused *f)
{
	ds_json_key(j, "families");
	ds_json_array(j);
	for (int i = 0; i < EVIDENCE_FAMILIES; i++) {
		const struct term *t = f->term[i];

		if (t == NULL)
			continue;
		ds_json_object(j);
		ds_json_put_string(j, "family", family_names[i]);
		ds_json_put_string(j, "model", t->model->name);
		ds_json_put_double(j, "score", t->score);
		ds_json_put_double(j, "p", t->p);
		ds_json_put_double(j, "share", share(f, t));
		ds_json_end(j);
	}
	ds_json_end(j);
}

static void
put_record(struct ds_json *j, const struct bucket *b, const struct fused *f)
{
	char text[600];

	ds_json_key(j, "record");
	ds_json_object(j);
	snprintf(text, sizeof(text), "%.250s on this host; daemons of class %.250s over the fleet",
	    b->daemon, b->class);
	ds_json_put_string(j, "scope", text);
	put_families(j, f);
	ds_json_put_double(j, "p_spread", f->by[0]);
	ds_json_put_double(j, "p_single", f->by[1]);
	ds_json_put_double(j, "p", f->p);
	ds_json_put_double(j, "threshold", f->threshold);
	ds_json_put_bool(j, "decisive", f->decisive);
	ds_json_put_string(j, "model", "fusion-1");
	ds_json_put_string(j, "clears",
	    "a verdict of benign_expected or false_positive makes what was seen part of what is "
	    "expected of this daemon");
	ds_json_end(j);
}

static void
put_explanation(struct ds_json *j, const struct fused *f)
{
	ds_json_key(j, "explanation");
	ds_json_array(j);
	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		if (f->term[i] != NULL && f->term[i]->features != NULL)
			ds_json_raw(j, f->term[i]->features + 1, strlen(f->term[i]->features + 1));
	ds_json_end(j);
}

static void
put_event(struct ds_json *j, const struct evidence *e)
{
	if (e->event == NULL)
		return;
	ds_json_key(j, "process");
	ds_json_object(j);
	explain_process(j, e->event);
	ds_json_end(j);
	ds_json_key(j, "events");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_time(j, "time", e->time_us);
	ds_json_put_string(j, "action", ds_kind_table[e->event->kind].action);
	explain_process(j, e->event);
	ds_json_end(j);
	ds_json_end(j);
}

static char *
document(const struct bucket *b, const struct evidence *e, const struct fused *f)
{
	const struct term *t = strongest(f);
	struct ds_buf buf;
	struct ds_json j;

	ds_buf_init(&buf, DOCUMENT_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	put_explanation(&j, f);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", t->peers_seen);
	ds_json_put_uint(&j, "of", t->peers_of);
	ds_json_end(&j);
	put_event(&j, e);
	put_record(&j, b, f);
	ds_json_end(&j);
	if (ds_json_done(&j) < 0 || ds_buf_put_u8(&buf, '\0') < 0) {
		ds_buf_done(&buf);
		return NULL;
	}
	return (char *)buf.data;
}

/* The families that carry a tenth or more of it: what is said when they are several. */
static size_t
speaking(const struct fused *f, const struct term *ret[EVIDENCE_FAMILIES])
{
	size_t len = 0;

	for (int i = 0; i < EVIDENCE_FAMILIES; i++)
		if (f->term[i] != NULL && share(f, f->term[i]) >= 0.1)
			ret[len++] = f->term[i];
	return len;
}

static void
say_reason(const struct bucket *b, const struct fused *f, char *ret, size_t size)
{
	const struct term *t = strongest(f), *of[EVIDENCE_FAMILIES];
	size_t len = 0, several = speaking(f, of);
	/* Further away than that, a number of days says no more. */
	double rarity = 1 / (f->p > 1e-6 ? f->p : 1e-6);
	char often[32];

	explain_duration((uint64_t)(rarity * EVIDENCE_SPAN_US), often, sizeof(often));
	len += (size_t)snprintf(ret, size,
	    "%.150s on %.100s %s: five minutes like these come once in %s%s", b->daemon,
	    b->host_name, t->model->what, often, f->p > 1e-6 ? "" : " or more");
	for (size_t i = 0; several > 1 && i < several && len < size - 60; i++)
		len += (size_t)snprintf(ret + len, size - len, "%s%s %.0f %%%s",
		    i == 0 ? " (what speaks for it: " : ", ", family_words[of[i]->model->family],
		    100 * share(f, of[i]), i + 1 == several ? ")" : "");
}

/* The same five minutes, the same id: what is resent after a crash adds nothing. */
static void
name_finding(const struct bucket *b, unsigned family, struct finding *to)
{
	const struct {
		uint64_t host, daemon, root, slot, family;
	} where = { b->host, key_hash(7, b->daemon, strlen(b->daemon)), b->root, b->slot, family };

	to->host = b->host;
	snprintf(to->id, sizeof(to->id), "fnd_%016llx%016llx",
	    (unsigned long long)key_hash(22, &where, sizeof(where)),
	    (unsigned long long)key_hash(23, &where, sizeof(where)));
	snprintf(to->daemon, sizeof(to->daemon), "%.255s", b->daemon);
}

int
bucket_tell(struct bucket *b, const struct evidence *e, const struct fused *f, struct verdict *v)
{
	const struct term *t = strongest(f);
	struct finding *to = verdict_put_finding(v);
	double score = 20 - 10 * log10(f->p);
	unsigned said = 0;

	if (to == NULL)
		return -ENOMEM;
	*to = (struct finding){ .kind = t->model->kind, .time_us = e->time_us, .count = 1 };
	to->score = score < 99 ? score : 99;
	to->severity = to->score >= 80 ? "high" : to->score >= 50 ? "medium" : "low";
	name_finding(b, EVIDENCE_FAMILIES, to);
	snprintf(to->group, sizeof(to->group), "%s:%u:%016llx:%016llx", to->kind, b->host,
	    (unsigned long long)key_hash(7, b->daemon, strlen(b->daemon)),
	    (unsigned long long)b->root);
	snprintf(to->title, sizeof(to->title), "%.100s %s", b->class, t->model->what);
	say_reason(b, f, to->reason, sizeof(to->reason));
	for (unsigned i = 0; i < EVIDENCE_FAMILIES; i++)
		said |= (f->term[i] != NULL && f->term[i]->features != NULL) << i;
	bucket_join(b, to->group, said);
	to->json = document(b, e, f);
	return to->json != NULL ? 0 : -ENOMEM;
}

int
bucket_grow(struct bucket *b, const struct evidence *e, struct verdict *v)
{
	const struct term *t = &b->term[e->model->family];
	struct finding *to;

	if (b->group == NULL || t->features == NULL || (b->said >> e->model->family & 1))
		return 0;
	to = verdict_put_finding(v);
	if (to == NULL)
		return -ENOMEM;
	*to = (struct finding){
		.kind = e->model->kind, .severity = "low", .time_us = e->time_us, .joins = true
	};
	name_finding(b, e->model->family, to);
	snprintf(to->group, sizeof(to->group), "%.199s", b->group);
	b->said |= 1u << e->model->family;
	return asprintf(&to->json, "{\"explanation\":[%s]}", t->features + 1) < 0 ? -ENOMEM : 0;
}
