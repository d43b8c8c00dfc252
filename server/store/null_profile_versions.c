/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_profile_versions - takes everything and answers that there is nothing; see null.c. */
#include "server/store/backends.h"

#define UNUSED __attribute__((unused))

static int
put(UNUSED struct store *s, UNUSED const struct profile_version_row *row)
{
	return 0;
}

static int
drop_after(
    UNUSED struct store *s, UNUSED uint32_t host, UNUSED const char *daemon, UNUSED uint32_t number)
{
	return 0;
}

static int
each(UNUSED struct reader *r, UNUSED uint32_t host, UNUSED const char *daemon,
    UNUSED profile_version_call call, UNUSED void *ctx)
{
	return 0;
}

const struct store_profile_versions store_null_profile_versions = {
	.put = put,
	.drop_after = drop_after,
	.each = each,
};
