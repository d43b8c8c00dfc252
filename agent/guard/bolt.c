/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bolt - single values out of a bolt database, which is where containerd keeps what it knows.
 *
 * Called by containerd.  The file is pages: two states take turns on the first two, each with the
 * page of its root; a page of branches leads to pages of leaves, sorted by key; the value of a leaf
 * may be a bucket, which has a root of its own, or is its only page itself.  Numbers are as the
 * machine has them.  A commit overwrites only pages that the state before it had given up, so what
 * is read is whole as long as no commit came between: https://pkg.go.dev/go.etcd.io/bbolt.
 */
#include "agent/guard/bolt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOLT_MAGIC    0xed0cdaedu
#define BOLT_VERSION  2u
#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 65536u
#define DEPTH_MAX     16u /* of branches */

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2 };
enum { LEAF_BUCKET = 1 };

struct page {
	uint64_t id;
	uint16_t flags, count;
	uint32_t overflow; /* pages that belong to this one */
};

struct meta {
	uint32_t magic, version, page_size, flags;
	uint64_t root, sequence, freelist, pages, txid, checksum;
};

struct branch {
	uint32_t pos, key_size; /* pos: from here */
	uint64_t page;
};

struct leaf {
	uint32_t flags, pos, key_size, value_size;
};

struct bucket {
	uint64_t root, sequence; /* root 0: the page follows */
};

static int
read_at(const struct bolt *b, uint64_t at, void *ret, size_t size)
{
	return pread(b->fd, ret, size, (off_t)at) == (ssize_t)size ? 0 : -EBADMSG;
}

/* FNV-1a of what is before it. */
static uint64_t
checksum(const struct meta *m)
{
	const unsigned char *p = (const unsigned char *)m;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < offsetof(struct meta, checksum); i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

/* One of the two states, which may be written just now. */
static bool
read_meta(const struct bolt *b, uint64_t at, struct meta *ret)
{
	return read_at(b, at + sizeof(struct page), ret, sizeof(*ret)) == 0 &&
	       ret->magic == BOLT_MAGIC && ret->version == BOLT_VERSION &&
	       ret->page_size >= PAGE_SIZE_MIN && ret->page_size <= PAGE_SIZE_MAX &&
	       (ret->page_size & (ret->page_size - 1)) == 0 && ret->checksum == checksum(ret);
}

/* The newer one.  Where the first is torn, it does not tell where the second is. */
static int
read_state(const struct bolt *b, struct meta *ret)
{
	struct meta m;
	bool found = read_meta(b, 0, ret);

	for (uint32_t size = found ? ret->page_size : PAGE_SIZE_MIN;
	     size <= (found ? ret->page_size : PAGE_SIZE_MAX); size *= 2) {
		if (!read_meta(b, size, &m) || m.page_size != size)
			continue;
		if (!found || m.txid > ret->txid)
			*ret = m;
		return 0;
	}
	return found ? 0 : -EBADMSG;
}

int
bolt_open(const char *path, struct bolt *ret)
{
	struct bolt b = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) };
	struct meta m;
	struct stat st;

	if (b.fd < 0)
		return -errno;
	if (fstat(b.fd, &st) < 0 || !S_ISREG(st.st_mode) || read_state(&b, &m) < 0) {
		(void)close(b.fd);
		return -EBADMSG;
	}
	b.page_size = m.page_size;
	b.root = m.root;
	b.txid = m.txid;
	*ret = b;
	return 0;
}

void
bolt_close(struct bolt *b)
{
	(void)close(b->fd);
	b->fd = -1;
}

bool
bolt_is_current(const struct bolt *b)
{
	struct meta m;

	return read_state(b, &m) == 0 && m.txid == b->txid;
}

/* Negative, 0, positive: as the key is before, at or behind the one that stands in the file. */
static int
compare(const struct bolt *b, const char *key, uint64_t at, uint32_t size, int *ret)
{
	char text[BOLT_KEY_MAX];
	size_t len = strlen(key), common = DS_MIN(len, (size_t)size);
	int r = read_at(b, at, text, common);

	if (r < 0)
		return r;
	r = memcmp(key, text, common);
	*ret = r != 0 ? r : (len > size) - (len < size);
	return 0;
}

