/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock - time, in the unit of its name.  Intervals are measured on the monotonic clock only. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define DS_US_PER_S 1000000ull

uint64_t ds_clock_wall_us(void);      /* since the epoch; may jump */
uint64_t ds_clock_monotonic_ms(void); /* never jumps, does not count suspend */
uint64_t ds_clock_boot_us(void);      /* since boot, counts suspend: the kernel's sample clock */
/* "2026-11-24T01:02:03.456789Z" into ret (at least 28 bytes). */
void ds_clock_format(uint64_t wall_us, char *ret, size_t size);
/* RFC 3339; 0 or -EINVAL. */
int ds_clock_parse(const char *text, uint64_t *ret_us);

#endif
