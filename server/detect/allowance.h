/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allowance - what people said is in order: behaviours that are expected, deployments that are
 * under way.
 *
 * The fleet's thread makes an immutable `struct allowances` from the store and publishes it
 * (lib/snapshot); workers ask it before they tell.  Labels are resolved to hosts by who makes it.
 */
#ifndef SERVER_DETECT_ALLOWANCE_H
#define SERVER_DETECT_ALLOWANCE_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLOWANCES_MAX   65536u
#define DEPLOYMENTS_MAX  256u /* that go on at the same time */
#define TAINTS_MAX       65536u
#define DEPLOYMENT_SCORE 80.0 /* what is graver is told in spite of a deployment */

struct allowances;

struct allowances *allowances_new(void);
void allowances_free(void *allowances); /* for ds_snapshot_new() */
/* class "" and host 0: any; until 0: for ever.  -ENOSPC, -ENOMEM. */
DS_MUST_CHECK int allowances_expect(struct allowances *a, const char *class, uint32_t host,
    uint8_t kind, const void *key, size_t key_size, uint64_t until_us);
DS_MUST_CHECK int allowances_deploy(struct allowances *a, uint64_t number, const char *class,
    uint32_t host, uint64_t from_us, uint64_t until_us);
/* Something of the daemon is open: what it does is not learnt until somebody said what it was. */
DS_MUST_CHECK int allowances_taint(struct allowances *a, uint32_t host, const char *daemon);
/* Once, when all is in: makes it ready to be asked. */
void allowances_sort(struct allowances *a);

/* NULL `a`: nothing is allowed. */
bool allowances_has(const struct allowances *a, const char *class, uint32_t host, uint8_t kind,
    const void *key, size_t key_size, uint64_t time_us);
bool allowances_is_tainted(const struct allowances *a, uint32_t host, const char *daemon);
/* How many behaviours are expected, and deployments under way. */
void allowances_len(const struct allowances *a, size_t *ret_expected, size_t *ret_deployed);
/* The number of a deployment that covers it; 0. */
uint64_t allowances_deployment(
    const struct allowances *a, const char *class, uint32_t host, uint64_t time_us);

#endif
