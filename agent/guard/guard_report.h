/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard_report - the guard's events about itself: start, stop, cost, and what it did not see. */
#ifndef AGENT_GUARD_GUARD_REPORT_H
#define AGENT_GUARD_GUARD_REPORT_H

#include <stdint.h>
#include <sys/types.h>

/* sensors: which run and what they cannot see. blind_us: since a run that did not end well. */
void report_start(const char *sensors, uint64_t blind_us);
void report_stop(void);
/* What guard and uplink (0: none) used since the last time. */
void report_cost(pid_t uplink, uint64_t now_ms);

#endif
