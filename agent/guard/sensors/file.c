/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file - files opened for writing, made, renamed, removed, given away; credential files read.
 *
 * Called by sensor and, with samples, by attribute.
 */
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/secret_file.h"
#include "agent/guard/sensors/sensors.h"

/* Strings 2 and 3 of a symbolic link are its text as it is. */
#define DIR_RAW 14u

static void
set_path(struct ds_event *ev, enum ds_str_field field, struct ds_str names, struct ds_str text)
{
	static char paths[2][DS_PATH_MAX * 2];
	char *path = paths[field == DS_STR_PATH ? 0 : 1];
	size_t len = path_below(names, text, path, DS_PATH_MAX + 1);

	ds_event_set_str(ev, field, path, len);
}

static void
set_paths(const struct probe_sample *sample, struct ds_event *ev)
{
	const struct sample *s = sample->s;

	set_path(ev, DS_STR_PATH, sample->str[0], sample->str[1]);
	if (s->form[2] != FORM_NONE)
		set_path(ev, DS_STR_TARGET_PATH, sample->str[2], sample->str[3]);
	else if (s->form[3] != FORM_NONE && sample->str[3].len > 0)
		DS_EVENT_STR(ev, DS_STR_TARGET_PATH) = sample->str[3];
}

static bool
file_fill(const struct probe_sample *sample, struct ds_event *ev)
{
	const struct sample *s = sample->s;

	set_paths(sample, ev);
	switch (s->kind) {
	case DS_EVENT_FILE_READ:
		ev->num[DS_NUM_OPEN_FLAGS] = s->arg[0];
		return secret_file_is(DS_EVENT_STR(ev, DS_STR_PATH));
	case DS_EVENT_FILE_WRITE:
		ev->num[DS_NUM_OPEN_FLAGS] = s->arg[0];
		return true;
	case DS_EVENT_FILE_CREATE:
		ev->num[DS_NUM_OPEN_FLAGS] = s->inode != 0 ? s->arg[0] : 0;
		ev->num[DS_NUM_MODE] = s->inode != 0 ? s->arg[1] : s->arg[0] & 07777;
		return true;
	case DS_EVENT_FILE_CHMOD:
		ev->num[DS_NUM_MODE] = s->arg[0] & 07777;
		return true;
	case DS_EVENT_FILE_CHOWN:
		ev->num[DS_NUM_NEW_UID] = (uint32_t)s->arg[0];
		ev->num[DS_NUM_NEW_GID] = (uint32_t)s->arg[1];
		return true;
	case DS_EVENT_FILE_RENAME:
	case DS_EVENT_FILE_UNLINK:
		return true;
	default:
		return false;
	}
}

#define N CALL_NONE
#define OPEN(call, needed)                                          \
	{                                                           \
		"file_open", "sys_exit_" call, 0, !(needed), needed \
	}
#define PATH(call, kind, ...)                                                                  \
	{                                                                                      \
		"file_path", "sys_exit_" call, CALL(DS_EVENT_FILE_##kind, __VA_ARGS__), false, \
		    false                                                                      \
	}
/* The older calls are not on every architecture, the newest not in every kernel. */
#define OLD(call, kind, ...)                                                                  \
	{                                                                                     \
		"file_path", "sys_exit_" call, CALL(DS_EVENT_FILE_##kind, __VA_ARGS__), true, \
		    false                                                                     \
	}

/*                         directory, path, value, second directory, second path: arguments */
static const struct probe_point points[] = {
	OPEN("openat", true),
	OPEN("openat2", false),
	OPEN("open", false),
	OPEN("creat", false),
	OPEN("open_by_handle_at", false),
	PATH("renameat2", RENAME, 0, 1, N, 2, 3),
	OLD("renameat", RENAME, 0, 1, N, 2, 3),
	OLD("rename", RENAME, N, 0, N, N, 1),
	PATH("unlinkat", UNLINK, 0, 1, N, N, N),
	OLD("unlink", UNLINK, N, 0, N, N, N),
	OLD("rmdir", UNLINK, N, 0, N, N, N),
	PATH("mkdirat", CREATE, 0, 1, 2, N, N),
	OLD("mkdir", CREATE, N, 0, 1, N, N),
	PATH("mknodat", CREATE, 0, 1, 2, N, N),
	OLD("mknod", CREATE, N, 0, 1, N, N),
	PATH("linkat", CREATE, 2, 3, N, 0, 1),
	OLD("link", CREATE, N, 1, N, N, 0),
	PATH("symlinkat", CREATE, 1, 2, N, DIR_RAW, 0),
	OLD("symlink", CREATE, N, 1, N, DIR_RAW, 0),
	PATH("fchmodat", CHMOD, 0, 1, 2, N, N),
	OLD("fchmodat2", CHMOD, 0, 1, 2, N, N),
	OLD("chmod", CHMOD, N, 0, 1, N, N),
	PATH("fchmod", CHMOD, 0, N, 1, N, N),
	PATH("fchownat", CHOWN, 0, 1, 2, N, N),
	OLD("chown", CHOWN, N, 0, 1, N, N),
	OLD("lchown", CHOWN, N, 0, 1, N, N),
	PATH("fchown", CHOWN, 0, N, 1, N, N),
	{ NULL, NULL, 0, false, false },
};

static const struct probe_topic topic = {
	.name = "file", .sensor = SENSOR_FILE, .points = points, .fill = file_fill
};

static int
file_open(void)
{
	int fd = probe_open(&topic);

	if (fd >= 0)
		secret_file_tell();
	return fd;
}

/* Credential files are replaced, and keys are made: look again now and then. */
static void
file_tick(uint64_t now_ms)
{
	static uint64_t next_ms;

	if (now_ms < next_ms)
		return;
	next_ms = now_ms + 60000;
	secret_file_tell();
}

#define KIND(k) (UINT64_C(1) << DS_EVENT_FILE_##k)

PROBE_SENSOR(file, file_open, file_tick,
    KIND(WRITE) | KIND(CREATE) | KIND(RENAME) | KIND(UNLINK) | KIND(CHMOD) | KIND(CHOWN) |
	KIND(READ),
    "files opened by io_uring, calls of 32-bit programs");
