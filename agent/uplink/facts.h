/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts - what this host says of itself in HELLO and ENROL: claims, not identity. */
#ifndef AGENT_UPLINK_FACTS_H
#define AGENT_UPLINK_FACTS_H

#include "lib/wire.h"

/* Fills version range, times, agent's version, host name, os, kernel, arch, hashed machine id and
 * boot id; what cannot be read stays empty.  root: "" or where to find etc/ and proc/, for tests.
 * Reads files: before the uplink locks itself up, or with these readable. */
void facts_read(const char *root, struct ds_hello *ret);

#endif
