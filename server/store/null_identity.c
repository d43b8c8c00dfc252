/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_identity - keeps nothing of who hosts are. */
#include "server/store/backends.h"

static int
tell(struct store *s, const uint8_t id[16], uint64_t generation, const uint8_t *trusts, size_t size)
{
	(void)s;
	(void)id;
	(void)generation;
	(void)trusts;
	(void)size;
	return 0;
}

static int
mark_copy(struct store *s, const uint8_t id[16], uint32_t copy_of, unsigned max)
{
	(void)s;
	(void)id;
	(void)copy_of;
	(void)max;
	return 0;
}

static int
issued(struct store *s, const uint8_t id[16], const uint8_t issuer[32])
{
	(void)s;
	(void)id;
	(void)issuer;
	return 0;
}

static int
count(struct reader *r, const uint8_t authority[32], uint64_t *ret_hosts, uint64_t *ret_trusting,
    uint64_t *ret_issued)
{
	(void)r;
	(void)authority;
	*ret_hosts = *ret_trusting = *ret_issued = 0;
	return 0;
}

const struct store_identity store_null_identity = {
	.tell = tell,
	.mark_copy = mark_copy,
	.issued = issued,
	.count = count,
};
