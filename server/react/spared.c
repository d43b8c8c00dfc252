/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/spared.h"

#include "server/react/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct one {
	char address[64], name[256];
};

struct spared {
	size_t len;
	struct one items[];
};

/* Without port and brackets. */
static void
strip(const char *peer, char *ret, size_t size)
{
	size_t len = strlen(peer);
	const char *colon = strrchr(peer, ':');

	if (colon != NULL)
		len = (size_t)(colon - peer);
	if (len >= 2 && peer[0] == '[' && peer[len - 1] == ']') {
		peer++;
		len -= 2;
	}
	snprintf(ret, size, "%.*s", (int)len, peer);
}

struct spared *
spared_new(struct hosts *hosts, const char *labels, const struct spared_peer *peers, size_t len,
    uint64_t now_ms)
{
	struct spared *s = calloc(1, sizeof(*s) + len * sizeof(s->items[0]));

	for (size_t i = 0; s != NULL && i < len; i++) {
		const struct react_host *host = hosts_get(hosts, peers[i].host, now_ms);
		struct one *item = &s->items[s->len];

		if (host == NULL || !host->is_approved || !react_labels_meet(host->labels, labels))
			continue;
		strip(peers[i].peer, item->address, sizeof(item->address));
		snprintf(item->name, sizeof(item->name), "%s", host->name);
		s->len++;
	}
	return s;
}

void
spared_free(void *spared)
{
	free(spared);
}

const char *
spared_find(const struct spared *s, const char *address)
{
	for (size_t i = 0; i < s->len; i++) {
		const char *const one[] = { s->items[i].address };

		/* Also a network that covers it, and the same address in IPv6's clothes. */
		if (react_address_listed(address, one, 1))
			return s->items[i].name;
	}
	return NULL;
}
