/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container_json - single texts out of the JSON that container engines write.
 *
 * A scanner that understands just enough: the guard parses no documents.
 */
#ifndef AGENT_GUARD_CONTAINER_JSON_H
#define AGENT_GUARD_CONTAINER_JSON_H

#include "lib/compiler.h"

#include <stddef.h>

/* The string value of the first `key` at nesting `depth` (1: of the outermost object; 0: any) in
 * JSON text, unescaped as far as names need it.  0, -ENOENT, -ENAMETOOLONG. */
DS_MUST_CHECK int container_json_string(
    const char *text, size_t len, const char *key, int depth, char *ret, size_t size);

#endif
