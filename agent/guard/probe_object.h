/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_object - the loaded object, for probe.c and probe_maps.c only.
 */
#ifndef AGENT_GUARD_PROBE_OBJECT_H
#define AGENT_GUARD_PROBE_OBJECT_H

#include "agent/guard/sensors/sample.h"
#include "agent/guard/sensors/sensors.skel.h"

/* NULL while nothing is open. */
struct sensors_bpf *probe_object(void);

#endif
