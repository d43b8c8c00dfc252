/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a file of filters up to an empty line, and what is behind it as lines of a log. */
#include "agent/uplink/logs/filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Some fields are so, others not. */
static bool
has_field(const char *match, size_t len, void *ctx)
{
	(void)ctx;
	return match[len - 1] & 1;
}

static void
run_lines(struct filters *f, const char *p, const char *end)
{
	for (unsigned n = 0; p < end && n < 16; n++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;
		const struct filter_entry entry = { has_field, NULL, (stop - p) % 2 == 0 };
		struct filter_hit hit;

		if ((filters_match(f, NULL, p, (size_t)(stop - p), &hit) ||
			filters_match_entry(f, &entry, p, (size_t)(stop - p), &hit)) &&
		    (hit.host[0] == '\0' || strlen(hit.host) >= sizeof(hit.host) ||
			strlen(hit.user) >= sizeof(hit.user)))
			abort();
		p = stop + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *end = text + len;
	const char *gap = memmem(text, len, "\n\n", 2);
	struct filters *f = NULL;
	char why[240];

	if (gap == NULL)
		gap = end;
	if (filters_parse(text, (size_t)(gap - text), &f, why, sizeof(why)) < 0) {
		if (f != NULL || strlen(why) >= sizeof(why))
			abort();
		return 0;
	}
	if (gap < end)
		run_lines(f, gap + 2 < end ? gap + 2 : end, end);
	filters_free(f);
	return 0;
}
