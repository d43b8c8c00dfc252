/* SPDX-License-Identifier: GPL-2.0-or-later */
/* react_fixture - the react thread over a real store and writer; only the way to the hosts is not
 * one. */
#ifndef TESTS_UNIT_REACT_FIXTURE_H
#define TESTS_UNIT_REACT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/config.h"
#include "server/react/react.h"
#include "server/store/writer.h"
#include "tests/contract/store_fixture.h"

#include <semaphore.h>
#include <stdatomic.h>

#define HOSTS 6u

struct sent {
	uint32_t host;
	struct ds_order order;
};

struct world {
	char dir[64];
	struct store_config store;
	const struct store_backend *backend;
	struct writer *writer;
	struct reader *reader;
	struct ds_sign_key *key;
	struct react *react;
	struct server_config cfg;
	/* what was sent, in order; the react thread fills, the test takes after the semaphore */
	struct sent sent[512];
	unsigned sent_len, taken;
	bool deaf;            /* sent into the void */
	atomic_uint sessions; /* bits: host N's comes from 192.0.2.N */
	sem_t is_sent;
};

struct seen {
	char id[REACTION_ID_SIZE], kind[24], status[16], mode[16], result[4096], by[80];
	uint64_t created_us, expires_us;
	uint32_t host;
	unsigned n;
};

struct undo {
	char id[REACTION_ID_SIZE];
	uint32_t host;
};

int in_store(struct world *w, int (*run)(struct world *w, struct store *s, void *ctx), void *ctx);
void set_mode(struct world *w, const char *mode);
int put_pause(struct world *w, struct store *s, void *ctx);
void start(struct world *w, const char *text);
void stop(struct world *w);
int setup(void **state);
int teardown(void **state);
void find(struct world *w, uint32_t host, const char *kind, const char *json);
void find_shell(struct world *w, uint32_t host, unsigned pid);
const struct sent *next_sent(struct world *w);
struct seen look(struct world *w);
/* The newest reaction once there are `n` and it has the status. */
struct seen wait_for(struct world *w, unsigned n, const char *status);
void answer(struct world *w, uint32_t host, struct ds_result result);
struct ds_result result_of(const struct sent *s, enum ds_outcome outcome);
int undo(struct world *w, const char *id);

#endif
