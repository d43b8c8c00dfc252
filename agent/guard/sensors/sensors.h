/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensors - every sensor there is, one line each. */
#ifndef AGENT_GUARD_SENSORS_SENSORS_H
#define AGENT_GUARD_SENSORS_SENSORS_H

#include "agent/guard/sensor.h"

/* eBPF, all on one ring: probe */
extern const struct sensor sensor_exec;
extern const struct sensor sensor_file;
extern const struct sensor sensor_net;
extern const struct sensor sensor_cred;
extern const struct sensor sensor_module;

/* fanotify, inotify and /proc: agent/guard/integrity.c */
extern const struct sensor sensor_integrity;

#endif
