/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network - addresses and networks; pure. */
#include "agent/guard/reactions/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static uint8_t
mask_of(unsigned prefix, size_t byte)
{
	if (prefix >= 8 * (byte + 1))
		return 0xff;
	if (prefix <= 8 * byte)
		return 0;
	return (uint8_t)(0xff << (8 * (byte + 1) - prefix));
}

/* ::ffff:0:0/96 and what is in it is version 4. */
static void
unmap(struct network *n)
{
	if (n->bits != 128 || n->prefix < 96 || memcmp(n->address, mapped, sizeof(mapped)) != 0)
		return;
	for (size_t i = 0; i < 4; i++)
		n->address[i] = n->address[12 + i];
	for (size_t i = 4; i < 16; i++)
		n->address[i] = 0;
	n->bits = 32;
	n->prefix = (uint8_t)(n->prefix - 96);
}

static void
cut(struct network *n)
{
	for (size_t i = 0; i < sizeof(n->address); i++)
		n->address[i] &= mask_of(n->prefix, i);
}

int
network_of(const void *address, size_t size, struct network *ret)
{
	struct network n = { .bits = (uint8_t)(8 * size), .prefix = (uint8_t)(8 * size) };

	if (size != 4 && size != 16)
		return -EINVAL;
	memcpy(n.address, address, size);
	unmap(&n);
	*ret = n;
	return 0;
}

int
network_parse(const char *text, struct network *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct network n = { 0 };
	char host[64], *end;
	unsigned long prefix;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, n.address) == 1)
		n.bits = 32;
	else if (inet_pton(AF_INET6, host, n.address) == 1)
		n.bits = 128;
	else
		return -EINVAL;
	n.prefix = n.bits;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || prefix > n.bits)
			return -EINVAL;
		n.prefix = (uint8_t)prefix;
	}
	unmap(&n);
	cut(&n);
	*ret = n;
	return 0;
}

bool
network_overlaps(const struct network *a, const struct network *b)
{
	unsigned prefix = DS_MIN(a->prefix, b->prefix);

	if (a->bits != b->bits)
		return false;
	for (size_t i = 0; i < sizeof(a->address); i++)
		if (((a->address[i] ^ b->address[i]) & mask_of(prefix, i)) != 0)
			return false;
	return true;
}

bool
network_is_address(const struct network *n)
{
	return n->prefix == n->bits;
}

void
network_last(const struct network *n, uint8_t ret[16])
{
	for (size_t i = 0; i < 16; i++)
		ret[i] = i < n->bits / 8u
			     ? (uint8_t)(n->address[i] | (uint8_t)~mask_of(n->prefix, i))
			     : 0;
}

void
network_format(const struct network *n, char *ret, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(n->bits == 32 ? AF_INET : AF_INET6, n->address, text, sizeof(text));
	if (network_is_address(n))
		(void)snprintf(ret, size, "%s", text);
	else
		(void)snprintf(ret, size, "%s/%u", text, n->prefix);
}
