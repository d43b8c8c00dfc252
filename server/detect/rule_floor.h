/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_floor - tells events that fit a rule. */
#ifndef SERVER_DETECT_RULE_FLOOR_H
#define SERVER_DETECT_RULE_FLOOR_H

#include "server/detect/turn.h"

/* Whether any rule is about events of the kind. */
bool rule_floor_has(struct turn *t, uint8_t kind);
/* Asks the rules about the event, which is loaded; the sighting is not changed.  -ENOMEM. */
DS_MUST_CHECK int rule_floor_see(struct turn *t, const struct sighting *s);

#endif
