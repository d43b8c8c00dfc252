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
token_label(struct store *s, const char *token_id, char *ret, size_t size)
{
	(void)s;
	(void)token_id;
	(void)size;
	*ret = '\0';
	return 0;
}

static int
mark_ephemeral(struct store *s, const uint8_t id[16])
{
	(void)s;
	(void)id;
	return 0;
}

static int
tidy(struct store *s, uint64_t idle_us, uint64_t forget_us, uint64_t now_us)
{
	(void)s;
	(void)idle_us;
	(void)forget_us;
	(void)now_us;
	return 0;
}

static int
rebind(struct store *s, uint32_t host, const uint8_t from[16], uint64_t now_us)
{
	(void)s;
	(void)host;
	(void)from;
	(void)now_us;
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
	.token_label = token_label,
	.mark_ephemeral = mark_ephemeral,
	.tidy = tidy,
	.rebind = rebind,
	.count = count,
};
