/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ulid - ids of 16 bytes that sort by the time of their making, and their names: rct_01J... */
#ifndef LIB_ULID_H
#define LIB_ULID_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define DS_ULID_SIZE 16u /* bytes: 6 of milliseconds, 10 random */
#define DS_ULID_TEXT 27u /* characters and the NUL, without a prefix */

/* 0, or -errno of the kernel's random numbers. */
DS_MUST_CHECK int ds_ulid_make(uint64_t wall_us, uint8_t ret[DS_ULID_SIZE]);
/* The prefix and 26 digits of Crockford's base 32; cut where there is no room. */
void ds_ulid_format(const char *prefix, const uint8_t id[DS_ULID_SIZE], char *ret, size_t size);
/* 0 or -EINVAL: another prefix, or no such id. */
DS_MUST_CHECK int ds_ulid_parse(const char *prefix, const char *text, uint8_t ret[DS_ULID_SIZE]);

#endif
