/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/explain_agent.h"

#include "lib/json.h"

#define DOCUMENT_MAX (16u << 10)

static void
put_explanation(struct ds_json *j, const char *feature, const char *baseline, const char *observed)
{
	ds_json_key(j, "explanation");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_string(j, "feature", feature);
	ds_json_put_string(j, "baseline", baseline);
	ds_json_put_string(j, "observed", observed);
	ds_json_put_double(j, "weight", 1);
	ds_json_end(j);
	ds_json_end(j);
}

char *
explain_agent_text(const char *action, uint64_t time_us, const char *feature, const char *baseline,
    const char *observed)
{
	struct ds_buf buf;
	struct ds_json j;

	ds_buf_init(&buf, DOCUMENT_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	put_explanation(&j, feature, baseline, observed);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	ds_json_end(&j);
	ds_json_key(&j, "events");
	ds_json_array(&j);
	ds_json_object(&j);
	ds_json_put_time(&j, "time", time_us);
	ds_json_put_string(&j, "action", action);
	ds_json_put_string(&j, "message", observed);
	ds_json_end(&j);
	ds_json_end(&j);
	ds_json_end(&j);
	if (ds_json_done(&j) == 0 && ds_buf_put_u8(&buf, '\0') == 0)
		return (char *)buf.data;
	ds_buf_done(&buf);
	return NULL;
}
