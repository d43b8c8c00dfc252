/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash - SHA-256 of files, in slices, remembered by what stat(2) says about the file.
 *
 * A file that is written to while it is read gives -EAGAIN, not a hash of neither state.
 */
#include "agent/guard/hash.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_LEN 256u

static struct known {
	struct hash_key key;
	uint8_t hash[HASH_SIZE];
	bool used;
} cache[CACHE_LEN];
static size_t cache_next; /* the oldest, to be replaced */

void
hash_key_of(const struct stat *st, struct hash_key *ret)
{
	*ret = (struct hash_key){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * 1000000000ll + st->st_ctim.tv_nsec,
	};
}

bool
hash_key_equal(const struct hash_key *a, const struct hash_key *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static const struct known *
cache_find(const struct hash_key *key)
{
	for (size_t i = 0; i < CACHE_LEN; i++)
		if (cache[i].used && hash_key_equal(&cache[i].key, key))
			return &cache[i];
	return NULL;
}

static void
cache_add(const struct hash_key *key, const uint8_t hash[HASH_SIZE])
{
	struct known *k = NULL;

	for (size_t i = 0; i < CACHE_LEN && k == NULL; i++)
		if (cache[i].used && hash_key_equal(&cache[i].key, key))
			k = &cache[i];
	if (k == NULL)
		k = &cache[cache_next++ % CACHE_LEN];

	k->key = *key;
	memcpy(k->hash, hash, HASH_SIZE);
	k->used = true;
}

bool
hash_knows(const struct stat *st)
{
	struct hash_key key;

	hash_key_of(st, &key);
	return cache_find(&key) != NULL;
}

void
hash_forget(void)
{
	for (size_t i = 0; i < CACHE_LEN; i++)
		cache[i].used = false;
}

void
hash_abort(struct hash_job *job)
{
	if (job->fd >= 0)
		(void)close(job->fd);
	job->fd = -1;
}

int
hash_begin(struct hash_job *job, int fd)
{
	struct stat st;
	int r = 0;

	*job = (struct hash_job){ .fd = fd };
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((uint64_t)st.st_size > HASH_FILE_MAX)
		r = -EFBIG;
	if (r < 0) {
		hash_abort(job);
		return r;
	}
	hash_key_of(&st, &job->key);
	sha256_init(&job->ctx);
	return 0;
}

static int
finish(struct hash_job *job, uint8_t ret[HASH_SIZE])
{
	struct hash_key key;
	struct stat st;
	int r = fstat(job->fd, &st) < 0 ? -errno : 0;

	hash_abort(job);
	if (r < 0)
		return r;
	hash_key_of(&st, &key);
	if (!hash_key_equal(&key, &job->key) || job->done != key.size)
		return -EAGAIN;
	sha256_digest(&job->ctx, HASH_SIZE, ret);
	cache_add(&key, ret);
	return 1;
}

int
hash_step(struct hash_job *job, size_t budget, uint8_t ret[HASH_SIZE])
{
	static uint8_t chunk[64u << 10]; /* one thread, one job at a time */
	const struct known *known = job->fresh ? NULL : cache_find(&job->key);

	if (known != NULL) {
		memcpy(ret, known->hash, HASH_SIZE);
		hash_abort(job);
		return 1;
	}
	for (size_t used = 0; used < budget;) {
		ssize_t n = pread(job->fd, chunk, sizeof(chunk), (off_t)job->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			hash_abort(job);
			return r;
		}
		if (n == 0 || job->done > HASH_FILE_MAX)
			return finish(job, ret);
		sha256_update(&job->ctx, (size_t)n, chunk);
		job->done += (uint64_t)n;
		used += (size_t)n;
	}
	return 0;
}
