/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_body - see json_body.h. */
#include "server/notify/json_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
json_body(struct channel_request *r, const char *type, json_t *doc)
{
	char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
	int result = -ENOMEM;

	json_decref(doc);
	if (text != NULL)
		result = ds_buf_put(&r->body, text, strlen(text));
	free(text);
	return result < 0 ? result : channel_header(r, "Content-Type", type);
}
