/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_detect - events scored a second on one core: batches as they come over the wire, decoded
 * and scored.
 *
 * 200 hosts of 20 daemons, 1000 events a batch: programs, files, connections; what is new gets
 * rarer, as it does in life.  Beside it the same batches only decoded, so that the detector's own
 * share is known.
 */
#include "server/detect/detect.h"
#include "server/store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOSTS   200u
#define DAEMONS 20u
#define BATCHES 400u
#define EVENTS  1000u

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t
noise(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void
set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

/* Skewed: mostly the same few. */
static unsigned
skewed(uint32_t *x, unsigned most)
{
	unsigned n = most;

	while (n > 4 && noise(x) % 4 != 0)
		n /= 2;
	return noise(x) % n;
}

static int
add_event(struct ds_batch_builder *b, uint32_t *x, uint64_t time_us, const char *daemon)
{
	static const uint8_t kinds[] = { DS_EVENT_EXEC, DS_EVENT_CONNECT, DS_EVENT_ACCEPT,
		DS_EVENT_FILE_WRITE, DS_EVENT_FILE_CREATE, DS_EVENT_FILE_UNLINK };
	struct ds_event ev = { .kind = kinds[noise(x) % sizeof(kinds)],
		.time_us = time_us,
		.count = 1 + noise(x) % 8 };
	char exe[64], path[64];
	uint8_t address[4] = { 10, 0, (uint8_t)skewed(x, 32), (uint8_t)noise(x) };

	/* What happened more than once is what the agent only counted. */
	ev.flags = ev.count > 1 ? DS_FLAG_REPEAT : 0;
	snprintf(exe, sizeof(exe), "/usr/bin/child%c", 'a' + (int)(noise(x) % 4));
	snprintf(path, sizeof(path), "/var/lib/%u/f%u", skewed(x, 64), noise(x) % 200);
	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	set(&ev, DS_STR_EXE, exe);
	if (ev.kind == DS_EVENT_EXEC)
		set(&ev, DS_STR_PARENT_EXE, "/usr/sbin/parent");
	if (ds_kind_table[ev.kind].category[0] == 'f')
		set(&ev, DS_STR_PATH, path);
	if (ev.kind == DS_EVENT_CONNECT || ev.kind == DS_EVENT_ACCEPT) {
		ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
		ev.num[DS_NUM_DPORT] = 443;
		ev.num[DS_NUM_PROTO] = 6;
	}
	ev.num[DS_NUM_PID] = 1000 + noise(x) % 50;
	return ds_batch_add(b, &ev);
}

static void
make(struct ds_buf *packed)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	uint32_t x = 7;

	for (unsigned i = 0; i < BATCHES; i++) {
		ds_batch_builder_clear(b);
		for (unsigned n = 0; n < EVENTS; n++) {
			char daemon[32];

			snprintf(daemon, sizeof(daemon), "daemon%u.service", noise(&x) % DAEMONS);
			if (add_event(b, &x, (1700000000ull + i) * 1000000 + n, daemon) < 0)
				exit(1);
		}
		ds_buf_init(&packed[i], 4u << 20);
		if (ds_batch_pack(b, 1, &packed[i]) < 0)
			exit(1);
	}
	ds_batch_builder_free(b);
}

/* All batches, as those of many hosts, `rounds` times; events a second. */
static double
run(const struct ds_buf *packed, struct detect *d, unsigned rounds)
{
	struct ds_batch *b = ds_batch_new();
	struct batch_origin from = { .host_name = "bench", .epoch = 1 };
	double begun = now_s();

	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < BATCHES; i++) {
			struct verdict v;

			if (ds_batch_decode(b, packed[i].data, packed[i].len) < 0)
				exit(1);
			from.host = 1 + i % HOSTS;
			from.seq++;
			from.received_us = (1700000000ull + i + 1) * 1000000;
			if (d == NULL)
				continue;
			if (detect_batch(d, &from, b, &v) < 0)
				exit(1);
			verdict_done(&v);
		}
	ds_batch_free(b);
	return (double)rounds * BATCHES * EVENTS / (now_s() - begun);
}

int
main(void)
{
	static struct ds_buf packed[BATCHES];
	const struct detect_config cfg = {
		.learn_min_us = 60000000, .unseen_max = 0.01, .keys_max = 4096
	};
	struct detect *d = detect_new(&cfg);
	double decode, cold, steady;

	make(packed);
	decode = run(packed, NULL, 5);
	cold = run(packed, d, 1);
	steady = run(packed, d, 10);
	printf("bench detect_cold %.0f events/s\n", cold);
	printf("bench detect_steady %.0f events/s\n", steady);
	printf("bench detect_only %.0f events/s\n", 1 / (1 / steady - 1 / decode));
	detect_free(d);
	for (unsigned i = 0; i < BATCHES; i++)
		ds_buf_done(&packed[i]);
	return 0;
}
