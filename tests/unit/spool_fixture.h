/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_fixture - a spool in a directory of its own, on a disk that fails when it is told to. */
#ifndef TESTS_UNIT_SPOOL_FIXTURE_H
#define TESTS_UNIT_SPOOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/spool.h"

#include <sys/uio.h>

#define MIB (1u << 20)

/* The calls themselves, which never fail on purpose. */
ssize_t __real_writev(int fd, const struct iovec *v, int len);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_ftruncate(int fd, off_t size);

extern char dir[64]; /* of the spool */
extern uint64_t lost_events;
extern unsigned wakes;
/* The n-th call that reaches the disk fails; with is_for_ever all after it too. */
extern int fail_in;
extern bool is_for_ever;
extern int fail_errno;
extern unsigned calls;

struct spool *open_spool(uint64_t max_size);
void empty_dir(void);
int setup(void **state);
int teardown(void **state);
/* A batch is a number, repeated. */
int append(struct spool *s, uint8_t lane, uint32_t number, size_t size, uint64_t guard);
uint32_t number_of(const struct spool_record *rec);
/* Reads a lane to its end; every number must be larger than the one before.  How many; the last
 * seq. */
unsigned read_all(struct spool *s, uint8_t lane, uint64_t *ret_seq, uint32_t *ret_last);

#endif
