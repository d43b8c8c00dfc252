/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/allowance.h"

#include "lib/array.h"
#include "server/detect/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct expected {
	uint64_t what;  /* hash of kind and key */
	uint64_t class; /* 0: any */
	uint64_t until_us;
	uint32_t host; /* 0: any */
};

struct deployed {
	uint64_t number, class, from_us, until_us;
	uint32_t host;
};

struct allowances {
	struct expected *expected;
	size_t len, cap;
	struct deployed deployed[DEPLOYMENTS_MAX];
	size_t deployed_len;
	uint64_t *tainted; /* daemons of hosts, hashed */
	size_t tainted_len, tainted_cap;
};

static uint64_t
class_hash(const char *class)
{
	uint64_t h = class[0] != '\0' ? key_hash(41, class, strlen(class)) : 0;

	return class[0] != '\0' && h == 0 ? 1 : h;
}

static uint64_t
what_hash(uint8_t kind, const void *key, size_t size)
{
	return key_hash(42 + (uint64_t)kind * 64, key, size);
}

struct allowances *
allowances_new(void)
{
	return calloc(1, sizeof(struct allowances));
}

void
allowances_free(void *allowances)
{
	struct allowances *a = allowances;

	if (a == NULL)
		return;
	free(a->expected);
	free(a->tainted);
	free(a);
}

int
allowances_expect(struct allowances *a, const char *class, uint32_t host, uint8_t kind,
    const void *key, size_t key_size, uint64_t until_us)
{
	struct expected *grown;

	if (a->len >= ALLOWANCES_MAX)
		return -ENOSPC;
	grown = ds_array_grow(a->expected, a->len, &a->cap, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	a->expected = grown;
	a->expected[a->len++] = (struct expected){ .what = what_hash(kind, key, key_size),
		.class = class_hash(class),
		.until_us = until_us,
		.host = host };
	return 0;
}

int
allowances_deploy(struct allowances *a, uint64_t number, const char *class, uint32_t host,
    uint64_t from_us, uint64_t until_us)
{
	if (a->deployed_len >= DEPLOYMENTS_MAX)
		return -ENOSPC;
	a->deployed[a->deployed_len++] =
	    (struct deployed){ number, class_hash(class), from_us, until_us, host };
	return 0;
}

static uint64_t
taint_hash(uint32_t host, const char *daemon)
{
	return key_hash(43 + (uint64_t)host * 64, daemon, strlen(daemon));
}

int
allowances_taint(struct allowances *a, uint32_t host, const char *daemon)
{
	uint64_t *grown;

	if (a->tainted_len >= TAINTS_MAX)
		return -ENOSPC;
	grown = ds_array_grow(a->tainted, a->tainted_len, &a->tainted_cap, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	a->tainted = grown;
	a->tainted[a->tainted_len++] = taint_hash(host, daemon);
	return 0;
}

static int
by_hash(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

bool
allowances_is_tainted(const struct allowances *a, uint32_t host, const char *daemon)
{
	uint64_t hash;

	if (a == NULL || a->tainted_len == 0)
		return false;
	hash = taint_hash(host, daemon);
	return bsearch(&hash, a->tainted, a->tainted_len, sizeof(hash), by_hash) != NULL;
}

static int
by_what(const void *a, const void *b)
{
	const struct expected *x = a, *y = b;

	return x->what < y->what ? -1 : x->what > y->what;
}

void
allowances_sort(struct allowances *a)
{
	if (a->len > 0)
		qsort(a->expected, a->len, sizeof(*a->expected), by_what);
	if (a->tainted_len > 0)
		qsort(a->tainted, a->tainted_len, sizeof(*a->tainted), by_hash);
}

bool
allowances_has(const struct allowances *a, const char *class, uint32_t host, uint8_t kind,
    const void *key, size_t key_size, uint64_t time_us)
{
	uint64_t what, of;
	size_t low = 0, high;

	if (a == NULL || a->len == 0)
		return false;
	what = what_hash(kind, key, key_size);
	of = class_hash(class);
	for (high = a->len; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (a->expected[mid].what < what)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < a->len && a->expected[low].what == what; low++) {
		const struct expected *e = &a->expected[low];

		if ((e->class == 0 || e->class == of) && (e->host == 0 || e->host == host) &&
		    (e->until_us == 0 || time_us < e->until_us))
			return true;
	}
	return false;
}

uint64_t
allowances_deployment(
    const struct allowances *a, const char *class, uint32_t host, uint64_t time_us)
{
	uint64_t of = a != NULL && a->deployed_len > 0 ? class_hash(class) : 0;

	for (size_t i = 0; a != NULL && i < a->deployed_len; i++) {
		const struct deployed *d = &a->deployed[i];

		if ((d->class == 0 || d->class == of) && (d->host == 0 || d->host == host) &&
		    time_us >= d->from_us && time_us < d->until_us)
			return d->number;
	}
	return 0;
}

void
allowances_len(const struct allowances *a, size_t *ret_expected, size_t *ret_deployed)
{
	*ret_expected = a != NULL ? a->len : 0;
	*ret_deployed = a != NULL ? a->deployed_len : 0;
}
