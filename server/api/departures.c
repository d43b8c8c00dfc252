/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/departures.h"

#include "lib/array.h"
#include "lib/map.h"
#include "server/detect/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How each kind is told; one row a kind that is part of a profile. */
static const struct words {
	const char *kind, *feature, *did, *severity;
} words[DS_EVENT_MAX] = {
	[DS_EVENT_EXEC] = { "new_child", "child program", "started", "medium" },
	[DS_EVENT_EXEC_MEMORY] = { "new_child", "program from memory", "started from memory",
	    "critical" },
	[DS_EVENT_EXEC_DELETED] = { "new_child", "deleted program", "started from a deleted file",
	    "high" },
	[DS_EVENT_CONNECT] = { "new_destination", "destination", "connected to", "high" },
	[DS_EVENT_SEND] = { "new_destination", "destination", "sent to", "medium" },
	[DS_EVENT_ACCEPT] = { "new_listener", "accepted port", "accepted on", "medium" },
	[DS_EVENT_LISTEN] = { "new_listener", "listener", "listened on", "high" },
	[DS_EVENT_FILE_WRITE] = { "new_file", "file", "changed files in", "medium" },
	[DS_EVENT_FILE_READ] = { "new_file", "secret file", "read", "high" },
	[DS_EVENT_SETUID] = { "privilege", "user id", "changed its user id to", "high" },
	[DS_EVENT_SETGID] = { "privilege", "group id", "changed its group id to", "medium" },
	[DS_EVENT_CAPSET] = { "privilege", "capabilities", "set capabilities", "medium" },
	[DS_EVENT_PTRACE] = { "privilege", "ptrace request", "traced a process, request", "high" },
	[DS_EVENT_MODULE_LOAD] = { "privilege", "kernel module", "loaded a kernel module",
	    "critical" },
	[DS_EVENT_BPF_LOAD] = { "privilege", "BPF request", "loaded a BPF program, request",
	    "high" },
	[DS_EVENT_MOUNT] = { "privilege", "mount", "mounted", "high" },
	[DS_EVENT_NAMESPACE] = { "privilege", "namespace", "entered a namespace", "medium" },
	[DS_EVENT_VM_WRITE] = { "privilege", "memory of another", "wrote into another's memory",
	    "critical" },
};

int
departures_init(struct departures *d)
{
	*d = (struct departures){ .index = ds_map_new(DEPARTURES_MAX),
		.known = ds_map_new(DEPARTURES_KNOWN_MAX) };
	if (d->index != NULL && d->known != NULL)
		return 0;
	departures_done(d);
	return -ENOMEM;
}

void
departures_done(struct departures *d)
{
	ds_map_free(d->index, NULL);
	ds_map_free(d->known, NULL);
	free(d->all);
	*d = (struct departures){ 0 };
}

/* Kind and key as one text of bytes. */
static size_t
name_of(const struct profile_row *row, uint8_t ret[KEY_MAX + 1])
{
	size_t size = DS_MIN(row->key_size, (size_t)KEY_MAX);

	ret[0] = row->kind;
	memcpy(ret + 1, row->key, size);
	return size + 1;
}

/* Departures stand in an array that grows: the map has their places, from 1. */
static struct departure *
find(const struct departures *d, const uint8_t *name, size_t len)
{
	uintptr_t at = (uintptr_t)ds_map_get(d->index, name, len);

	return at != 0 ? &d->all[at - 1] : NULL;
}

