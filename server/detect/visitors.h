/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * visitors - which addresses of the outside connected to a host of late.
 *
 * A daemon that then connects to one of them, where it never did, is likely to do what the visitor
 * wants: servers have no business with who asks them.  Within a site machines talk both ways, so
 * private addresses do not count.  On the worker's thread, one object a host; bounded: an address
 * has one place, and the newest of those that share it is remembered.
 */
#ifndef SERVER_DETECT_VISITORS_H
#define SERVER_DETECT_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

#define VISITORS_PLACES 256u
#define VISITORS_US     (600 * UINT64_C(1000000)) /* so long a visit is of late */

struct visitors;

/* `*v` is made with the first; without memory nobody is remembered.  size: 4 or 16. */
void visitors_note(struct visitors **v, const uint8_t *address, unsigned size, uint64_t time_us);
/* v: NULL: nobody came. */
bool visitors_has(
    const struct visitors *v, const uint8_t *address, unsigned size, uint64_t time_us);

#endif
