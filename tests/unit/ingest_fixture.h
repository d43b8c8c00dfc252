/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ingest_fixture - a worker without a thread, over a connection that is not one; store and writer
 * are real. */
#ifndef TESTS_UNIT_INGEST_FIXTURE_H
#define TESTS_UNIT_INGEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/order.h"
#include "server/ingest/worker.h"
#include "tests/contract/store_fixture.h"

/* The connection: keeps what is sent. */
struct ds_conn {
	const struct ds_conn_ops *ops;
	void *ctx;
	struct ds_buf out;
	struct pki_cert *cert;
	bool paused, finished, gone;
};

struct world {
	char dir[64];
	struct store_config store;
	struct ingest in;
	struct pki_cert cert;
	uint8_t host_id[DS_HOST_ID_SIZE];
	struct ds_tls_key *key;
	unsigned char *csr;
	size_t csr_size;
};

extern struct ds_conn *last_conn;
void put_rows(struct world *w, const struct host_row *host, const struct token_row *token);
void put_host(struct world *w, int status);
int setup(void **state);
int teardown(void **state);
struct ds_conn *connect_as(struct world *w, struct pki_cert *cert);
int give(struct ds_conn *c, uint8_t type, const struct ds_buf *payload);
int say_hello(struct ds_conn *c, uint64_t epoch);
void send_batch(struct ds_conn *c, uint64_t epoch, uint64_t seq);
/* The next frame sent, waiting for the writer if there is none yet; its payload stays in the
 * buffer. */
struct ds_frame expect(struct world *w, struct ds_conn *c, uint8_t type);
void expect_error(struct world *w, struct ds_conn *c, unsigned code);
void expect_ack(struct world *w, struct ds_conn *c, uint64_t epoch, uint64_t seq);
uint64_t welcome_seq(struct world *w, struct ds_conn *c, uint64_t epoch);

#endif