static int
grow(struct departures *d)
{
	struct departure *grown = ds_array_grow(d->all, d->len, &d->cap, sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	d->all = grown;
	return 0;
}

static bool
is_behaviour(const struct profile_row *row)
{
	uint8_t sort = row->key_size > 0 ? row->key[0] : 0;

	return row->kind < DS_EVENT_MAX && words[row->kind].kind != NULL && row->key_size > 0 &&
	       sort != KEY_CONTROL && sort != KEY_SELF && sort != KEY_RULE && sort != KEY_SHAPE;
}

int
departures_add(struct departures *d, const struct profile_row *row)
{
	uint8_t name[KEY_MAX + 1];
	size_t len = name_of(row, name);
	struct departure *one = find(d, name, len);
	int r;

	if (!is_behaviour(row))
		return 0;
	if (one == NULL && d->len == DEPARTURES_MAX)
		return d->is_full = true, 0;
	if (one == NULL) {
		r = grow(d);
		if (r == 0)
			r = ds_map_put(d->index, name, len, (void *)(uintptr_t)(d->len + 1), NULL);
		if (r < 0)
			return r;
		one = &d->all[d->len++];
		*one = (struct departure){
			.kind = row->kind, .host = row->host, .first_us = row->first_us
		};
		one->key.size = len - 1;
		memcpy(one->key.data, name + 1, len - 1);
	}
	one->hosts += one->last_host != row->host;
	one->last_host = row->host;
	one->count += row->count;
	one->first_us = DS_MIN(one->first_us, row->first_us);
	one->last_us = DS_MAX(one->last_us, row->last_us);
	return 0;
}

void
departures_pass(struct departures *d, const struct profile_row *row)
{
	d->old += is_behaviour(row);
}

uint64_t
departures_normal(const struct departures *d)
{
	uint64_t n = 0;

	for (size_t i = 0; i < DS_EVENT_MAX; i++)
		n += d->normal[i].len;
	return n;
}

/* What is normal, for the sentence. */
static int
note_normal(struct departures *d, const struct profile_row *row, const uint8_t *name, size_t len)
{
	struct normal *n = &d->normal[row->kind];
	char text[KEY_MAX + 40];
	int r;

	if (ds_map_get(d->known, name, len) != NULL)
		return 0;
	r = ds_map_put(d->known, name, len, d, NULL);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	if (n->len < DEPARTURES_NAMED) {
		key_text(row->kind, row->key, row->key_size, text, sizeof(text));
		snprintf(n->named[n->len], sizeof(n->named[0]), "%.119s", text);
	}
	n->len++;
	return 0;
}

int
departures_compare(struct departures *d, const struct profile_row *row)
{
	uint8_t name[KEY_MAX + 1];
	size_t len = name_of(row, name);
	struct departure *one;

	if (!is_behaviour(row))
		return 0;
	one = find(d, name, len);
	if (one != NULL && one->last_host != row->host) {
		one->last_host = row->host;
		one->seen++;
		one->learnt += row->learnt;
	}
	return row->learnt ? note_normal(d, row, name, len) : 0;
}

bool
departure_is_one(const struct departure *d)
{
	return d->learnt == 0;
}

/* A shell is worse than another program, and what has its input from the network worst. */
static const char *
severity_of(const struct departure *d, const char *what)
{
	struct program_info info;

	if (d->key.data[0] == KEY_REMOTE)
		return "critical";
	if (d->key.data[0] == KEY_PLACE)
		return "high";
	if (key_family(d->kind) != KEY_PROCESS)
		return words[d->kind].severity;
	info = program_info(what);
	if (info.sort != PROGRAM_OTHER || program_is_anybodys(what))
		return "high";
	return words[d->kind].severity;
}

void
departure_say(const struct departure *d, const char *class, struct departure_said *ret)
{
	const struct words *w = &words[d->kind];

	key_text(d->kind, d->key.data, d->key.size, ret->what, sizeof(ret->what));
	ret->kind = w->kind;
	ret->feature = w->feature;
	ret->severity = severity_of(d, (const char *)ret->what);
	/* In a place that counts the key says itself what was done. */
	if (d->key.data[0] == KEY_PLACE || d->key.data[0] == KEY_KEEPER)
		snprintf(ret->title, sizeof(ret->title), "%.100s %s", class, ret->what);
	else
		snprintf(ret->title, sizeof(ret->title), "%.100s %s %s", class, w->did, ret->what);
}
