/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_restart - a container is started anew the way its engine does it: never by its program,
 * which is a file of another root.
 */
#ifndef AGENT_GUARD_ENGINE_RESTART_H
#define AGENT_GUARD_ENGINE_RESTART_H

#include "agent/guard/service.h"

/* By the engine's own tool; else, where its policy is to start again what ended, by ending it.  For
 * settle: waits.  0, -EOPNOTSUPP, -errno, with a sentence. */
DS_MUST_CHECK int engine_restart(const struct service *s, char *why, size_t size);
/* Whether that could be done; -EOPNOTSUPP with a sentence. */
DS_MUST_CHECK int engine_can_restart(const struct service *s, char *why, size_t size);

#endif