/* Where an element's key stands: both sorts begin differently. */
static int
key_of(
    const struct bolt *b, const struct page *p, uint64_t at, uint64_t *ret_at, uint32_t *ret_size)
{
	struct branch branch;
	struct leaf leaf;
	int r = p->flags & PAGE_LEAF ? read_at(b, at, &leaf, sizeof(leaf))
				     : read_at(b, at, &branch, sizeof(branch));

	if (r < 0)
		return r;
	*ret_at = at + (p->flags & PAGE_LEAF ? leaf.pos : branch.pos);
	*ret_size = p->flags & PAGE_LEAF ? leaf.key_size : branch.key_size;
	return 0;
}

/* The last element of a page whose key is not behind this one, and whether it is this one. */
static int
search(const struct bolt *b, uint64_t page, const struct page *p, const char *key, uint64_t *ret_at,
    bool *ret_same)
{
	uint64_t at, key_at;
	uint32_t low = 0, high = p->count, size;
	int r, order;

	*ret_same = false;
	while (low < high && !*ret_same) {
		uint32_t middle = (low + high) / 2;

		at = page + sizeof(*p) + middle * sizeof(struct leaf);
		r = key_of(b, p, at, &key_at, &size);
		if (r == 0)
			r = compare(b, key, key_at, size, &order);
		if (r < 0)
			return r;
		*ret_same = order == 0;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == 0)
		return -ENOENT;
	*ret_at = page + sizeof(*p) + (low - 1) * sizeof(struct leaf);
	return 0;
}

/* Where a page is, or beyond all files. */
static uint64_t
page_at(const struct bolt *b, uint64_t number)
{
	return number > INT64_MAX / PAGE_SIZE_MAX ? INT64_MAX : number * b->page_size;
}

/* The leaf of a key in the tree below a page. */
static int
find(const struct bolt *b, uint64_t at, const char *key, struct leaf *ret, uint64_t *ret_value_at)
{
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		struct branch branch;
		struct page p;
		uint64_t element;
		bool same;
		int r = read_at(b, at, &p, sizeof(p));

		if (r == 0 && (p.flags & (PAGE_BRANCH | PAGE_LEAF)) == 0)
			r = -EBADMSG;
		if (r == 0)
			r = search(b, at, &p, key, &element, &same);
		if (r < 0)
			return r;
		if (p.flags & PAGE_LEAF) {
			r = same ? read_at(b, element, ret, sizeof(*ret)) : -ENOENT;
			if (r == 0)
				*ret_value_at = element + ret->pos + ret->key_size;
			return r;
		}
		r = read_at(b, element, &branch, sizeof(branch));
		if (r < 0)
			return r;
		at = page_at(b, branch.page);
	}
	return -EBADMSG;
}

int
bolt_get(const struct bolt *b, const char *const *keys, size_t len, void *ret, size_t size)
{
	uint64_t at = page_at(b, b->root), value_at = 0;
	struct leaf leaf = { 0 };

	for (size_t i = 0; i < len; i++) {
		struct bucket bucket;
		int r = strlen(keys[i]) <= BOLT_KEY_MAX ? find(b, at, keys[i], &leaf, &value_at)
							: -ENOENT;

		if (r == 0 && (i + 1 < len) != ((leaf.flags & LEAF_BUCKET) != 0))
			r = -ENOENT;
		if (r == 0 && i + 1 < len)
			r = read_at(b, value_at, &bucket, sizeof(bucket));
		if (r < 0)
			return r;
		if (i + 1 < len)
			at = bucket.root == 0 ? value_at + sizeof(bucket) : page_at(b, bucket.root);
	}
	if (leaf.value_size > size)
		return -ENAMETOOLONG;
	return read_at(b, value_at, ret, leaf.value_size) < 0 ? -EBADMSG : (int)leaf.value_size;
}
