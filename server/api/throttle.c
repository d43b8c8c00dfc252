/* SPDX-License-Identifier: GPL-2.0-or-later */
/* throttle - see throttle.h; asked by session.c. */
#include "server/api/throttle.h"

#include "lib/compiler.h"
#include "lib/map.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#define WAYS     4u
#define FIRST_MS 2000u
#define QUIET_MS (60u * 60 * 1000) /* so long without a failure, and all is forgotten */

const struct throttle_bound throttle_user = { 5, 15 * 60 * 1000 },
			    throttle_address = { 30, 60 * 1000 };

uint64_t
throttle_key(const char *address, const char *user)
{
	struct in6_addr v6;
	uint64_t where = ds_hash(address, strlen(address));

	if (inet_pton(AF_INET6, address, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6))
		where = ds_hash(v6.s6_addr, 8);
	return user != NULL ? where * 31 + ds_hash(user, strlen(user)) : where;
}

static size_t
first_of(uint64_t key)
{
	return (size_t)(key % (THROTTLE_SLOTS / WAYS)) * WAYS;
}

uint64_t
throttle_wait(const struct throttle *t, uint64_t key, uint64_t now_ms)
{
	for (size_t i = first_of(key), end = i + WAYS; i < end; i++) {
		uint64_t until_ms = t->slots[i].until_ms;

		if (t->slots[i].key == key && until_ms > now_ms)
			return until_ms - now_ms;
	}
	return 0;
}

static struct throttle_slot *
take(struct throttle *t, uint64_t key, uint64_t now_ms)
{
	struct throttle_slot *oldest = &t->slots[first_of(key)];

	for (size_t i = first_of(key), end = i + WAYS; i < end; i++) {
		if (t->slots[i].key == key && t->slots[i].seen_ms + QUIET_MS > now_ms)
			return &t->slots[i];
		if (t->slots[i].seen_ms < oldest->seen_ms)
			oldest = &t->slots[i];
	}
	oldest->key = key;
	oldest->failures = 0;
	oldest->until_ms = 0;
	return oldest;
}

void
throttle_failed(struct throttle *t, const struct throttle_bound *b, uint64_t key, uint64_t now_ms)
{
	struct throttle_slot *s = take(t, key, now_ms);
	uint32_t n = ++s->failures;
	uint64_t wait_ms;

	s->seen_ms = now_ms;
	if (n <= b->free)
		return;
	n -= b->free + 1;
	wait_ms = n < 16 ? (uint64_t)FIRST_MS << n : b->max_ms;
	s->until_ms = now_ms + DS_MIN(wait_ms, b->max_ms);
}

void
throttle_passed(struct throttle *t, uint64_t key)
{
	for (size_t i = first_of(key), end = i + WAYS; i < end; i++)
		if (t->slots[i].key == key)
			t->slots[i].failures = 0;
}
