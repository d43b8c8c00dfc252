/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/login_told.h"

#include "lib/map.h"
#include "server/detect/turn.h"

#include <stdio.h>

#define SUCCESS_P 1e-6 /* of a fact that is told by itself */
/* Sources try everywhere, always: with other evidence it is something, alone it is nothing, and
 * nobody may hide what a daemon does behind a noise of failures. */
#define TRYING_P 0.05

static const struct evidence_model model = { "login", EVIDENCE_LOGIN, "login",
	"lets somebody in in a way that is not usual", 0 };

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct login_fact *fact = ctx;

	if (max == 0)
		return 0;
	snprintf(ret->feature, sizeof(ret->feature), "%s", fact->feature);
	snprintf(ret->baseline, sizeof(ret->baseline), "all logins of the fleet");
	snprintf(ret->observed, sizeof(ret->observed), "%s", fact->observed);
	ret->weight = 1;
	return 1;
}

static int
take(struct detect *d, const struct login_fact *fact, struct verdict *v)
{
	const struct host_profile *h =
	    ds_map_get(d->profiles.hosts, &fact->host, sizeof(fact->host));
	char class[CLASS_MAX];
	const struct evidence e = { .model = &model,
		.host = fact->host,
		.daemon = fact->daemon,
		.class = class,
		.time_us = fact->time_us,
		.p = fact->success ? SUCCESS_P : TRYING_P,
		.told = fact->success,
		.group = fact->group,
		.explain = explain,
		.ctx = fact };
	double p;

	if (h == NULL || fact->daemon[0] == '\0')
		return 0; /* another worker's, or nobody's */
	key_class(fact->daemon, "", class, sizeof(class));
	return evidence_add(d->evidence, &e, v, &p);
}

int
login_told_take(struct detect *d, struct verdict *v)
{
	struct ds_version *version =
	    d->profiles.cfg.logins != NULL ? ds_snapshot_acquire(d->profiles.cfg.logins) : NULL;
	const struct login_facts *facts = version != NULL ? ds_version_value(version) : NULL;
	int r = 0;

	if (facts != NULL && d->logins_seen + LOGIN_TOLD_MAX < facts->newest)
		d->logins_seen = facts->newest - LOGIN_TOLD_MAX; /* too many: those are lost */
	while (facts != NULL && r == 0 && d->logins_seen < facts->newest)
		r = take(d, &facts->at[++d->logins_seen % LOGIN_TOLD_MAX], v);
	ds_version_release(version);
	return r;
}
