/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain_agent - the document of an alert that is about an agent and not about a daemon. */
#ifndef SERVER_DETECT_EXPLAIN_AGENT_H
#define SERVER_DETECT_EXPLAIN_AGENT_H

#include <stdint.h>

/* One feature, what is expected of it and what was observed.  malloc; NULL: no memory. */
char *explain_agent_text(const char *action, uint64_t time_us, const char *feature,
    const char *baseline, const char *observed);

#endif
