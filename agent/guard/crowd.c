/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crowd - folds what a daemon does with ever new names in one directory: temporary files of a
 * thousand requests a second are one behaviour, not a thousand.
 *
 * Called by attribute on the guard's only thread.  Owns a table of the directories of this second.
 */
#include "agent/guard/crowd.h"
#include "lib/clock.h"
#include "lib/map.h"

#include <string.h>

#define SLOTS     512u
#define NAMES_MAX 50u /* told in full, a second and directory */

struct slot {
	uint64_t key, second;
	uint32_t names;
};

static struct slot slots[SLOTS];

static bool
is_file_change(const struct ds_event *ev)
{
	return ev->kind >= DS_EVENT_FILE_WRITE && ev->kind <= DS_EVENT_FILE_CHOWN;
}

/* Daemon, kind, program and directory. */
static uint64_t
key_of(const struct ds_event *ev, size_t dir_len)
{
	const struct ds_str *path = &DS_EVENT_STR(ev, DS_STR_PATH),
			    *exe = &DS_EVENT_STR(ev, DS_STR_EXE);
	uint64_t parts[4] = { ds_hash(ev->daemon.ptr, ev->daemon.len), ev->kind,
		exe->len > 0 ? ds_hash(exe->ptr, exe->len) : 0, ds_hash(path->ptr, dir_len) };

	return ds_hash(parts, sizeof(parts));
}

static size_t
dir_len_of(struct ds_str path)
{
	const char *slash = path.len > 0 ? memrchr(path.ptr, '/', path.len) : NULL;

	return slash != NULL ? (size_t)(slash - path.ptr) + 1 : 0;
}

/* Whether this name is one too many. */
static bool
is_crowded(uint64_t key, uint64_t second)
{
	struct slot *s = &slots[key % SLOTS];

	if (s->key != key || s->second != second)
		*s = (struct slot){ .key = key, .second = second };
	return ++s->names > NAMES_MAX;
}

static void
replace_name(struct ds_event *ev, enum ds_str_field field)
{
	static char paths[2][DS_PATH_MAX + 2];
	char *to = paths[field == DS_STR_PATH ? 0 : 1];
	size_t len = dir_len_of(DS_EVENT_STR(ev, field));

	if (len == 0 || len > DS_PATH_MAX)
		return;
	memcpy(to, DS_EVENT_STR(ev, field).ptr, len);
	to[len] = '*';
	ds_event_set_str(ev, field, to, len + 1);
}

bool
crowd_take(struct ds_event *ev, uint64_t *ret_key)
{
	size_t dir_len = dir_len_of(DS_EVENT_STR(ev, DS_STR_PATH));
	uint64_t key;

	if (!is_file_change(ev) || dir_len == 0)
		return false;
	key = key_of(ev, dir_len);
	if (!is_crowded(key, ev->time_us / DS_US_PER_S))
		return false;
	replace_name(ev, DS_STR_PATH);
	replace_name(ev, DS_STR_TARGET_PATH);
	ev->num[DS_NUM_INODE] = 0;
	ev->flags |= DS_FLAG_TRUNCATED;
	*ret_key = key;
	return true;
}
