/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/address.h"

#include <stddef.h>
#include <string.h>

static bool
is_private_v4(const uint8_t *a)
{
	return a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
	       (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
	       (a[0] == 100 && (a[1] & 0xc0) == 64);
}

bool
address_is_private(const uint8_t *address, unsigned size)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t self[16] = { [15] = 1 };

	if (size == 4)
		return is_private_v4(address);
	if (size != 16)
		return false;
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return is_private_v4(address + sizeof(mapped));
	return (address[0] & 0xfe) == 0xfc || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) ||
	       memcmp(address, self, sizeof(self)) == 0;
}
