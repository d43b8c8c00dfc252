/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct slot {
	uint64_t hash;
	const char *key; /* NULL: empty */
	uint32_t len;
	void *value;
};

/* Linear probing; removal shifts the run back, so there are no tombstones. */
struct ds_map {
	struct slot *slots;
	size_t cap; /* a power of two */
	size_t len;
	size_t max_len;
	bool borrows; /* keys are in what the values are */
};

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static uint64_t hash_key[2];

/* A compromised host must not know which keys collide. */
static void __attribute__((constructor)) make_hash_key(void)
{
	if (getrandom(hash_key, sizeof(hash_key), 0) != sizeof(hash_key))
		abort(); /* no entropy at all: nothing that follows could be safe */
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein 2012, with the reduced rounds of later practice for hash
 * tables). */
uint64_t
ds_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4] = { hash_key[0] ^ 0x736f6d6570736575, hash_key[1] ^ 0x646f72616e646f6d,
		hash_key[0] ^ 0x6c7967656e657261, hash_key[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)len << 56, m;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The map's own copies only. */
static void
free_key(const struct ds_map *m, const char *key)
{
	if (!m->borrows)
		free((char *)(uintptr_t)key);
}

struct ds_map *
ds_map_new_borrowing(size_t max_len)
{
	struct ds_map *m = ds_map_new(max_len);

	if (m != NULL)
		m->borrows = true;
	return m;
}

struct ds_map *
ds_map_new(size_t max_len)
{
	struct ds_map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->cap = 16;
	m->max_len = max_len;
	m->slots = calloc(m->cap, sizeof(*m->slots));
	if (m->slots == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void
ds_map_free(struct ds_map *m, void (*free_value)(void *value))
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slots[i].key == NULL)
			continue;
		free_key(m, m->slots[i].key);
		if (free_value != NULL)
			free_value(m->slots[i].value);
	}
	free(m->slots);
	free(m);
}

size_t
ds_map_len(const struct ds_map *m)
{
	return m->len;
}

/* The slot of the key, or the empty one where it would go. */
static size_t
find_slot(const struct ds_map *m, uint64_t hash, const void *key, size_t len)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].key != NULL) {
		const struct slot *s = &m->slots[i];

		if (s->hash == hash && s->len == len && (len == 0 || memcmp(s->key, key, len) == 0))
			break;
		i = (i + 1) & (m->cap - 1);
	}
	return i;
}

void *
ds_map_get(const struct ds_map *m, const void *key, size_t len)
{
	const struct slot *s = &m->slots[find_slot(m, ds_hash(key, len), key, len)];

	return s->key != NULL ? s->value : NULL;
}

static int
grow(struct ds_map *m)
{
	struct ds_map bigger = { .cap = m->cap * 2 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		const struct slot *s = &m->slots[i];

		if (s->key != NULL)
			bigger.slots[find_slot(&bigger, s->hash, s->key, s->len)] = *s;
	}
	free(m->slots);
	m->slots = bigger.slots;
	m->cap = bigger.cap;
	return 0;
}

static const char *
copy_key(const void *key, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, key, len);
	copy[len] = '\0';
	return copy;
}

int
ds_map_put(struct ds_map *m, const void *key, size_t len, void *value, void **ret_old)
{
	uint64_t hash = ds_hash(key, len);
	size_t i = find_slot(m, hash, key, len);
	const char *kept;
	int r;

	if (len > UINT32_MAX)
		return -ENOSPC;
	if (m->slots[i].key != NULL) {
		if (ret_old != NULL)
			*ret_old = m->slots[i].value;
		m->slots[i].value = value;
		if (m->borrows)
			m->slots[i].key = key;
		return 0;
	}
	if (m->len >= m->max_len)
		return -ENOSPC;
	if ((m->len + 1) * 4 > m->cap * 3) {
		r = grow(m);
		if (r < 0)
			return r;
		i = find_slot(m, hash, key, len);
	}
	kept = m->borrows ? key : copy_key(key, len);
	if (kept == NULL)
		return -ENOMEM;
	m->slots[i] = (struct slot){ hash, kept, (uint32_t)len, value };
	m->len++;
	if (ret_old != NULL)
		*ret_old = NULL;
	return 0;
}

void *
ds_map_remove(struct ds_map *m, const void *key, size_t len)
{
	size_t mask = m->cap - 1, hole = find_slot(m, ds_hash(key, len), key, len);
	void *value = m->slots[hole].value;

	if (m->slots[hole].key == NULL)
		return NULL;
	free_key(m, m->slots[hole].key);
	m->len--;
	/* Move back whatever would no longer be reached across the hole. */
	for (size_t i = (hole + 1) & mask; m->slots[i].key != NULL; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct slot){ 0 };
	return value;
}

int
ds_map_each(const struct ds_map *m,
    int (*call)(const void *key, size_t len, void *value, void *ctx), void *ctx)
{
	for (size_t i = 0; i < m->cap; i++) {
		const struct slot *s = &m->slots[i];
		int r = s->key != NULL ? call(s->key, s->len, s->value, ctx) : 0;

		if (r != 0)
			return r;
	}
	return 0;
}
