/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_store - what an event of a small, quiet fleet costs at rest: as it came, which it stays for
 * minutes; at the end of an hour, with what is merged of it meanwhile; when its hour is merged, and
 * when its day is.
 *
 * HOSTS hosts say something every 30 s for a day of simulated time, through the store's own
 * functions and with its clock moved.  Prints `bench NAME VALUE UNIT` lines.
 */
#include "lib/batch.h"
#include "lib/zip.h"
#include "server/store/segment.h"
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
	struct segment_maker maker;
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

/* What a host did until now. */
static void
flush(struct bench *b, uint32_t number)
{
	struct host *h = &b->hosts[number - 1];
	struct segment_row row = { .host = number,
		.received_us = now_us,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = ++h->seq };

	for (; h->next.time_us <= now_us; sim_stream_next(&h->stream, &h->next))
		check(ds_batch_add(b->maker.builder, &h->next), "add");
	if (ds_batch_builder_len(b->maker.builder) == 0)
		return;
	check(segment_make(&b->maker, PACK_LEVEL, &row), "make");
	check(b->backend->segment_put(b->store, &row), "segment");
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

static void
run_until(struct bench *b, uint64_t end_us, bool maintained)
{
	while (now_us < end_us) {
		now_us += FLUSH_US;
		check(b->backend->begin(b->store), "begin");
		for (uint32_t i = 1; i <= HOSTS; i++)
			flush(b, i);
		check(b->backend->commit(b->store), "commit");
		if (maintained)
			maintain(b);
	}
}

/* Nothing in the WAL: it is as much for a small store as for a large one. */
static void
open_store(struct bench *b, const struct store_config *cfg)
{
	char why[256];

	check(b->backend->open(cfg, &b->store, why, sizeof(why)), "open");
	check(b->backend->reader_open(cfg, &b->reader), "reader");
}

static void
close_store(struct bench *b)
{
	b->backend->reader_close(b->reader);
	b->backend->close(b->store);
}

static void
print(struct bench *b, const struct store_config *cfg, const char *name)
{
	struct store_totals t;

	close_store(b);
	open_store(b, cfg);
	check(b->backend->totals(b->reader, &t), "totals");
	printf("bench %s %.2f bytes/event\n", name, (double)t.bytes / (double)t.events);
	printf("# %llu events in %llu segments\n", (unsigned long long)t.events,
	    (unsigned long long)t.segments);
}

/* Hosts that begin anew, in a store of their own. */
static void
begin(struct bench *b, struct store_config *cfg, const char *dir)
{
	cfg->dir = dir;
	now_us = START;
	for (uint32_t i = 0; i < HOSTS; i++) {
		b->hosts[i].seq = 0;
		sim_stream_init(&b->hosts[i].stream, 1, i, START, PER_S);
		sim_stream_next(&b->hosts[i].stream, &b->hosts[i].next);
	}
	open_store(b, cfg);
}

static void
measure(struct bench *b, struct store_config *cfg, const char *dir)
{
	char fresh[64], kept[64];
	struct timespec t;

	snprintf(fresh, sizeof(fresh), "%s/fresh", dir);
	snprintf(kept, sizeof(kept), "%s/kept", dir);
	begin(b, cfg, fresh);
	run_until(b, START + HOUR_US, false);
	print(b, cfg, "stored_bytes_quiet_fresh");
	close_store(b);
	begin(b, cfg, kept);
	run_until(b, START + HOUR_US, true);
	print(b, cfg, "stored_bytes_quiet");
	run_until(b, START + 23 * HOUR_US, true);
	print(b, cfg, "stored_bytes_quiet_hours");
	run_until(b, START + DAY_US + HOUR_US / 12, true); /* the day is closed */
	print(b, cfg, "stored_bytes_quiet_day");
	close_store(b);
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
	struct store_config cfg = {
		.clock = clock_us, .retention_us = 30 * DAY_US, .max_bytes = UINT64_C(1) << 40
	};
	static struct bench b;

	if (!mkdtemp(dir))
		return 1;
	b.backend = store_lookup("sqlite");
	check(segment_maker_init(&b.maker), "memory");
	measure(&b, &cfg, dir);
	segment_maker_done(&b.maker);
	ds_zip_thread_done();
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
