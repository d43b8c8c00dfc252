/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_lists - there is nothing to list; see null.c. */
#include "server/store/backends.h"

#define UNUSED __attribute__((unused))

static int
hosts(UNUSED struct reader *r, UNUSED const struct list_filter *f,
    UNUSED int (*call)(const struct host_row *row, void *ctx), UNUSED void *ctx)
{
	return 0;
}

static int
daemons(UNUSED struct reader *r, UNUSED const struct list_filter *f,
    UNUSED int (*call)(const struct daemon_row *row, void *ctx), UNUSED void *ctx)
{
	return 0;
}

static int
alerts(UNUSED struct reader *r, UNUSED const struct list_filter *f,
    UNUSED int (*call)(const struct alert_row *row, void *ctx), UNUSED void *ctx)
{
	return 0;
}

const struct store_lists store_null_lists = { hosts, daemons, alerts };
