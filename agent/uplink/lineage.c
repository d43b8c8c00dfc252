/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/lineage.h"
#include "lib/file.h"
#include "lib/tls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE     18 /* "?" or " ", 16 digits, newline */
#define FILE_MAX (LINE * (DS_GENERATIONS + 1) + 1)

/* A line a number, newest first; "?" before it: it opened no session yet. */
static int
save(const struct lineage *l)
{
	char text[FILE_MAX];
	size_t len = 0;

	for (size_t i = 0; i < DS_LEN(l->numbers) && l->numbers[i] != 0; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%016" PRIx64 "\n",
		    i == 0 && l->is_open ? '?' : ' ', l->numbers[i]);
	return ds_file_replace(l->file, text, len, 0600);
}

static void
load(struct lineage *l)
{
	char *text;
	size_t size, len = 0;

	if (ds_file_read(l->file, FILE_MAX, &text, &size) < 0)
		return;
	for (size_t at = 0; at + LINE <= size && len < DS_LEN(l->numbers); at += LINE) {
		l->numbers[len] = strtoull(text + at + 1, NULL, 16);
		if (l->numbers[len] == 0)
			break;
		l->is_open = l->is_open || (len == 0 && text[at] == '?');
		len++;
	}
	free(text);
}

int
lineage_init(struct lineage *l, const char *state_dir)
{
	*l = (struct lineage){ 0 };
	if (snprintf(l->file, sizeof(l->file), "%s/lineage", state_dir) >= (int)sizeof(l->file))
		return -ENAMETOOLONG;
	load(l);
	return 0;
}

static int
begin(struct lineage *l)
{
	struct lineage fresh = *l;
	int r = ds_random(&fresh.numbers[0], sizeof(fresh.numbers[0]));

	if (r < 0)
		return r;
	fresh.numbers[0] |= 1; /* never 0 */
	memcpy(&fresh.numbers[1], &l->numbers[0], DS_GENERATIONS * sizeof(l->numbers[0]));
	fresh.is_open = true;
	r = save(&fresh);
	if (r == 0)
		*l = fresh;
	return r;
}

static void
put(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

void
lineage_tell(struct lineage *l, struct ds_hello *ret)
{
	bool is_new = l->is_open || begin(l) == 0;

	ret->generation = is_new ? l->numbers[0] : 0;
	for (size_t i = 0; i < DS_GENERATIONS; i++)
		put(ret->before + 8 * i, l->numbers[is_new ? i + 1 : i]);
}

void
lineage_confirm(struct lineage *l)
{
	if (!l->is_open)
		return;
	l->is_open = false;
	/* Not written: it is told once more after the next start, and taken. */
	(void)save(l);
}
