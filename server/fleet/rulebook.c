/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/rulebook.h"

#include "lib/log.h"
#include "server/detect/rule.h"

#include <errno.h>

static int
take(const struct rule_row *row, void *ctx)
{
	char why[200];
	int r = rules_add(ctx, row->json, why, sizeof(why));

	if (r == -EINVAL)
		ds_log(WARN, "a rule is not understood, ignoring", "rule=\"%s\" why=\"%s\"",
		    row->id, why);
	return r == -EINVAL ? 0 : r;
}

int
rulebook_refresh(const struct fleet_config *cfg, struct ds_snapshot *to)
{
	struct rules *made = rules_new();
	struct reader *reader = NULL;
	char why[200];
	int r = made != NULL ? rules_add(made, rules_builtin, why, sizeof(why)) : -ENOMEM;

	if (r == 0)
		r = cfg->backend->reader_open(cfg->store, &reader);
	if (r == 0)
		r = cfg->backend->learning->each_rule(reader, take, made);
	if (reader != NULL)
		cfg->backend->reader_close(reader);
	if (r == 0)
		r = ds_snapshot_publish(to, made);
	if (r < 0)
		rules_free(made);
	return r;
}

struct ds_snapshot *
rulebook_snapshot(void)
{
	return ds_snapshot_new(rules_free);
}
