/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec - processes: started programs with arguments and parents, forks, ends.
 *
 * Called by sensor and, with samples, by attribute.
 */
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/program_table.h"
#include "agent/guard/redact.h"
#include "agent/guard/sensors/sensors.h"
#include "agent/guard/user.h"

#include <string.h>

static void
set_ancestors(struct ds_str ids, struct ds_event *ev)
{
	static char text[DS_STRING_MAX];
	size_t n = 0, len;
	uint64_t id;

	for (size_t at = 0; at + sizeof(id) <= ids.len; at += sizeof(id)) {
		const char *path;

		memcpy(&id, ids.ptr + at, sizeof(id));
		if (id == 0)
			break;
		path = program_table_get(id);
		if (path == NULL)
			path = "?";
		len = strlen(path) + 1;
		if (n + len > sizeof(text))
			break;
		memcpy(text + n, path, len);
		n += len;
	}
	if (n > 0)
		ds_event_set_str(ev, DS_STR_ANCESTORS, text, n - 1);
}

static void
fill_exec(const struct probe_sample *sample, struct ds_event *ev)
{
	static char args[DS_ARGS_MAX + 1];
	static char exe[DS_PATH_MAX + 1];
	const char *user;
	size_t len = redact_args(sample->str[0].ptr, sample->str[0].len, args, DS_ARGS_MAX);

	ds_event_set_str(ev, DS_STR_ARGS, args, len);
	len = path_of_names(sample->str[1], exe, sizeof(exe));
	ds_event_set_str(ev, DS_STR_EXE, exe, len);
	set_ancestors(sample->str[2], ev);
	ev->num[DS_NUM_INPUT] = sample->s->arg[2];
	user = user_name((uint32_t)ev->num[DS_NUM_UID]);
	if (user != NULL)
		ds_event_set_str(ev, DS_STR_USER, user, strlen(user));
}

static void
fill_exit(const struct sample *s, struct ds_event *ev)
{
	ev->num[DS_NUM_EXIT_CODE] = s->arg[0] >> 8 & 0xff;
	ev->num[DS_NUM_SIGNAL] = s->arg[0] & 0x7f;
	ev->num[DS_NUM_DURATION_US] = s->arg[1] / 1000;
}

static bool
exec_fill(const struct probe_sample *sample, struct ds_event *ev)
{
	switch (sample->s->kind) {
	case SAMPLE_HOLD:
	case DS_EVENT_EXEC:
		fill_exec(sample, ev);
		return true;
	case DS_EVENT_EXIT:
		fill_exit(sample->s, ev);
		return true;
	case DS_EVENT_FORK:
		return true;
	case DS_EVENT_NAMESPACE:
		ev->num[DS_NUM_NS_FLAGS] = sample->s->arg[0];
		return true;
	default:
		return false;
	}
}

static const struct probe_point points[] = {
	{ .program = "task_fork", .needed = true },
	{ .program = "task_exec", .needed = true },
	/* The first, or the other two: see probe.c. */
	{ .program = "task_prepare", .optional = true },
	{ .program = "task_prepare_call", .point = "sys_enter_execve", .optional = true },
	{ .program = "task_prepare_call", .point = "sys_enter_execveat", .optional = true },
	{ .program = "task_exit" },
	{ .program = "task_cgroup" },
	{ 0 },
};

static const struct probe_topic topic = {
	.name = "exec", .sensor = SENSOR_EXEC, .points = points, .fill = exec_fill
};

static int
exec_open(void)
{
	return probe_open(&topic);
}

#define KIND(k) (UINT64_C(1) << DS_EVENT_##k)

PROBE_SENSOR(exec, exec_open, NULL,
    KIND(EXEC) | KIND(EXIT) | KIND(FORK) | KIND(NAMESPACE) | KIND(EXEC_MEMORY) | KIND(EXEC_DELETED),
    NULL);
