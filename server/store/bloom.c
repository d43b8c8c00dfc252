/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/store/bloom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT         1
#define PROBES         7 /* with 10 bits an element: 0.8 % false positives */
#define BITS_PER_HASH  10
#define HEADER         2u
#define SIZE_MIN       8u
#define HASHES_MAX     (1u << 20) /* more are not kept apart: the filter then says yes to all */
#define DIRECTORIES    8          /* of one path */
#define ARGUMENTS      32         /* of one list */
#define SEED_STRING    0xcbf29ce484222325ull
#define SEED_DIRECTORY 0x9ae16a3b2f90404full
#define SEED_NETWORK   0xc3a5c85c97cb3127ull

struct hashes {
	uint64_t *items;
	size_t len, cap;
};

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

static uint64_t
fnv(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

uint64_t
bloom_hash(const void *data, size_t len)
{
	return mix(fnv(SEED_STRING, data, len));
}

uint64_t
bloom_hash_prefix(const void *data, size_t len)
{
	return mix(fnv(SEED_DIRECTORY, data, len));
}

uint64_t
bloom_hash_network(const void *address, size_t len, unsigned bits)
{
	unsigned kept = len == 4 ? (bits >= 24      ? 24
				       : bits >= 16 ? 16
						    : 0)
				 : (bits >= 64      ? 64
				       : bits >= 48 ? 48
						    : 0);
	uint8_t tag = (uint8_t)kept;

	if ((len != 4 && len != 16) || kept == 0)
		return 0;
	return mix(fnv(fnv(SEED_NETWORK, &tag, 1), address, kept / 8));
}

uint32_t
bloom_daemon_hash(const void *name, size_t len)
{
	return (uint32_t)bloom_hash(name, len);
}

static int
hashes_add(struct hashes *h, uint64_t hash)
{
	if (h->len == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 256;
		uint64_t *items;

		if (cap > HASHES_MAX)
			return -ENOBUFS;
		items = realloc(h->items, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		h->items = items;
		h->cap = cap;
	}
	h->items[h->len++] = hash;
	return 0;
}

static int
add_directories(struct hashes *h, struct ds_str s)
{
	uint64_t running = SEED_DIRECTORY;
	unsigned found = 0;
	int r = 0;

	for (uint32_t i = 0; i < s.len && found < DIRECTORIES && r == 0; i++) {
		running = fnv(running, s.ptr + i, 1);
		if (s.ptr[i] == '/' && i > 0) {
			r = hashes_add(h, mix(running));
			found++;
		}
	}
	return r;
}

static int
add_arguments(struct hashes *h, struct ds_str s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int r = 0;

	for (unsigned i = 0; i < ARGUMENTS && p < end && r == 0; i++) {
		const char *stop = memchr(p, 0, (size_t)(end - p));

		if (!stop)
			stop = end;
		r = hashes_add(h, bloom_hash(p, (size_t)(stop - p)));
		p = stop + 1;
	}
	return r;
}

/* The dictionary does not say what a string is; what is not a path or an address but looks like one
 * costs a few bits. */
static int
add_string(struct hashes *h, struct ds_str s)
{
	int r = hashes_add(h, bloom_hash(s.ptr, s.len));

	if (r == 0 && (s.len == 4 || s.len == 16)) {
		r = hashes_add(h, bloom_hash_network(s.ptr, s.len, s.len == 4 ? 24 : 64));
		if (r == 0)
			r = hashes_add(h, bloom_hash_network(s.ptr, s.len, s.len == 4 ? 16 : 48));
	}
	if (r == 0 && s.ptr[0] == '/')
		r = add_directories(h, s);
	if (r == 0 && memchr(s.ptr, 0, s.len))
		r = add_arguments(h, s);
	return r;
}

/* Many strings share their directories.  The hashes are mixed well: a table of them needs no other
 * hash; 0 marks a free place. */
static int
hashes_unique(struct hashes *h)
{
	size_t size = 64, kept = 0, at;
	uint64_t *table;

	while (size < h->len * 2)
		size *= 2;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < h->len; i++) {
		uint64_t hash = h->items[i];

		for (at = hash & (size - 1); table[at] != 0 && table[at] != hash;)
			at = (at + 1) & (size - 1);
		if (hash != 0 && table[at] == hash)
			continue;
		table[at] = hash;
		h->items[kept++] = hash;
	}
	h->len = kept;
	free(table);
	return 0;
}

static uint32_t
probe(uint64_t hash, unsigned i, uint32_t bits)
{
	uint32_t h = (uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1u);

	return (uint32_t)(((uint64_t)h * bits) >> 32);
}

static int
write_filter(const struct hashes *h, struct ds_buf *out)
{
	size_t size = DS_MIN(DS_MAX(h->len * BITS_PER_HASH / 8, SIZE_MIN), BLOOM_SIZE_MAX - HEADER);
	uint8_t *bytes;
	int r = ds_buf_reserve(out, HEADER + size);

	if (r < 0)
		return r;
	out->data[out->len] = FORMAT;
	out->data[out->len + 1] = PROBES;
	bytes = out->data + out->len + HEADER;
	for (size_t i = 0; i < size; i++)
		bytes[i] = 0;
	for (size_t i = 0; i < h->len; i++)
		for (unsigned j = 0; j < PROBES; j++) {
			uint32_t bit = probe(h->items[i], j, (uint32_t)size * 8);

			bytes[bit / 8] |= (uint8_t)(1u << bit % 8);
		}
	out->len += HEADER + size;
	return 0;
}

int
bloom_build(const struct ds_batch *b, struct ds_buf *out)
{
	size_t len = ds_batch_strings(b);
	struct hashes h = { 0 };
	int r = 0;

	for (size_t i = 1; i < len && r == 0; i++) {
		struct ds_str s = ds_batch_string(b, (uint32_t)i);

		if (s.len > 0)
			r = add_string(&h, s);
	}
	/* Too many to tell apart: no filter, which excludes nothing. */
	if (r == -ENOBUFS) {
		free(h.items);
		return 0;
	}
	if (r == 0)
		r = hashes_unique(&h);
	if (r == 0)
		r = write_filter(&h, out);
	free(h.items);
	return r;
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
put_sorted(uint32_t *hashes, size_t len, struct ds_buf *out)
{
	int r = 0;

	qsort(hashes, len, sizeof(*hashes), compare_u32);
	for (size_t i = 0; i < len && r == 0; i++) {
		uint32_t h = hashes[i];
		uint8_t bytes[4] = { (uint8_t)h, (uint8_t)(h >> 8), (uint8_t)(h >> 16),
			(uint8_t)(h >> 24) };

		if (i == 0 || h != hashes[i - 1])
			r = ds_buf_put(out, bytes, sizeof(bytes));
	}
	return r;
}

int
bloom_daemons(struct ds_batch *b, struct ds_buf *out)
{
	const uint32_t *names = ds_batch_daemons(b);
	uint8_t seen[DS_BATCH_STRINGS_MAX / 8] = { 0 };
	size_t len = ds_batch_len(b), unique = 0;
	uint32_t *hashes;
	int r;

	if (!names)
		return -ENOMEM;
	hashes = calloc(DS_MIN(len, ds_batch_strings(b)) + 1, sizeof(*hashes));
	if (!hashes)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		uint32_t n = names[i] % DS_BATCH_STRINGS_MAX;
		struct ds_str s;

		if (seen[n / 8] & 1u << n % 8)
			continue;
		seen[n / 8] |= (uint8_t)(1u << n % 8);
		s = ds_batch_string(b, n);
		hashes[unique++] = bloom_daemon_hash(s.ptr, s.len);
	}
	r = put_sorted(hashes, unique, out);
	free(hashes);
	return r;
}

bool
bloom_may_have(const void *bloom, size_t size, uint64_t hash)
{
	const uint8_t *p = bloom;
	uint32_t bits;

	if (size < HEADER + SIZE_MIN || size > BLOOM_SIZE_MAX || p[0] != FORMAT || p[1] != PROBES)
		return true;
	bits = (uint32_t)(size - HEADER) * 8;
	for (unsigned i = 0; i < PROBES; i++) {
		uint32_t bit = probe(hash, i, bits);

		if (!(p[HEADER + bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}
