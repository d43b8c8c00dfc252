/* SPDX-License-Identifier: GPL-2.0-or-later */
/* order_fixture - a guard's orders in a directory of their own, a key to sign with, and a child to
 * act on. */
#ifndef TESTS_UNIT_ORDER_FIXTURE_H
#define TESTS_UNIT_ORDER_FIXTURE_H

#include "agent/guard/order.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

extern char dir[32], token_file[64], key_file[64], empty[1];
extern struct agent_config config;
extern struct ds_sign_key *key;
extern uint8_t host_id[16];
extern uint64_t counter; /* of the newest order */
extern pid_t child;

/* For each test. */
int setup(void **state);
int teardown(void **state);
void write_token(void);
/* Of an operator, for this host, about the child, for a minute. */
struct ds_order order_of(const char *kind);
/* Signs it and has it taken; take() also carries it out. */
int take_only(const struct ds_order *o);
int take(const struct ds_order *o);
unsigned outcome_of(const struct ds_order *o);
const char *text_of(const struct ds_order *o);
bool is_dead(void);
/* It was killed, it was stopped: that may take the kernel a moment. */
bool dies(void);
bool is_stopped(void);
bool stops(void);
/* Of the guard's part that takes orders. */
void restart(void);

#endif
