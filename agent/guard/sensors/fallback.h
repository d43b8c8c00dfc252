/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fallback - the sensors for kernels without BTF or BPF, or [general] sensors = fallback.
 *
 * A row of the sensor table opens when what it replaces does not run; in this order, so that
 * exec_scan stands in where the kernel refuses exec_netlink.
 */
#ifndef AGENT_GUARD_SENSORS_FALLBACK_H
#define AGENT_GUARD_SENSORS_FALLBACK_H

#include "agent/guard/sensor.h"

extern const struct sensor sensor_exec_netlink;  /* replaces exec: the proc connector */
extern const struct sensor sensor_exec_scan;     /* replaces exec_netlink: looks at /proc */
extern const struct sensor sensor_file_fanotify; /* replaces file */
extern const struct sensor sensor_net_diag;      /* replaces net */

#endif
