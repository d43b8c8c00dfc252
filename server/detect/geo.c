/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/geo.h"

#include "lib/array.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MAXMINDDB
#include <maxminddb.h>
#endif

struct range {
	uint8_t low[16], high[16]; /* IPv4 mapped */
	char country[2];
};

struct entry {
	char country[3]; /* "" : a network */
	uint8_t network[16];
	unsigned bits;
};

struct list {
	struct entry at[GEO_LIST_MAX];
	size_t len;
};

struct geo {
	struct login_policy policy;
	struct range *ranges;
	size_t len, cap;
	bool sorted;
	struct list allow, deny;
#ifdef HAVE_MAXMINDDB
	MMDB_s mmdb;
	bool has_mmdb;
#endif
};

/* Every address as sixteen bytes. */
static void
widen(const uint8_t *address, unsigned size, uint8_t ret[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (size == 16) {
		memcpy(ret, address, 16);
		return;
	}
	memcpy(ret, mapped, 12);
	memcpy(ret + 12, address, 4);
}

static int
by_low(const void *a, const void *b)
{
	return memcmp(((const struct range *)a)->low, ((const struct range *)b)->low, 16);
}

static bool
read_address(const char *text, uint8_t ret[16])
{
	uint8_t raw[16];
	char *end;
	unsigned long n;

	if (inet_pton(AF_INET6, text, raw) == 1) {
		widen(raw, 16, ret);
		return true;
	}
	if (inet_pton(AF_INET, text, raw) == 1) {
		widen(raw, 4, ret);
		return true;
	}
	n = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || n > UINT32_MAX)
		return false;
	raw[0] = (uint8_t)(n >> 24);
	raw[1] = (uint8_t)(n >> 16);
	raw[2] = (uint8_t)(n >> 8);
	raw[3] = (uint8_t)n;
	widen(raw, 4, ret);
	return true;
}

/* "LOW,HIGH,CC"; other lines are comments. */
static int
add_line(struct geo *g, const char *line, size_t len)
{
	char text[160], *at = text, *low, *high, *country;
	struct range r, *grown;

	if (len == 0 || len >= sizeof(text) || line[0] == '#')
		return 0;
	memcpy(text, line, len);
	text[len] = '\0';
	low = strsep(&at, ",");
	high = strsep(&at, ",");
	country = strsep(&at, ",\r");
	if (country == NULL || strlen(country) != 2 || !read_address(low, r.low) ||
	    !read_address(high, r.high))
		return 0;
	memcpy(r.country, country, 2);
	if (g->len >= GEO_RANGES_MAX)
		return -ENOSPC;
	grown = ds_array_grow(g->ranges, g->len, &g->cap, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	g->ranges = grown;
	g->ranges[g->len++] = r;
	return 1;
}

int
geo_add_text(struct geo *g, const char *text)
{
	int n = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		int r = add_line(g, text, len);

		if (r < 0)
			return r;
		n += r;
		text += len + (text[len] == '\n');
	}
	if (g->len > 0)
		qsort(g->ranges, g->len, sizeof(*g->ranges), by_low);
	return n;
}

static int
read_text(struct geo *g, const char *path, char *why, size_t size)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int r = 0;

	if (f == NULL) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return -errno;
	}
	while (r >= 0 && fgets(line, sizeof(line), f) != NULL)
		r = add_line(g, line, strcspn(line, "\n"));
	fclose(f);
	if (r >= 0 && g->len == 0)
		r = -EBADMSG;
	if (r < 0)
		snprintf(why, size, "%s: %s", path,
		    r == -EBADMSG ? "no lines LOW,HIGH,CC and no .mmdb" : strerror(-r));
	else
		qsort(g->ranges, g->len, sizeof(*g->ranges), by_low);
	return r < 0 ? r : 0;
}

static bool
is_mmdb(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && strcmp(path + len - 5, ".mmdb") == 0;
}

static int
read_database(struct geo *g, const char *path, char *why, size_t size)
{
	if (!is_mmdb(path))
		return read_text(g, path, why, size);
#ifdef HAVE_MAXMINDDB
	int code = MMDB_open(path, MMDB_MODE_MMAP, &g->mmdb);

	g->has_mmdb = code == MMDB_SUCCESS;
	if (!g->has_mmdb)
		snprintf(why, size, "%s: %s", path, MMDB_strerror(code));
	return g->has_mmdb ? 0 : -EBADMSG;
#else
	snprintf(why, size, "%s: .mmdb is not built in (libmaxminddb)", path);
	return -ENOTSUP;
#endif
}

