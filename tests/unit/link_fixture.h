/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_fixture - a server of a few lines, with the real authority, over loopback. */
#ifndef TESTS_UNIT_LINK_FIXTURE_H
#define TESTS_UNIT_LINK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/link.h"
#include "lib/clock.h"
#include "lib/conn.h"
#include "server/ingest/pki.h"

#include <event2/event.h>
#include <stdbool.h>

#define SPOOL_MAX 300
#define EPOCH     77

#define RUN_UNTIL(condition)                                                          \
	do {                                                                          \
		while (!(condition))                                                  \
			assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1); \
	} while (0)

struct fake_spool {
	uint64_t last[DS_LANES], acked[DS_LANES];
	size_t size; /* of each batch */
};

enum on_enrol { ISSUE, HANG_UP, REFUSE };

struct fake_server {
	struct pki *pki;
	struct ds_tls *tls;
	struct event *listener;
	struct ds_conn *conn; /* the newest */
	int fd;
	uint16_t port;
	/* what it does */
	enum on_enrol on_enrol;
	uint32_t error; /* enum ds_wire_error */
	bool no_acks, no_welcome, no_renewal, wrong_host, is_copy;
	uint64_t renew_after_us, now_us;
	struct ds_cursor cursor[DS_LANES];
	/* what it saw */
	unsigned enrolments, hellos, batches, renewals, closed, accepted, results, errors;
	uint8_t pins[2][DS_PIN_SIZE]; /* of the last two requests */
	uint8_t lanes[SPOOL_MAX * 2];
	uint64_t seqs[SPOOL_MAX * 2];
	struct ds_token token;
	struct ds_hello facts, hello; /* the newest */
};

extern struct fake_spool spool;
extern struct fake_server server;
extern unsigned orders;
extern struct event_base *base;
extern struct link *link_;
extern const uint8_t host_id[DS_HOST_ID_SIZE];

void order(const void *data, size_t size, void *ctx);
void reply_error(uint32_t code);
void send_ack(uint8_t lane, uint64_t epoch, uint64_t seq);
const char *path(const char *name);
struct pki *open_authority(const char *name);
struct ds_tls *server_tls(const struct pki *own, const struct pki *agents);
void give_token_of(const char *id);
void give_token(void);
void start_link(const char *address);
struct link_status status(void);
void start_enrolled(void);
bool exists(const char *name);
int setup(void **state);
int teardown(void **state);

#endif
