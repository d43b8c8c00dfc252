/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bolt_make - a bolt database as containerd's library would write it. */
#ifndef TESTS_UNIT_BOLT_MAKE_H
#define TESTS_UNIT_BOLT_MAKE_H

#include <stddef.h>
#include <stdint.h>

struct bolt_row {
	const char *keys;  /* "v1|default|containers|web|image": buckets, and the key in the last */
	const char *value; /* to its NUL */
};

/* Pages of page_size bytes; a bucket of more than four keys gets branches.  Asserts. */
void bolt_make(const char *path, uint32_t page_size, const struct bolt_row *rows, size_t len);
/* One of the two states of it, 0 or 1, gets this number, as after a commit. */
void bolt_make_state(const char *path, uint32_t page_size, unsigned which, uint64_t txid);

#endif
