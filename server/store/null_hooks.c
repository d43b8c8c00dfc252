/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_hooks - takes everything and answers that there is nothing; see null.c. */
#include "server/store/backends.h"

#define UNUSED __attribute__((unused))

static int
delivery_put(UNUSED struct store *s, UNUSED const struct delivery_row *row)
{
	return 1;
}

static int
window_put(UNUSED struct store *s, UNUSED const char *source, UNUSED uint64_t deployment)
{
	return 0;
}

static int
windows_open(UNUSED struct store *s, UNUSED const char *source, UNUSED uint64_t now_us)
{
	return 0;
}

static int
windows_settle(UNUSED struct store *s, UNUSED const char *source, UNUSED uint64_t now_us,
    UNUSED uint64_t until_us)
{
	return 0;
}

const struct store_hooks store_null_hooks = {
	.delivery_put = delivery_put,
	.window_put = window_put,
	.windows_open = windows_open,
	.windows_settle = windows_settle,
};
