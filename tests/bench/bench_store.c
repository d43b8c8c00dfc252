/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_store - what an event of a small, quiet fleet costs at rest: as it came, when its hour is
 * merged, and when its day is.
 *
 * HOSTS hosts say something every 30 s for a day of simulated time, through the store's own
 * functions and with its clock moved.  Prints `bench NAME VALUE UNIT` lines.
 */
#include "lib/batch.h"
#include "lib/zip.h"
#include "server/store/bloom.h"
#include "server/store/store.h"
#include "sim/stream.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOSTS      20u
#define PER_S      0.2 /* beside a resource sample of each daemon every 10 s */
#define FLUSH_US   UINT64_C(30000000)
#define HOUR_US    UINT64_C(3600000000)
#define DAY_US     (24 * HOUR_US)
#define START      (UINT64_C(1764000000000000) / DAY_US * DAY_US)
#define PACK_LEVEL 6

struct host {
	struct sim_stream stream;
	struct ds_event next; /* drawn, and not sent yet */
	uint64_t seq;
};

struct bench {
	const struct store_backend *backend;
	struct store *store;
	struct reader *reader;
	struct host hosts[HOSTS];
	struct ds_batch_builder *builder;
	struct ds_batch *batch;
	struct ds_buf packed, bloom, daemons;
	uint64_t segments;
};

static uint64_t now_us;

static uint64_t
clock_us(void)
{
	return now_us;
}

static void
check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void
put(struct bench *b, uint32_t number, struct host *h)
{
	const struct ds_batch_header *header;
	struct segment_row row = { .host = number,
		.received_us = now_us,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = ++h->seq };

	ds_buf_clear(&b->packed);
	ds_buf_clear(&b->bloom);
	ds_buf_clear(&b->daemons);
	check(ds_batch_pack(b->builder, PACK_LEVEL, &b->packed), "pack");
	check(ds_batch_decode(b->batch, b->packed.data, b->packed.len), "decode");
	check(bloom_build(b->batch, &b->bloom), "bloom");
	check(bloom_daemons(b->batch, &b->daemons), "daemons");
	header = ds_batch_header(b->batch);
	row.time_min_us = header->time_min_us;
	row.time_max_us = header->time_max_us;
	row.len = header->len;
	row.kinds = header->kinds;
	row.daemons = b->daemons.data;
	row.daemons_size = b->daemons.len;
	row.bloom = b->bloom.data;
	row.bloom_size = b->bloom.len;
	row.packed = b->packed.data;
	row.packed_size = b->packed.len;
	check(b->backend->segment_put(b->store, &row), "segment");
	b->segments++;
}

/* What a host did until now. */
static void
flush(struct bench *b, uint32_t number)
{
	struct host *h = &b->hosts[number - 1];

	ds_batch_builder_clear(b->builder);
	for (; h->next.time_us <= now_us; sim_stream_next(&h->stream, &h->next))
		check(ds_batch_add(b->builder, &h->next), "add");
	if (ds_batch_builder_len(b->builder) > 0)
		put(b, number, h);
}

static void
run_hour(struct bench *b)
{
	for (uint64_t end = now_us + HOUR_US; now_us < end;) {
		now_us += FLUSH_US;
		check(b->backend->begin(b->store), "begin");
		for (uint32_t i = 1; i <= HOSTS; i++)
			flush(b, i);
		check(b->backend->commit(b->store), "commit");
	}
}

static void
maintain(struct bench *b)
{
	int r;

	do
		r = b->backend->maintain(b->store, now_us, 1000);
	while (r > 0);
	check(r, "maintain");
}

/* Nothing in the WAL: it is as much for a small store as for a large one. */
static void
open_store(struct bench *b, const struct store_config *cfg)
{
	char why[256];

	if (b->store) {
		b->backend->reader_close(b->reader);
		b->backend->close(b->store);
	}
	check(b->backend->open(cfg, &b->store, why, sizeof(why)), "open");
	check(b->backend->reader_open(cfg, &b->reader), "reader");
}

static void
print(struct bench *b, const char *name)
{
	struct store_totals t;

	check(b->backend->totals(b->reader, &t), "totals");
	printf("bench %s %.2f bytes/event\n", name, (double)t.bytes / (double)t.events);
	printf("# %llu events in %llu segments\n", (unsigned long long)t.events,
	    (unsigned long long)t.segments);
}

static void
measure(struct bench *b, const struct store_config *cfg)
{
	struct timespec t;

	run_hour(b);
	open_store(b, cfg);
	print(b, "stored_bytes_quiet");
	for (unsigned hour = 1; hour < 23; hour++) {
		run_hour(b);
		maintain(b);
	}
	open_store(b, cfg);
	print(b, "stored_bytes_quiet_hours");
	run_hour(b); /* its last batch is the first of the next day */
	maintain(b);
	open_store(b, cfg);
	print(b, "stored_bytes_quiet_day");
	check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), "clock");
	printf("# %.1f s of processor time\n", (double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	char dir[] = "/tmp/bench_store.XXXXXX";
	struct store_config cfg = { .dir = dir,
		.clock = clock_us,
		.retention_us = 30 * DAY_US,
		.max_bytes = UINT64_C(1) << 40 };
	static struct bench b;

	if (!mkdtemp(dir))
		return 1;
	now_us = START;
	b.backend = store_lookup("sqlite");
	b.builder = ds_batch_builder_new();
	b.batch = ds_batch_new();
	ds_buf_init(&b.packed, DS_BATCH_PACKED_MAX);
	ds_buf_init(&b.bloom, BLOOM_SIZE_MAX);
	ds_buf_init(&b.daemons, 1u << 20);
	for (uint32_t i = 0; i < HOSTS; i++) {
		sim_stream_init(&b.hosts[i].stream, 1, i, START, PER_S);
		sim_stream_next(&b.hosts[i].stream, &b.hosts[i].next);
	}
	open_store(&b, &cfg);
	measure(&b, &cfg);
	b.backend->reader_close(b.reader);
	b.backend->close(b.store);
	ds_batch_free(b.batch);
	ds_batch_builder_free(b.builder);
	ds_buf_done(&b.packed);
	ds_buf_done(&b.bloom);
	ds_buf_done(&b.daemons);
	ds_zip_thread_done();
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
