/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/bloom.h"
#include "tests/contract/store_fixture.h"
#include "tests/unit/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t fixture_clock_us;

static uint64_t
now(void)
{
	return fixture_clock_us;
}

static void
open_store(struct fixture *f)
{
	char why[300];

	if (f->backend->open(&f->cfg, &f->store, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_int_equal(f->backend->reader_open(&f->cfg, &f->reader), 0);
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fixture_clock_us = 1800000000ull * 1000000;
	f->backend = store_backends[(uintptr_t)*state];
	f->keeps = strcmp(f->backend->name, "null") != 0;
	snprintf(f->dir, sizeof(f->dir), "%s/ds-store-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->cfg = (struct store_config){ f->dir, 3 * 86400000000ull, 1ull << 30, now, NULL };
	open_store(f);
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	f->backend->reader_close(f->reader);
	f->backend->close(f->store);
	(void)tree_remove(f->dir);
	free(f);
	return 0;
}

void
fixture_reopen(struct fixture *f)
{
	f->backend->reader_close(f->reader);
	f->backend->close(f->store);
	open_store(f);
}

void
fixture_begin(struct fixture *f)
{
	assert_int_equal(f->backend->begin(f->store), 0);
}

void
fixture_commit(struct fixture *f)
{
	assert_int_equal(f->backend->commit(f->store), 0);
}

struct reader *
fixture_reader(struct fixture *f)
{
	return f->reader;
}

void
fixture_maintain(struct fixture *f, uint64_t now_us)
{
	int r, rounds = 0;

	do
		r = f->backend->maintain(f->store, now_us, 1000);
	while (r > 0 && ++rounds < 100);
	assert_int_equal(r, 0);
}

struct host_row
fixture_host(uint8_t number)
{
	static char name[16], machine[16];
	struct host_row row = { .name = name,
		.os = "Debian",
		.machine_id = machine,
		.labels = "web,eu",
		.status = HOST_APPROVED,
		.enrolled_us = 1,
		.last_seen_us = 2,
		.cert_serial = "0a",
		.cert_not_after_us = 3 };

	snprintf(name, sizeof(name), "host-%u", number);
	snprintf(machine, sizeof(machine), "machine-%u", number);
	row.id[0] = number;
	row.pin[31] = number;
	return row;
}

/* A filter of one string, made by hand: a batch would need the whole codec. */
static size_t
make_bloom(uint8_t *ret, uint64_t hash)
{
	size_t size = 10;

	memset(ret, 0, size);
	ret[0] = 1;
	ret[1] = 7;
	for (unsigned i = 0; i < 7; i++) {
		uint32_t h = (uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1u);
		uint32_t bit = (uint32_t)(((uint64_t)h * 64) >> 32);

		ret[2 + bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	return size;
}

struct segment_row
fixture_segment(struct fixture *f, uint32_t host, uint64_t epoch, uint64_t seq)
{
	char name[16];
	uint32_t hash;
	int n = snprintf(name, sizeof(name), "d%u", host);

	hash = bloom_daemon_hash(name, (size_t)n);
	for (unsigned i = 0; i < 4; i++)
		f->daemons[i] = (uint8_t)(hash >> 8 * i);
	name[0] = 's';
	snprintf(
	    (char *)f->packed, sizeof(f->packed), "packed %u %llu", host, (unsigned long long)seq);
	return (struct segment_row){ .host = host,
		.received_us = fixture_clock_us,
		.time_min_us = fixture_clock_us - 5,
		.time_max_us = fixture_clock_us,
		.len = 10,
		.kinds = 1ull << DS_EVENT_EXEC,
		.daemons = f->daemons,
		.daemons_size = 4,
		.bloom = f->bloom,
		.bloom_size = make_bloom(f->bloom, bloom_hash(name, (size_t)n)),
		.packed = f->packed,
		.packed_size = sizeof(f->packed),
		.lane = DS_LANE_BULK,
		.epoch = epoch,
		.seq = seq };
}

struct counting {
	struct fixture *fixture;
	unsigned n;
};

static int
count_one(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct counting *c = ctx;

	(void)at;
	c->n++;
	c->fixture->last = *row;
	c->fixture->last_packed_size = row->packed_size;
	if (row->packed_size <= sizeof(c->fixture->last_packed))
		memcpy(c->fixture->last_packed, row->packed, row->packed_size);
	return 0;
}

unsigned
fixture_count(struct fixture *f, const struct segment_filter *filter, struct segment_row *ret)
{
	struct counting c = { f, 0 };

	f->stats = (struct scan_stats){ 0 };
	assert_int_equal(f->backend->each_segment(f->reader, filter, count_one, &c, &f->stats), 0);
	if (ret)
		*ret = f->last;
	return c.n;
}

int
fixture_run(const struct CMUnitTest *tests, size_t len)
{
	static struct CMUnitTest all[128];
	static char names[DS_LEN(all)][160];
	size_t n = 0;

	for (size_t i = 0; store_backends[i]; i++)
		for (size_t j = 0; j < len && n < DS_LEN(all); j++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", store_backends[i]->name,
			    tests[j].name);
			all[n] = tests[j];
			all[n].name = names[n];
			all[n].initial_state = (void *)(uintptr_t)i;
		}
	return _cmocka_run_group_tests("store contract", all, n, NULL, NULL);
}
