/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * geo - the country of an address, and lists of countries and networks that are always let alone or
 * never welcome.
 *
 * The database is a MaxMind .mmdb (with libmaxminddb) or the text form that Debian's tor-geoipdb
 * has: lines "LOW,HIGH,CC" with addresses as numbers (IPv4) or text (IPv6).  Immutable once read.
 */
#ifndef SERVER_DETECT_GEO_H
#define SERVER_DETECT_GEO_H

#include "lib/compiler.h"
#include "server/detect/login_model.h"

#define GEO_RANGES_MAX (1u << 21)
#define GEO_LIST_MAX   1024u

struct geo;

/* path "" : no countries; allow, deny: country codes, addresses and networks.  NULL and a sentence
 * on failure. */
struct geo *geo_open(const char *path, const char *const *allow, size_t allow_len,
    const char *const *deny, size_t deny_len, char *ret_why, size_t why_size);
void geo_close(struct geo *g);
/* For the login model; borrowed. */
const struct login_policy *geo_policy(const struct geo *g);
/* Reads ranges from text; the number, or -errno.  For tests. */
DS_MUST_CHECK int geo_add_text(struct geo *g, const char *text);
bool geo_country(const struct geo *g, const uint8_t *address, unsigned size, char ret[3]);

#endif
