/* SPDX-License-Identifier: GPL-2.0-or-later */
/* private_address - see private_address.h; called by sender.c. */
#include "server/notify/private_address.h"

#include "lib/cidr.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const char *const private[] = {
	"0.0.0.0/8",
	"10.0.0.0/8",
	"100.64.0.0/10", /* and the metadata of Alibaba's cloud, 100.100.100.200 */
	"127.0.0.0/8",
	"168.63.129.16", /* of Azure */
	"169.254.0.0/16",
	"172.16.0.0/12",
	"192.0.0.0/24", /* and the metadata of Oracle's, 192.0.0.192 */
	"192.168.0.0/16",
	"198.18.0.0/15",
	"224.0.0.0/3",
	"::/127",
	"64:ff9b:1::/48", /* NAT64 of a network's own */
	"2001::/32",      /* Teredo */
	"fc00::/7",       /* and the metadata of Amazon's, fd00:ec2::254 */
	"fe80::/10",
	"fec0::/10",
	"ff00::/8",
};

/* Where an IPv6 address carries one of IPv4, and at which byte. */
static const struct {
	const char *net;
	unsigned at;
} carrying[] = {
	{ "::/96", 12 },           /* compatible */
	{ "::ffff:0:0:0/96", 12 }, /* translated */
	{ "64:ff9b::/96", 12 },    /* NAT64 */
	{ "2002::/16", 2 },        /* 6to4 */
};

static bool
is_in(const uint8_t a[16], const char *net)
{
	struct ds_cidr n;
	unsigned whole, bits;

	if (ds_cidr_parse(net, strlen(net), &n) < 0)
		return true; /* a mistake of ours opens nothing */
	whole = n.prefix / 8;
	bits = n.prefix % 8;
	return memcmp(a, n.address, whole) == 0 &&
	       (bits == 0 || ((a[whole] ^ n.address[whole]) >> (8 - bits)) == 0);
}

static bool
is_private(const uint8_t a[16])
{
	for (size_t i = 0; i < DS_LEN(private); i++)
		if (is_in(a, private[i]))
			return true;
	return false;
}

bool
private_address(const uint8_t a[16])
{
	uint8_t v4[16] = { [10] = 0xff, [11] = 0xff };

	if (is_private(a))
		return true;
	for (size_t i = 0; i < DS_LEN(carrying); i++)
		if (is_in(a, carrying[i].net)) {
			memcpy(v4 + 12, a + carrying[i].at, 4);
			return is_private(v4);
		}
	return false;
}

bool
own_address(const uint8_t a[16])
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
		uint8_t own[16] = { [10] = 0xff, [11] = 0xff };

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(own + 12,
			    &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(own,
			    &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
			    16);
		else
			continue;
		found = memcmp(own, a, sizeof(own)) == 0;
	}
	freeifaddrs(all);
	return found;
}
