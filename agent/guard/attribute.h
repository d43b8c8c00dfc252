/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribute - makes events of samples: which daemon, which program, when.
 *
 * Whose a process is, decide says.
 */
#ifndef AGENT_GUARD_ATTRIBUTE_H
#define AGENT_GUARD_ATTRIBUTE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* Before the sensors are opened. 0 or -ENOMEM. */
DS_MUST_CHECK int attribute_init(void);
void attribute_done(void);
/* The clocks may have been set: call it each second. */
void attribute_tick(void);

#endif
