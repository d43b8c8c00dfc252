/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program_table - paths of programs by the id that the kernel side gives them.
 *
 * Called by attribute and the exec sensor on the guard's only thread.  Owns the paths.
 */
#include "agent/guard/program_table.h"
#include "lib/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 1024u

struct program {
	uint64_t id;
	char *path;
	bool used; /* since the hand passed */
};

static struct program programs[PROGRAMS_MAX];
static size_t len, hand;
static struct ds_map *by_id;

int
program_table_init(void)
{
	by_id = ds_map_new(PROGRAMS_MAX + 1);
	return by_id != NULL ? 0 : -ENOMEM;
}

void
program_table_done(void)
{
	for (size_t i = 0; i < len; i++)
		free(programs[i].path);
	len = hand = 0;
	ds_map_free(by_id, NULL);
	by_id = NULL;
}

/* A free place, or that of the first one from the hand on that was not used for a round. */
static struct program *
take_place(void)
{
	struct program *p;

	if (len < PROGRAMS_MAX)
		return &programs[len++];
	for (;;) {
		p = &programs[hand];
		hand = (hand + 1) % PROGRAMS_MAX;
		if (!p->used)
			break;
		p->used = false;
	}
	(void)ds_map_remove(by_id, &p->id, sizeof(p->id));
	free(p->path);
	return p;
}

void
program_table_put(uint64_t id, const char *path, size_t path_len)
{
	struct program *p = ds_map_get(by_id, &id, sizeof(id));
	char *copy;

	if (p != NULL && strncmp(p->path, path, path_len) == 0 && p->path[path_len] == '\0')
		return;
	copy = strndup(path, path_len);
	if (copy == NULL)
		return;
	if (p != NULL) {
		free(p->path);
		p->path = copy;
		return;
	}
	p = take_place();
	*p = (struct program){ .id = id, .path = copy, .used = true };
	if (ds_map_put(by_id, &id, sizeof(id), p, NULL) < 0)
		p->used = false; /* not found again, and the first to go */
}

const char *
program_table_get(uint64_t id)
{
	struct program *p = id != 0 ? ds_map_get(by_id, &id, sizeof(id)) : NULL;

	if (p == NULL)
		return NULL;
	p->used = true;
	return p->path;
}
