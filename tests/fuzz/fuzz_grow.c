/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two documents, a zero between: what grew of two that are JSON is JSON. */
#include "server/detect/grow.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
is_object(const char *text)
{
	json_t *doc = json_loads(text, JSON_ALLOW_NUL, NULL);
	bool is = json_is_object(doc);

	json_decref(doc);
	return is;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *was = calloc(1, len + 2), *finding;
	struct ds_buf out;
	int r;

	if (was == NULL)
		return 0;
	if (len > 0)
		memcpy(was, data, len);
	finding = was + strlen(was) + 1;
	ds_buf_init(&out, 1u << 20);
	r = grow_document(was, finding, &out);
	if (is_object(was) && is_object(finding) &&
	    (r < 0 || (r > 0 && !is_object((const char *)out.data))))
		abort();
	ds_buf_done(&out);
	free(was);
	return 0;
}
