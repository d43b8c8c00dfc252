/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report - what came of a run, for people or as JSON. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim/fleet.h"

DS_MUST_CHECK int report_print(const struct fleet *f, bool is_json);
/* Events that were sent and not acknowledged. */
uint64_t report_unacked(const struct fleet *f);

#endif
