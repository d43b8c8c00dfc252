/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cred - changes of user, group, capabilities and namespaces, ptrace, mounts, writes into other
 * processes.
 *
 * Called by sensor and, with samples, by attribute.
 */
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/sensors/sensors.h"

#define DIR_RAW 14u

static void
fill_mount(const struct probe_sample *sample, struct ds_event *ev)
{
	static char source[DS_PATH_MAX + 1], target[DS_PATH_MAX + 1];

	if (sample->s->form[0] == FORM_NONE)
		DS_EVENT_STR(ev, DS_STR_PATH) = sample->str[1]; /* a device, or a word */
	else
		ds_event_set_str(ev, DS_STR_PATH, source,
		    path_below(sample->str[0], sample->str[1], source, sizeof(source)));
	ds_event_set_str(ev, DS_STR_TARGET_PATH, target,
	    path_below(sample->str[2], sample->str[3], target, sizeof(target)));
}

static bool
cred_fill(const struct probe_sample *sample, struct ds_event *ev)
{
	const struct sample *s = sample->s;

	switch (s->kind) {
	case DS_EVENT_SETUID:
		ev->num[DS_NUM_NEW_UID] = s->arg[0];
		return true;
	case DS_EVENT_SETGID:
		ev->num[DS_NUM_NEW_GID] = s->arg[0];
		return true;
	case DS_EVENT_CAPSET:
		ev->num[DS_NUM_CAPABILITIES] = s->arg[0];
		return true;
	case DS_EVENT_PTRACE:
		ev->num[DS_NUM_REQUEST] = s->arg[0];
		ev->num[DS_NUM_TARGET_PID] = s->arg[1];
		return true;
	case DS_EVENT_VM_WRITE:
		ev->num[DS_NUM_TARGET_PID] = s->arg[0];
		return true;
	case DS_EVENT_NAMESPACE:
		ev->num[DS_NUM_NS_FLAGS] = s->arg[0];
		return true;
	case DS_EVENT_MOUNT:
		fill_mount(sample, ev);
		return true;
	default:
		return false;
	}
}

#define N CALL_NONE
#define CHANGE(call, kind)                                                                    \
	{                                                                                     \
		"cred_change", "sys_exit_" call, CALL(DS_EVENT_##kind, N, N, N, N, N), false, \
		    false                                                                     \
	}
#define OTHER(call, kind, dir, value)                                                              \
	{                                                                                          \
		"cred_other", "sys_exit_" call, CALL(DS_EVENT_##kind, dir, N, value, N, N), false, \
		    false                                                                          \
	}

static const struct probe_point points[] = {
	CHANGE("setuid", SETUID),
	CHANGE("setreuid", SETUID),
	CHANGE("setresuid", SETUID),
	CHANGE("setgid", SETGID),
	CHANGE("setregid", SETGID),
	CHANGE("setresgid", SETGID),
	CHANGE("capset", CAPSET),
	OTHER("ptrace", PTRACE, N, 0),
	OTHER("process_vm_writev", VM_WRITE, N, 0),
	OTHER("unshare", NAMESPACE, N, 0),
	OTHER("setns", NAMESPACE, 0, 1),
	{ "file_path", "sys_exit_mount", CALL(DS_EVENT_MOUNT, DIR_RAW, 0, N, N, 1), false, false },
	{ "file_path", "sys_exit_move_mount", CALL(DS_EVENT_MOUNT, 0, 1, N, 2, 3), true, false },
	{ NULL, NULL, 0, false, false },
};

static const struct probe_topic topic = {
	.name = "cred", .sensor = SENSOR_CRED, .points = points, .fill = cred_fill
};

static int
cred_open(void)
{
	return probe_open(&topic);
}

#define KIND(k) (UINT64_C(1) << DS_EVENT_##k)

PROBE_SENSOR(cred, cred_open, NULL,
    KIND(SETUID) | KIND(SETGID) | KIND(CAPSET) | KIND(PTRACE) | KIND(VM_WRITE) | KIND(NAMESPACE) |
	KIND(MOUNT),
    NULL);
