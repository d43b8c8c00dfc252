/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modes - how much automation may do: for the fleet, a label, a host, a daemon; the most specific
 * says.
 *
 * A daemon's word goes before a host's, a host's before a label's, a label's before the fleet's;
 * of two that are equally specific the more careful one.  Not thread-safe; pure.
 */
#ifndef SERVER_REACT_MODES_H
#define SERVER_REACT_MODES_H

#include "lib/compiler.h"
#include "server/store/reactions.h"

#define MODES_MAX 4096u

enum react_mode { REACT_MONITOR, REACT_ACTIVE, REACT_PREVENT };

struct modes;

struct modes *modes_new(void);
void modes_free(struct modes *m);
/* Says it, or takes it back (mode ""); 0, -EINVAL (no such mode), -E2BIG, -ENOMEM. */
DS_MUST_CHECK int modes_put(struct modes *m, const struct mode_row *row);
enum react_mode modes_of(
    const struct modes *m, uint32_t host, const char *labels, const char *daemon);
/* Whether anything has the mode. */
bool modes_has(const struct modes *m, enum react_mode mode);
const char *react_mode_name(enum react_mode mode);
/* -EINVAL: none of this name. */
DS_MUST_CHECK int react_mode_parse(const char *name, enum react_mode *ret);

#endif
