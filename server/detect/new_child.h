/* SPDX-License-Identifier: GPL-2.0-or-later */
/* new_child - what the start of a program is to its daemon; the detector itself is a row. */
#ifndef SERVER_DETECT_NEW_CHILD_H
#define SERVER_DETECT_NEW_CHILD_H

#include "server/detect/profile.h"

/* The daemon itself again, a child of it, or something that the service manager started for it
 * (its start, ExecStartPre, ExecReload and what those start in turn). */
enum key_sort new_child_sort(const struct daemon_profile *d, const struct ds_event *ev);

#endif
