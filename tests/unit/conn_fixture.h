/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_fixture - two connections over a socket pair, on one loop, and what they saw. */
#ifndef TESTS_UNIT_CONN_FIXTURE_H
#define TESTS_UNIT_CONN_FIXTURE_H

#include "lib/conn.h"
#include "lib/tls.h"
#include "tests/unit/certs.h"

#include <event2/event.h>
#include <openssl/ssl.h>

/* What a side does when an op is called. */
enum what { NOTHING, FREE, FAIL, FINISH, DETACH, PAUSE };

struct side {
	struct ds_conn *conn;
	enum what at_ready, at_frame, at_drained, at_closed;
	unsigned ready, frames, drained, closed;
	size_t bytes;
	uint8_t last_type;
	bool torn; /* a frame was not what was sent */
	struct ds_conn_end end;
};

extern struct certs certs;
extern struct event_base *base;
extern struct ds_tls *server_tls, *client_tls;
extern struct side client, server;
extern const struct ds_conn_limits limits; /* generous ones */
extern const struct ds_conn_ops ops;       /* with a struct side as their ctx */

void once(void);
#define RUN_UNTIL(condition)         \
	do {                         \
		while (!(condition)) \
			once();      \
	} while (0)

void make_pair(int fds[2]);
void start_server(int fd, const struct ds_conn_limits *l);
/* Both sides of a pair; `tls` is the client's. */
void start(struct ds_tls *tls, const struct ds_conn_limits *l);
/* Until both are ready. */
void start_open(const struct ds_conn_limits *l);
void stop(void);
/* A frame of this size, of bytes that the other side checks. */
int send_size(struct side *s, size_t size);
/* A client of OpenSSL's own, for what ds_conn would never do. */
SSL *raw_start(int fd);
struct ds_tls *client_with(const char *cert, const char *ca, const uint8_t *pin);
void use_server(const char *cert);
int setup(void **state);
int teardown(void **state);

#endif
