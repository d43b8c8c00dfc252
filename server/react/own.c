/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/own.h"

#include "lib/compiler.h"
#include "server/react/kinds.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *network, *what;
} constant[] = {
	{ "127.0.0.0/8", "each host itself" },
	{ "::1", "each host itself" },
	{ "0.0.0.0", "no address of anybody" },
	{ "::", "no address of anybody" },
};

static bool
has(const char *address, const char *network)
{
	return react_address_listed(address, &network, 1);
}

static bool
is_servers(const char *address, char ret[NI_MAXHOST])
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *at = all; at != NULL && !found; at = at->ifa_next) {
		int family = at->ifa_addr != NULL ? at->ifa_addr->sa_family : AF_UNSPEC;
		socklen_t size = family == AF_INET    ? sizeof(struct sockaddr_in)
				 : family == AF_INET6 ? sizeof(struct sockaddr_in6)
						      : 0;

		if (size == 0 ||
		    getnameinfo(at->ifa_addr, size, ret, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		ret[strcspn(ret, "%")] = '\0'; /* fe80::1%eth0 */
		found = has(address, ret);
	}
	freeifaddrs(all);
	return found;
}

bool
react_is_own(const char *address, char *ret_why, size_t size)
{
	char own[NI_MAXHOST];

	for (size_t i = 0; i < DS_LEN(constant); i++) {
		if (!has(address, constant[i].network))
			continue;
		snprintf(ret_why, size, "%.60s is never blocked: %s is %s", address,
		    constant[i].network, constant[i].what);
		return true;
	}
	if (!is_servers(address, own))
		return false;
	snprintf(ret_why, size, "%.60s is never blocked: %.60s is this server's own", address, own);
	return true;
}
