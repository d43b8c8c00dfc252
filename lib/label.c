/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/label.h"

#include <stddef.h>
#include <string.h>

bool
ds_label_has(const char *labels, const char *want)
{
	size_t len = strlen(want);

	while (labels != NULL && *labels != '\0') {
		size_t n = strcspn(labels, ",");
		const char *at = labels;

		labels += n + (labels[n] == ',');
		while (n > 0 && *at == ' ')
			at++, n--;
		if (n == len && len > 0 && memcmp(at, want, len) == 0)
			return true;
	}
	return false;
}
