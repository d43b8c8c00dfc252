/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A starter model's text. */
#include "server/detect/starter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct starters *s = starters_new();
	const struct starter *one;
	char why[200];

	if (s == NULL)
		abort();
	if (starters_add(s, (const char *)data, len, why, sizeof(why)) == 0) {
		one = starters_find(s, "/usr/sbin/nginx", 15);
		if (one != NULL && !(starter_coverage(one) >= 0 && starter_coverage(one) <= 1))
			abort();
	}
	starters_free(s);
	return 0;
}
