/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64u /* of an address */
#define V4_BITS  96u /* of ::ffff:0:0 */

static int
read_address(const char *text, uint8_t ret[16], bool *ret_is_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*ret_is_v4 = inet_pton(AF_INET, text, ret + 12) == 1;
	if (*ret_is_v4)
		memcpy(ret, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, text, ret) != 1)
		return -EINVAL;
	return 0;
}

static int
read_prefix(const char *text, unsigned max, unsigned *ret)
{
	size_t len = strlen(text);

	if (len == 0 || len > 3 || strspn(text, "0123456789") != len)
		return -EINVAL;
	*ret = (unsigned)strtoul(text, NULL, 10);
	return *ret > max ? -EINVAL : 0;
}

static void
clear_behind(uint8_t address[16], unsigned prefix)
{
	for (unsigned bit = prefix; bit < 128; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

int
ds_cidr_parse(const char *text, size_t len, struct ds_cidr *ret)
{
	struct ds_cidr out = { .prefix = 128 };
	char copy[TEXT_MAX], *slash;
	unsigned bits;
	bool is_v4;

	while (len > 0 && text[0] == ' ') {
		text++;
		len--;
	}
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (read_address(copy, out.address, &is_v4) < 0)
		return -EINVAL;
	if (slash != NULL) {
		if (read_prefix(slash, is_v4 ? 32 : 128, &bits) < 0)
			return -EINVAL;
		out.prefix = bits + (is_v4 ? V4_BITS : 0);
	}
	clear_behind(out.address, out.prefix);
	*ret = out;
	return 0;
}

int
ds_cidr_check(const char *list)
{
	struct ds_cidr network;

	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (ds_cidr_parse(list, len, &network) < 0)
			return -EINVAL;
		list += len;
		if (*list == ',' && *++list == '\0')
			return -EINVAL;
	}
	return 0;
}

/* The address of "address", "address:port" or "[address]:port". */
static int
read_peer(const char *peer, uint8_t ret[16])
{
	const char *colon = strrchr(peer, ':');
	char copy[TEXT_MAX];
	size_t len = strlen(peer);
	bool is_v4;

	if (peer[0] == '[') {
		peer++;
		len = strcspn(peer, "]");
	} else if (colon != NULL && strchr(peer, ':') == colon) {
		len = (size_t)(colon - peer);
	}
	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, peer, len);
	copy[len] = '\0';
	return read_address(copy, ret, &is_v4);
}

bool
ds_cidr_list_has(const char *list, const char *peer)
{
	uint8_t address[16], masked[16];
	struct ds_cidr network;

	if (read_peer(peer, address) < 0)
		return false;
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (ds_cidr_parse(list, len, &network) == 0) {
			memcpy(masked, address, sizeof(masked));
			clear_behind(masked, network.prefix);
			if (memcmp(masked, network.address, sizeof(masked)) == 0)
				return true;
		}
		list += len + (list[len] == ',');
	}
	return false;
}
