/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer - see peer.h; called for each request, on a listener's thread. */
#include "server/api/peer.h"

#include "lib/cidr.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* An address as it is written everywhere else; false: it is none. */
static bool
read_address(const char *text, size_t len, char ret[PEER_MAX])
{
	struct in6_addr raw;
	char copy[PEER_MAX];
	int family;

	while (len > 0 && strchr(" \t", text[len - 1]) != NULL)
		len--;
	for (; len > 0 && strchr(" \t", *text) != NULL; len--)
		text++;
	if (len == 0 || len >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	family = memchr(copy, ':', len) != NULL ? AF_INET6 : AF_INET;
	return inet_pton(family, copy, &raw) == 1 && inet_ntop(family, &raw, ret, PEER_MAX) != NULL;
}

void
peer_of(const char *address, const char *forwarded, const char *proxies, char ret[PEER_MAX])
{
	size_t end = forwarded != NULL ? strlen(forwarded) : 0;

	snprintf(ret, PEER_MAX, "%s", address);
	while (end > 0 && ds_cidr_list_has(proxies, ret)) {
		size_t begin = end;
		char before[PEER_MAX];

		while (begin > 0 && forwarded[begin - 1] != ',')
			begin--;
		if (!read_address(forwarded + begin, end - begin, before))
			return;
		memcpy(ret, before, sizeof(before));
		end = begin > 0 ? begin - 1 : 0;
	}
}
