/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network - an address or a network, of version 4 or 6, as orders and options name it. */
#ifndef AGENT_GUARD_REACTIONS_NETWORK_H
#define AGENT_GUARD_REACTIONS_NETWORK_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network {
	uint8_t address[16]; /* version 4: the first four bytes; bits behind the prefix are 0 */
	uint8_t bits;        /* 32 or 128 */
	uint8_t prefix;      /* at most bits */
};

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; ::ffff:a.b.c.d is a.b.c.d.  0 or -EINVAL. */
DS_MUST_CHECK int network_parse(const char *text, struct network *ret);
/* An address of 4 or 16 bytes. */
DS_MUST_CHECK int network_of(const void *address, size_t size, struct network *ret);
/* Whether they have an address in common. */
bool network_overlaps(const struct network *a, const struct network *b);
bool network_is_address(const struct network *n);
/* The last address of it. */
void network_last(const struct network *n, uint8_t ret[16]);
/* As it is read; ret has at least 64 bytes. */
void network_format(const struct network *n, char *ret, size_t size);

#endif
