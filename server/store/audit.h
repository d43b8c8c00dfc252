/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit - who changed what, in a chain.
 *
 * The audit log is a chain: a row's hash is SHA-256 over
 *     previous row's hash (32 bytes; zeroes for the first) | number | time_us | actor | action |
 *     subject | detail
 * with numbers as 8 bytes big-endian and each text preceded by its length in 4 bytes big-endian.
 * Who changes, removes or inserts a row breaks every hash behind it.
 */
#ifndef SERVER_STORE_AUDIT_H
#define SERVER_STORE_AUDIT_H

#include "server/store/store.h"

audit_chain audit_hash;
/* Appends a row, in the writer's transaction of the change that it tells of. */
DS_MUST_CHECK int audit_append(
    const struct store_backend *backend, struct store *store, struct audit_row *row);

#endif
