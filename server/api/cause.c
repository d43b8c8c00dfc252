/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/cause.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Titles of one cause differ in the host that some name at their end. */
static size_t
cause_len(const char *title)
{
	size_t len = strlen(title), at = len;

	while (at > 0 && (isalnum((unsigned char)title[at - 1]) || strchr("._-", title[at - 1])))
		at--;
	return at < len && at >= 4 && memcmp(title + at - 4, " on ", 4) == 0 ? at - 4 : len;
}

size_t
cause_of(const struct alert_row *row, char ret[CAUSE_SIZE])
{
	int n = snprintf(ret, CAUSE_SIZE, "%s|%s|%.*s", row->kind, row->daemon,
	    (int)cause_len(row->title), row->title);

	return n < 0 ? 0 : n < CAUSE_SIZE ? (size_t)n : CAUSE_SIZE - 1;
}
