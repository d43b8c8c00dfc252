/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/spared.h"

#include "server/react/kinds.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct one {
	uint32_t host;
	char address[INET6_ADDRSTRLEN];
	char name[61]; /* one word: an agent chose it */
};

struct spared {
	size_t len;
	struct one items[];
};

/* Without port and brackets, as addresses are written; false: it is none. */
static bool
read_peer(const char *peer, char ret[INET6_ADDRSTRLEN])
{
	char text[64];
	uint8_t bytes[16];
	size_t len = strlen(peer);
	const char *colon = strrchr(peer, ':');
	int family;

	if (colon != NULL)
		len = (size_t)(colon - peer);
	if (len >= 2 && peer[0] == '[' && peer[len - 1] == ']') {
		peer++;
		len -= 2;
	}
	snprintf(text, sizeof(text), "%.*s", (int)len, peer);
	family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(family, text, bytes) == 1 &&
	       inet_ntop(family, bytes, ret, INET6_ADDRSTRLEN) != NULL;
}

static void
copy_name(const char *name, char ret[sizeof(((struct one *)0)->name)])
{
	size_t len = strnlen(name, sizeof(((struct one *)0)->name) - 1);

	for (size_t i = 0; i < len; i++)
		ret[i] = name[i];
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)ret[i] <= ' ' || (unsigned char)ret[i] >= 0x7f)
			ret[i] = '?';
	ret[len] = '\0';
}

static struct spared *
alloc(size_t len)
{
	return calloc(1, sizeof(struct spared) + len * sizeof(struct one));
}

/* ---- who it is now */

struct making {
	struct spared *list;
	const char *labels;
	const struct spared_sessions *sessions;
	const struct spared *before;
	size_t max;
};

static const struct one *
find_host(const struct spared *s, uint32_t host)
{
	for (size_t i = 0; s != NULL && i < s->len; i++)
		if (s->items[i].host == host)
			return &s->items[i];
	return NULL;
}

static bool
is_spared(const struct react_host *host, const struct making *m)
{
	return host->is_approved && react_labels_meet(host->labels, m->labels);
}

static int
count_host(const struct react_host *host, void *ctx)
{
	struct making *m = ctx;

	m->max += is_spared(host, m);
	return m->max == SPARED_MAX;
}

/* One that is away now keeps its address: it may come back any moment, and others still see it. */
static int
add_host(const struct react_host *host, void *ctx)
{
	struct making *m = ctx;
	struct one *item = &m->list->items[m->list->len];
	const struct one *before;
	char peer[64] = "";

	if (!is_spared(host, m))
		return 0;
	item->host = host->number;
	copy_name(host->name, item->name);
	if (m->sessions->peer != NULL &&
	    m->sessions->peer(m->sessions->arg, host->number, peer, sizeof(peer)) &&
	    read_peer(peer, item->address)) {
		m->list->len++;
	} else {
		before = find_host(m->before, host->number);
		if (before != NULL)
			memcpy(item->address, before->address, sizeof(item->address));
		m->list->len += before != NULL;
	}
	return m->list->len == m->max;
}

static int
by_host(const void *a, const void *b)
{
	uint32_t x = ((const struct one *)a)->host, y = ((const struct one *)b)->host;

	return (x > y) - (x < y);
}

struct spared *
spared_new(struct hosts *hosts, const char *labels, const struct spared_sessions *sessions,
    const struct spared *before, uint64_t now_ms)
{
	struct making m = { NULL, labels, sessions, before, 0 };

	if (labels[0] != '\0')
		(void)hosts_each(hosts, now_ms, count_host, &m);
	m.list = alloc(m.max);
	if (m.list != NULL && m.max > 0)
		(void)hosts_each(hosts, now_ms, add_host, &m);
	if (m.list != NULL)
		qsort(m.list->items, m.list->len, sizeof(m.list->items[0]), by_host);
	return m.list;
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

/* ---- as text */

static bool
is_told(const struct spared *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(s->items[i].address, s->items[at].address) == 0)
			return true;
	return false;
}

static size_t
put_list(const struct spared *s, bool names, char ret[SPARED_LIST_MAX])
{
	size_t len = 0, left = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < s->len; i++) {
		const struct one *item = &s->items[i];
		int n;

		if (is_told(s, i))
			continue;
		n = names ? snprintf(ret + len, SPARED_LIST_MAX - len, "%s %s\n", item->address,
				item->name)
			  : snprintf(ret + len, SPARED_LIST_MAX - len, "%s\n", item->address);
		if (n < 0 || len + (size_t)n >= SPARED_LIST_MAX) {
			ret[len] = '\0';
			left++;
		} else {
			len += (size_t)n;
		}
	}
	return left;
}

size_t
spared_list(const struct spared *s, char ret[SPARED_LIST_MAX])
{
	return put_list(s, true, ret) == 0 ? 0 : put_list(s, false, ret);
}

void
spared_format(const struct spared *s, char ret[SPARED_TEXT_MAX])
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < s->len; i++) {
		int n = snprintf(ret + len, SPARED_TEXT_MAX - len, "%u %s %s\n", s->items[i].host,
		    s->items[i].address, s->items[i].name);

		len += n > 0 ? (size_t)n : 0;
	}
}

struct spared *
spared_parse(const char *text)
{
	struct spared *s;
	size_t lines = 0;

	for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n'))
		lines++;
	s = alloc(lines);
	for (size_t i = 0; s != NULL && i < lines; i++) {
		struct one *item = &s->items[s->len];

		if (sscanf(text, "%u %45s %60s", &item->host, item->address, item->name) == 3)
			s->len++;
		text = strchr(text, '\n') + 1;
	}
	return s;
}