#ifdef HAVE_MAXMINDDB
static bool
ask_mmdb(const struct geo *g, const uint8_t *address, unsigned size, char ret[3])
{
	/* As what it is: not every database has its IPv4 networks below ::ffff:0:0/96 as well. */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = { .any = { .sa_family = size == 4 ? AF_INET : AF_INET6 } };
	MMDB_s *mmdb = (MMDB_s *)(uintptr_t)&g->mmdb;
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;
	int code;

	if (size == 4)
		memcpy(&to.v4.sin_addr, address, 4);
	else
		memcpy(&to.v6.sin6_addr, address, 16);
	found = MMDB_lookup_sockaddr(mmdb, &to.any, &code);
	if (code != MMDB_SUCCESS || !found.found_entry ||
	    MMDB_get_value(&found.entry, &data, "country", "iso_code", NULL) != MMDB_SUCCESS ||
	    !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
		return false;
	memcpy(ret, data.utf8_string, 2);
	ret[2] = '\0';
	return true;
}
#endif

bool
geo_country(const struct geo *g, const uint8_t *address, unsigned size, char ret[3])
{
	uint8_t wide[16];
	size_t low = 0, high = g->len;

	widen(address, size, wide);
#ifdef HAVE_MAXMINDDB
	if (g->has_mmdb)
		return ask_mmdb(g, address, size, ret);
#endif
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(g->ranges[mid].low, wide, 16) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || memcmp(g->ranges[low - 1].high, wide, 16) < 0)
		return false;
	memcpy(ret, g->ranges[low - 1].country, 2);
	ret[2] = '\0';
	return true;
}

/* ---- lists */

static int
add_entry(struct list *l, const char *text)
{
	struct entry *e = &l->at[l->len];
	const char *slash = strchr(text, '/');
	char address[64];
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;

	if (l->len == GEO_LIST_MAX)
		return -ENOSPC;
	*e = (struct entry){ 0 };
	if (strlen(text) == 2 && isalpha((unsigned char)text[0])) {
		e->country[0] = (char)toupper((unsigned char)text[0]);
		e->country[1] = (char)toupper((unsigned char)text[1]);
		l->len++;
		return 0;
	}
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (strspn(address, "0123456789") == len || !read_address(address, e->network))
		return -EINVAL;
	bits = strchr(address, ':') != NULL ? 128 : 32;
	if (slash != NULL) {
		char *end;
		unsigned long given = strtoul(slash + 1, &end, 10);

		if (end == slash + 1 || *end != '\0' || given > bits)
			return -EINVAL;
		e->bits = (unsigned)(given + (bits == 32 ? 96 : 0));
	} else {
		e->bits = 128;
	}
	l->len++;
	return 0;
}

static bool
has(const struct list *l, const uint8_t *address, unsigned size, const char *country)
{
	uint8_t wide[16];

	widen(address, size, wide);
	for (size_t i = 0; i < l->len; i++) {
		const struct entry *e = &l->at[i];
		unsigned whole = e->bits / 8, rest = e->bits % 8;

		if (e->country[0] != '\0') {
			if (strcmp(e->country, country) == 0)
				return true;
			continue;
		}
		if (memcmp(wide, e->network, whole) == 0 &&
		    (rest == 0 || wide[whole] >> (8 - rest) == e->network[whole] >> (8 - rest)))
			return true;
	}
	return false;
}

static bool
ask_country(void *ctx, const uint8_t *address, unsigned size, char ret[3])
{
	return geo_country(ctx, address, size, ret);
}

static bool
ask_allowed(void *ctx, const uint8_t *address, unsigned size, const char *country)
{
	const struct geo *g = ctx;

	return has(&g->allow, address, size, country);
}

static bool
ask_denied(void *ctx, const uint8_t *address, unsigned size, const char *country)
{
	const struct geo *g = ctx;

	return has(&g->deny, address, size, country);
}

static bool
read_list(
    struct list *l, const char *const *items, size_t len, const char *name, char *why, size_t size)
{
	for (size_t i = 0; i < len; i++)
		if (add_entry(l, items[i]) < 0) {
			snprintf(why, size,
			    "[geoip] %s: \"%.60s\" is no country, address or network, or there are too many",
			    name, items[i]);
			return false;
		}
	return true;
}

struct geo *
geo_open(const char *path, const char *const *allow, size_t allow_len, const char *const *deny,
    size_t deny_len, char *ret_why, size_t why_size)
{
	struct geo *g = calloc(1, sizeof(*g));

	snprintf(ret_why, why_size, "no memory");
	if (g == NULL)
		return NULL;
	if (!read_list(&g->allow, allow, allow_len, "allow", ret_why, why_size) ||
	    !read_list(&g->deny, deny, deny_len, "deny", ret_why, why_size) ||
	    (path[0] != '\0' && read_database(g, path, ret_why, why_size) < 0)) {
		geo_close(g);
		return NULL;
	}
	g->policy = (struct login_policy){ .country = ask_country,
		.country_ctx = g,
		.allowed = ask_allowed,
		.denied = ask_denied,
		.list_ctx = g };
	return g;
}

void
geo_close(struct geo *g)
{
	if (g == NULL)
		return;
#ifdef HAVE_MAXMINDDB
	if (g->has_mmdb)
		MMDB_close(&g->mmdb);
#endif
	free(g->ranges);
	free(g);
}

const struct login_policy *
geo_policy(const struct geo *g)
{
	return &g->policy;
}
