/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_control - reading a large fleet; rows of struct store_backend, as its members say. */
#ifndef SERVER_STORE_SQLITE_CONTROL_H
#define SERVER_STORE_SQLITE_CONTROL_H

#include "server/store/rows.h"

struct reader;

int control_each_host_after(struct reader *r, uint32_t after,
    int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_each_daemon_after(struct reader *r, uint64_t after,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
int control_fleet_counts(struct reader *r, struct fleet_counts *ret);
int control_has_change(struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest);

#endif
