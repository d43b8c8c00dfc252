/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_fixture - a store of any backend in a directory of its own, with a clock that tests move.
 */
#ifndef TESTS_CONTRACT_STORE_FIXTURE_H
#define TESTS_CONTRACT_STORE_FIXTURE_H

#include "server/store/store.h"

struct CMUnitTest;

struct fixture {
	const struct store_backend *backend;
	struct store_config cfg;
	struct store *store;
	struct reader *reader;
	bool keeps; /* what is put can be read back; null discards */
	char dir[64];
	struct scan_stats stats; /* of the last fixture_count() */
	struct segment_row last;
	uint8_t last_packed[4096];
	size_t last_packed_size;
	uint8_t packed[64], bloom[256], daemons[4];
};

extern uint64_t fixture_clock_us;

/* cmocka: *state is the index of the backend, then the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_reopen(struct fixture *f);
void fixture_begin(struct fixture *f);
void fixture_commit(struct fixture *f);
struct reader *fixture_reader(struct fixture *f);
void fixture_maintain(struct fixture *f, uint64_t now_us);

/* Runs each test against each backend, in one plan of TAP; cmocka's number of failures. */
int fixture_run(const struct CMUnitTest *tests, size_t len);

struct host_row fixture_host(uint8_t number);
/* A segment whose bytes are not a batch; daemon "d<host>", string "s<host>".  Borrows from the
 * fixture until the next one: put it before the next is made, or make copies of its arrays. */
struct segment_row fixture_segment(struct fixture *f, uint32_t host, uint64_t epoch, uint64_t seq);
/* Segments that a scan gives; the last one to *ret (may be NULL). */
unsigned fixture_count(
    struct fixture *f, const struct segment_filter *filter, struct segment_row *ret);

#endif
