/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program_table - paths of programs by the id that the kernel side gives them.
 *
 * Bounded; what was not asked for lately goes first.
 */
#ifndef AGENT_GUARD_PROGRAM_TABLE_H
#define AGENT_GUARD_PROGRAM_TABLE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* 0 or -ENOMEM. */
DS_MUST_CHECK int program_table_init(void);
void program_table_done(void);
void program_table_put(uint64_t id, const char *path, size_t len);
/* Borrowed until the next put; NULL: not known. */
const char *program_table_get(uint64_t id);

#endif
