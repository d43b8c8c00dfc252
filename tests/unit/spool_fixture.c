/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_fixture - see spool_fixture.h. */
#include "tests/unit/spool_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

char dir[64];
uint64_t lost_events;
unsigned wakes;

/* The n-th call that reaches the disk fails; with is_for_ever all after it too. */
int fail_in = -1;
bool is_for_ever;
int fail_errno = ENOSPC;
unsigned calls;

static bool
fails(void)
{
	calls++;
	if (fail_in < 0)
		return false;
	if (fail_in > 0) {
		fail_in--;
		return false;
	}
	if (!is_for_ever)
		fail_in = -1;
	errno = fail_errno;
	return true;
}

ssize_t __wrap_writev(int fd, const struct iovec *v, int len);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_ftruncate(int fd, off_t size);

/* A full disk takes a part of what it is given. */
ssize_t
__wrap_writev(int fd, const struct iovec *v, int len)
{
	struct iovec part = { v[0].iov_base, v[0].iov_len / 2 };

	if (!fails())
		return __real_writev(fd, v, len);
	(void)__real_writev(fd, &part, 1);
	return (ssize_t)part.iov_len;
}

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
	return fails() ? -1 : __real_write(fd, data, size);
}

int
__wrap_fdatasync(int fd)
{
	return fails() ? -1 : __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
	return fails() ? -1 : __real_fsync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fails() ? -1 : __real_rename(from, to);
}

int
__wrap_ftruncate(int fd, off_t size)
{
	return fails() ? -1 : __real_ftruncate(fd, size);
}

static void
count_lost(const char *source, uint64_t events, const char *message, void *ctx)
{
	(void)source;
	(void)message;
	(void)ctx;
	lost_events += events;
}

static void
count_wake(void *ctx)
{
	(void)ctx;
	wakes++;
}

struct spool *
open_spool(uint64_t max_size)
{
	struct spool_config cfg = {
		.dir = dir, .max_size = max_size, .wake = count_wake, .lost = count_lost
	};
	struct spool *s = NULL;
	char why[200] = "";

	if (spool_open(&cfg, &s, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	return s;
}

void
empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_spool.XXXXXX");
	lost_events = wakes = calls = 0;
	fail_in = -1;
	is_for_ever = false;
	return mkdtemp(dir) == NULL;
}

int
teardown(void **state)
{
	(void)state;
	empty_dir();
	return rmdir(dir);
}

int
append(struct spool *s, uint8_t lane, uint32_t number, size_t size, uint64_t guard)
{
	struct spool_origin origin = { .events = 1, .marks = { { guard, 0 }, { guard, 0 } } };
	uint32_t *data = malloc(size);
	int r;

	assert_non_null(data);
	for (size_t i = 0; i < size / 4; i++)
		data[i] = number;
	r = spool_append(s, lane, data, size, &origin);
	free(data);
	return r;
}

uint32_t
number_of(const struct spool_record *rec)
{
	uint32_t first, n;

	assert_true(rec->size >= 4 && rec->size % 4 == 0);
	memcpy(&first, rec->packed, 4);
	for (size_t i = 0; i < rec->size; i += 4) {
		memcpy(&n, (const uint8_t *)rec->packed + i, 4);
		assert_int_equal(n, first);
	}
	return first;
}

unsigned
read_all(struct spool *s, uint8_t lane, uint64_t *ret_seq, uint32_t *ret_last)
{
	struct spool_record rec;
	uint64_t after = 0;
	uint32_t last = 0;
	unsigned n = 0;

	while (spool_peek(s, lane, after, &rec) == 0) {
		assert_true(rec.seq > after);
		assert_true(number_of(&rec) > last);
		last = number_of(&rec);
		after = rec.seq;
		n++;
	}
	if (ret_seq != NULL)
		*ret_seq = after;
	if (ret_last != NULL)
		*ret_last = last;
	return n;
}
