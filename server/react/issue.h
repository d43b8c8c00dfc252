/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * issue - makes reactions and their signed orders, takes them back, and closes them by results.
 *
 * Everything here runs on the writer's thread inside its transaction: no record, no order.  What
 * was made is found in the store afterwards (each_open); nothing is kept in between.  The order
 * that does a reaction has the reaction's id, so either names the other.
 */
#ifndef SERVER_REACT_ISSUE_H
#define SERVER_REACT_ISSUE_H

#include "lib/order.h"
#include "server/react/policy.h"
#include "server/store/store.h"

struct issuer {
	const struct ds_sign_key *key;
	uint64_t order_ttl_us;    /* an order that was not delivered so long is dead */
	uint64_t approval_ttl_us; /* and what nobody approved */
};

/* One reaction to be. */
struct issue_plan {
	uint32_t host;
	uint8_t host_id[DS_HOST_ID_SIZE];
	const struct react_kind *kind;
	struct react_args args;
	char daemon[256], alert_id[40], rule[POLICY_NAME_MAX], reason[256], by[80];
	char principal[80]; /* who is behind `by`; "": a rule */
	uint8_t order_mode; /* enum ds_order_mode; DS_ORDER_OPERATOR repeats what is in effect */
	bool is_dry_run, needs_approval;
	char note[200]; /* why it is only recorded */
	uint64_t ttl_us, ttl_max_us;
	unsigned ttl_factor;
	char id[REACTION_ID_SIZE]; /* "": filled in */
};

/* 1: recorded (and ordered, unless dry run or to be approved), 0: it is in effect or waits, or was
 * recorded a while ago; -errno. */
DS_MUST_CHECK int issue_reaction(const struct store_backend *backend, struct store *store,
    const struct issuer *by, struct issue_plan *plan, uint64_t now_us);
/* Takes a reaction back: 1 an order was made, 0 it never left and is withdrawn; -ENOENT, -EALREADY
 * there is nothing to take back, -EOPNOTSUPP what it did has no inverse. */
DS_MUST_CHECK int issue_undo(const struct store_backend *backend, struct store *store,
    const struct issuer *by, const char *id, const char *who, uint64_t now_us, uint32_t *ret_host);
/* Who agrees: a name for people, and who is behind it, whichever token was used. */
struct approver {
	const char *name, *principal;
};
/* A second operator agrees: 0; -ENOENT, -EALREADY it does not wait for that, -EPERM who asked for
 * it cannot approve it, nor can somebody when it is not known who is behind either of them. */
DS_MUST_CHECK int issue_approval(const struct store_backend *backend, struct store *store,
    const struct issuer *by, const char *id, const struct approver *who,
    const uint8_t host_id[DS_HOST_ID_SIZE], uint64_t now_us);
/* An order was handed to the host's session. */
DS_MUST_CHECK int issue_sent(const struct store_backend *backend, struct store *store,
    const uint8_t order[DS_ORDER_ID_SIZE], uint64_t now_us);
/* What a host said about an order of its own: 1 it was signed anew and must be sent again, 0, or
 * -ENOENT (no such order of this host). */
DS_MUST_CHECK int issue_result(const struct store_backend *backend, struct store *store,
    const struct issuer *by, uint32_t host, const struct ds_result *result, uint64_t now_us);
struct held_order;
/* The same order, signed with a window that begins now and a counter above `floor`; 1. */
DS_MUST_CHECK int issue_again(const struct store_backend *backend, struct store *store,
    const struct issuer *by, const struct held_order *of, uint64_t floor, uint64_t now_us);
/* An order's time is over: a reaction that never left is dead, an undo is signed anew (1). */
DS_MUST_CHECK int issue_overdue(const struct store_backend *backend, struct store *store,
    const struct issuer *by, const char *order_id, uint64_t now_us);
/* The life of an effect ended, and its host has not said so; or nobody approved it in time. */
DS_MUST_CHECK int issue_over(const struct store_backend *backend, struct store *store,
    const struct issuer *by, const char *id, uint64_t now_us);

#endif
