/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reviews - reads what people said of the fusion's alarms, for the workers (detect/feedback.h). */
#include "server/detect/feedback.h"
#include "server/fleet/allow.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define ALARMS_MAX 5000u /* newest */

static enum review
review_of(const char *verdict)
{
	if (verdict == NULL)
		return REVIEW_OPEN;
	if (strstr(verdict, "true_positive") != NULL)
		return REVIEW_RIGHT;
	return strstr(verdict, "false_positive") != NULL ||
		       strstr(verdict, "benign_expected") != NULL
		   ? REVIEW_WRONG
		   : REVIEW_OPEN;
}

/* What the fusion told has a record with its families. */
static bool
read_record(const struct alert_row *row, struct alarm *ret)
{
	json_t *doc = json_loads(row->json != NULL ? row->json : "{}", 0, NULL), *one;
	json_t *record = json_object_get(doc, "record");
	json_t *list = json_object_get(record, "families");
	bool found = json_is_array(list);
	size_t i;

	*ret = (struct alarm){ .host = row->host,
		.review = review_of(row->verdict),
		.decisive = json_is_true(json_object_get(record, "decisive")) };
	json_array_foreach(list, i, one)
	{
		int family =
		    evidence_family_find(json_string_value(json_object_get(one, "family")));

		if (family >= 0)
			ret->p[family] = json_number_value(json_object_get(one, "p"));
	}
	json_decref(doc);
	return found;
}

static int
take_alert(const struct alert_row *row, void *ctx)
{
	struct alarm a;

	return read_record(row, &a) ? feedback_add(ctx, &a) : 0;
}

int
reviews_refresh(const struct fleet_config *cfg, struct ds_snapshot *to)
{
	struct feedback *f = feedback_new();
	struct reader *reader = NULL;
	int r = f != NULL ? cfg->backend->reader_open(cfg->store, &reader) : -ENOMEM;

	if (r == 0)
		r = cfg->backend->each_alert(reader, NULL, NULL, ALARMS_MAX, take_alert, f);
	if (reader != NULL)
		cfg->backend->reader_close(reader);
	if (r >= 0) {
		feedback_finish(f);
		r = ds_snapshot_publish(to, f);
	}
	if (r < 0)
		feedback_free(f);
	return r;
}

struct ds_snapshot *
reviews_snapshot(void)
{
	return ds_snapshot_new(feedback_free);
}
