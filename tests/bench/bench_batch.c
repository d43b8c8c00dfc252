/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_batch - what the batch format costs, on the simulator's streams: bytes an event at rest in
 * small and large batches, and nanoseconds an event of each step on one core.
 *
 * Prints `bench NAME VALUE UNIT` lines.
 */
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/zip.h"
#include "sim/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS  (1u << 20) /* in all */
#define BATCHES 8192u
#define START   1764000000000000ull

struct set {
	struct ds_buf bytes;
	size_t at[BATCHES + 1];
	size_t len;
};

static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
check(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench_batch: error %d\n", r);
	exit(1);
}

static void
print(const char *what, unsigned events, double value, const char *unit)
{
	printf("bench batch_%s_%u %.2f %s\n", what, events, value, unit);
}

/* EVENTS events of one host in batches of `size`; how long the packing took. */
static void
build(struct set *set, unsigned size, int level, double *ret_pack_s)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct sim_stream stream;
	double t;

	if (b == NULL)
		check(-1);
	sim_stream_init(&stream, 1, 7, START, 50);
	set->len = 0;
	*ret_pack_s = 0;
	for (unsigned n = 0; n < EVENTS;) {
		struct ds_event ev;

		sim_stream_next(&stream, &ev);
		check(ds_batch_add(b, &ev));
		if (++n % size != 0)
			continue;
		t = cpu_s();
		set->at[set->len++] = set->bytes.len;
		check(ds_batch_pack(b, level, &set->bytes));
		ds_batch_builder_clear(b);
		*ret_pack_s += cpu_s() - t;
	}
	set->at[set->len] = set->bytes.len;
	ds_batch_builder_free(b);
}

static size_t
load(const struct set *set, size_t i, struct ds_batch *b)
{
	check(ds_batch_decode(b, set->bytes.data + set->at[i], set->at[i + 1] - set->at[i]));
	return ds_batch_len(b);
}

/* As the query engine does it: who connected to port 25 and is not smtp? */
static uint64_t
scan(const struct set *set, struct ds_batch *b)
{
	uint64_t hits = 0;

	for (size_t i = 0; i < set->len; i++) {
		size_t n = load(set, i, b);
		const uint8_t *kinds = ds_batch_kinds(b);
		const uint64_t *ports = ds_batch_nums(b, DS_NUM_DPORT);
		const uint32_t *exes = ds_batch_strs(b, DS_STR_EXE);

		for (size_t k = 0; k < n; k++)
			hits += kinds[k] == DS_EVENT_CONNECT && ports[k] == 25 && exes[k] != 0;
	}
	return hits;
}

static uint64_t
decode_whole(const struct set *set, struct ds_batch *b)
{
	struct ds_event ev;
	uint64_t sum = 0;

	for (size_t i = 0; i < set->len; i++) {
		size_t n = load(set, i, b);

		for (size_t k = 0; k < n; k++) {
			check(ds_batch_event(b, k, &ev));
			sum += ev.time_us + ev.count;
		}
	}
	return sum;
}

static void
measure(unsigned size, int level)
{
	static struct set set;
	struct ds_batch *b = ds_batch_new();
	double pack_s, t;
	uint64_t sum = 0;

	ds_buf_init(&set.bytes, 1u << 30);
	build(&set, size, level, &pack_s);
	print("bytes", size, (double)set.bytes.len / EVENTS, "B/event");
	print("pack", size, pack_s * 1e9 / EVENTS, "ns/event");
	t = cpu_s();
	for (size_t i = 0; i < set.len; i++)
		sum += load(&set, i, b);
	print("load", size, (cpu_s() - t) * 1e9 / EVENTS, "ns/event");
	t = cpu_s();
	sum += scan(&set, b);
	print("scan", size, EVENTS / (cpu_s() - t) / 1e6, "Mevents/s");
	t = cpu_s();
	sum += decode_whole(&set, b);
	print("decode", size, EVENTS / (cpu_s() - t) / 1e6, "Mevents/s");
	if (sum == 0)
		printf("# nothing\n");
	ds_batch_free(b);
	ds_buf_done(&set.bytes);
}

int
main(void)
{
	measure(128, 6);
	measure(1024, 6);
	measure(8192, 6);
	measure(65536, 6);
	measure(65536, 1);
	ds_zip_thread_done();
	return 0;
}
