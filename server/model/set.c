/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
by_class(const void *a, const void *b)
{
	return strcmp(
	    ((const struct set_entry *)a)->model.class, ((const struct set_entry *)b)->model.class);
}

const struct set_entry *
model_set_find(const struct model_set *s, const char *class)
{
	size_t from = 0, to = s->len;

	while (from < to) {
		size_t middle = (from + to) / 2;
		int c = strcmp(class, s->entries[middle].model.class);

		if (c == 0)
			return &s->entries[middle];
		if (c < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

int
model_set_add(struct model_set *s, const struct set_entry *e)
{
	struct set_entry *grown;

	if (s->len >= MODEL_SET_MAX)
		return -EFBIG;
	grown = realloc(s->entries, (s->len + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	s->entries = grown;
	s->entries[s->len++] = *e;
	return 0;
}

void
model_set_sort(struct model_set *s)
{
	if (s->len > 1)
		qsort(s->entries, s->len, sizeof(*s->entries), by_class);
}

void
model_set_free(void *set)
{
	struct model_set *s = set;

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->len; i++)
		window_model_done(&s->entries[i].model);
	free(s->entries);
	free(s);
}
