/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module - kernel modules and BPF programs that are loaded.
 *
 * Called by sensor and, with samples, by attribute.
 */
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/sensors/sensors.h"

static bool
module_fill(const struct probe_sample *sample, struct ds_event *ev)
{
	static char path[DS_PATH_MAX + 1];

	switch (sample->s->kind) {
	case DS_EVENT_MODULE_LOAD:
		if (sample->s->form[0] != FORM_NONE)
			ds_event_set_str(ev, DS_STR_PATH, path,
			    path_of_names(sample->str[0], path, sizeof(path)));
		return true;
	case DS_EVENT_BPF_LOAD:
		ev->num[DS_NUM_REQUEST] = sample->s->arg[0];
		return true;
	default:
		return false;
	}
}

#define N CALL_NONE

static const struct probe_point points[] = {
	{ "module_load", "sys_exit_finit_module", CALL(DS_EVENT_MODULE_LOAD, 0, N, N, N, N), false,
	    false },
	{ "module_load", "sys_exit_init_module", CALL(DS_EVENT_MODULE_LOAD, N, N, N, N, N), false,
	    false },
	{ "module_bpf", "sys_exit_bpf", 0, false, false },
	{ NULL, NULL, 0, false, false },
};

static const struct probe_topic topic = {
	.name = "module", .sensor = SENSOR_MODULE, .points = points, .fill = module_fill
};

static int
module_open(void)
{
	return probe_open(&topic);
}

PROBE_SENSOR(module, module_open, NULL,
    UINT64_C(1) << DS_EVENT_MODULE_LOAD | UINT64_C(1) << DS_EVENT_BPF_LOAD, NULL);
