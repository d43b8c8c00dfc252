/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cidr - networks as people write them: 192.0.2.0/24, 2001:db8::/32, or one address. */
#ifndef LIB_CIDR_H
#define LIB_CIDR_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_CIDR_LIST_MAX 500u /* bytes of a list */

/* IPv4 is kept as ::ffff:a.b.c.d. */
struct ds_cidr {
	uint8_t address[16];
	unsigned prefix; /* 0..128 */
};

/* 0 or -EINVAL; bits behind the prefix are cleared. */
DS_MUST_CHECK int ds_cidr_parse(const char *text, size_t len, struct ds_cidr *ret);
/* A list, separated by commas: 0, or -EINVAL; empty is none. */
DS_MUST_CHECK int ds_cidr_check(const char *list);
/* Whether a network of the list has the peer: an address, with or without its port ("192.0.2.1:80",
 * "[2001:db8::1]:80").  What cannot be read is in no network. */
bool ds_cidr_list_has(const char *list, const char *peer);

#endif
