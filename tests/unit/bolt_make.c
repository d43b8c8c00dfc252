/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bolt_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX  64u
#define SPLIT      4u
#define INLINE_MAX 256u
#define META_SIZE  64u /* behind the 16 bytes of its page */

struct out {
	unsigned char *pages;
	uint32_t page_size;
	uint64_t used;
};

struct item {
	char key[128];
	unsigned char value[INLINE_MAX];
	uint32_t flags;
	size_t size;
};

static uint64_t make_bucket(struct out *o, const struct bolt_row *rows, size_t len, size_t skip);

static void
put(unsigned char *at, uint64_t value, size_t size)
{
	memcpy(at, &value, size); /* as the machine has them, and that is little end first */
}

static void
put_page(unsigned char *at, uint64_t number, uint16_t flags, size_t count)
{
	put(at, number, 8);
	put(at + 8, flags, 2);
	put(at + 10, count, 2);
	put(at + 12, 0, 4);
}

/* A page of leaves; its size. */
static size_t
put_leaves(unsigned char *page, uint64_t number, const struct item *items, size_t len)
{
	size_t at = 16 + 16 * len;

	put_page(page, number, 2, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char *element = page + 16 + 16 * i;
		size_t key_size = strlen(items[i].key);

		put(element, items[i].flags, 4);
		put(element + 4, at - (16 + 16 * i), 4);
		put(element + 8, key_size, 4);
		put(element + 12, items[i].size, 4);
		memcpy(page + at, items[i].key, key_size);
		memcpy(page + at + key_size, items[i].value, items[i].size);
		at += key_size + items[i].size;
	}
	return at;
}

static uint64_t
new_page(struct out *o)
{
	assert_true(o->used < PAGES_MAX);
	return o->used++;
}

static size_t
key_len(const struct bolt_row *row, size_t skip)
{
	return strcspn(row->keys + skip, "|");
}

/* How many rows have the first one's key. */
static size_t
same_len(const struct bolt_row *rows, size_t len, size_t skip)
{
	size_t size = key_len(rows, skip), n = 1;

	while (n < len && key_len(&rows[n], skip) == size &&
	       strncmp(rows[n].keys + skip, rows->keys + skip, size) == 0)
		n++;
	return n;
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static size_t
take_items(struct out *o, const struct bolt_row *rows, size_t len, size_t skip, struct item *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		size_t size = key_len(&rows[i], skip), same = same_len(rows + i, len - i, skip);

		ret[n] = (struct item){ 0 };
		assert_true(size < sizeof(ret[n].key));
		memcpy(ret[n].key, rows[i].keys + skip, size);
		if (rows[i].keys[skip + size] == '|') {
			ret[n].flags = 1;
			ret[n].size = 16;
			put(ret[n].value, make_bucket(o, rows + i, same, skip + size + 1), 8);
		} else {
			ret[n].size = strlen(rows[i].value);
			assert_true(ret[n].size <= sizeof(ret[n].value));
			memcpy(ret[n].value, rows[i].value, ret[n].size);
		}
		/* One value of its own fits into the leaf that leads to it. */
		if (ret[n].flags == 1 && same == 1 &&
		    strchr(rows[i].keys + skip + size + 1, '|') == NULL) {
			struct item one = { 0 };

			(void)snprintf(
			    one.key, sizeof(one.key), "%s", rows[i].keys + skip + size + 1);
			one.size = strlen(rows[i].value);
			memcpy(one.value, rows[i].value, one.size);
			put(ret[n].value, 0, 8);
			assert_true(48 + strlen(one.key) + one.size <= INLINE_MAX);
			ret[n].size = 16 + put_leaves(ret[n].value + 16, 0, &one, 1);
		}
		i += same;
	}
	qsort(ret, n, sizeof(*ret), by_key);
	return n;
}

static uint64_t
make_bucket(struct out *o, const struct bolt_row *rows, size_t len, size_t skip)
{
	struct item *items = calloc(len, sizeof(*items));
	size_t n = take_items(o, rows, len, skip, items), leaves = (n + SPLIT - 1) / SPLIT;
	uint64_t root = new_page(o);
	unsigned char *page = o->pages + root * o->page_size;
	size_t at = 16 + 16 * leaves;

	if (leaves == 1) {
		assert_true(put_leaves(page, root, items, n) <= o->page_size);
		free(items);
		return root;
	}
	put_page(page, root, 1, leaves);
	for (size_t i = 0; i < leaves; i++) {
		const struct item *first = &items[i * SPLIT];
		size_t count = n - i * SPLIT < SPLIT ? n - i * SPLIT : SPLIT;
		uint64_t number = new_page(o);

		assert_true(put_leaves(o->pages + number * o->page_size, number, first, count) <=
			    o->page_size);
		put(page + 16 + 16 * i, at - (16 + 16 * i), 4);
		put(page + 16 + 16 * i + 4, strlen(first->key), 4);
		put(page + 16 + 16 * i + 8, number, 8);
		memcpy(page + at, first->key, strlen(first->key));
		at += strlen(first->key);
	}
	free(items);
	return root;
}

static void
put_meta(unsigned char *page, unsigned which, uint32_t page_size, uint64_t root, uint64_t txid)
{
	unsigned char *m = page + 16;
	uint64_t h = 0xcbf29ce484222325ull;

	put_page(page, which, 4, 0);
	put(m, 0xed0cdaed, 4);
	put(m + 4, 2, 4);
	put(m + 8, page_size, 4);
	put(m + 12, 0, 4);
	put(m + 16, root, 8);
	put(m + 24, 0, 8);
	put(m + 32, 2, 8);
	put(m + 40, PAGES_MAX, 8);
	put(m + 48, txid, 8);
	for (size_t i = 0; i < 56; i++)
		h = (h ^ m[i]) * 0x100000001b3ull;
	put(m + 56, h, 8);
}

void
bolt_make(const char *path, uint32_t page_size, const struct bolt_row *rows, size_t len)
{
	struct out o = { calloc(PAGES_MAX, page_size), page_size, 3 }; /* the third: free pages */
	uint64_t root = make_bucket(&o, rows, len, 0);
	FILE *f = fopen(path, "w");

	put_meta(o.pages, 0, page_size, root, 6);
	put_meta(o.pages + page_size, 1, page_size, root, 7);
	assert_non_null(f);
	assert_int_equal(fwrite(o.pages, page_size, o.used, f), o.used);
	assert_int_equal(fclose(f), 0);
	free(o.pages);
}

void
bolt_make_state(const char *path, uint32_t page_size, unsigned which, uint64_t txid)
{
	unsigned char page[16 + META_SIZE];
	uint64_t root;
	FILE *f = fopen(path, "r+");

	assert_non_null(f);
	assert_int_equal(fseek(f, (long)(which * page_size), SEEK_SET), 0);
	assert_int_equal(fread(page, sizeof(page), 1, f), 1);
	memcpy(&root, page + 32, sizeof(root));
	put_meta(page, which, page_size, root, txid);
	assert_int_equal(fseek(f, (long)(which * page_size), SEEK_SET), 0);
	assert_int_equal(fwrite(page, sizeof(page), 1, f), 1);
	assert_int_equal(fclose(f), 0);
}
