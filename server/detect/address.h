/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address - what can be said of an internet address by itself. */
#ifndef SERVER_DETECT_ADDRESS_H
#define SERVER_DETECT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Of a site's own networks, a link or the host itself; size: 4 or 16, of others: false. */
bool address_is_private(const uint8_t *address, unsigned size);

#endif
