/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_profiles - the memory of what is known of a large fleet: 2000 hosts of 40 daemons, each
 * with 25 behaviours, all seen in each block.
 *
 * What is measured is after 6 blocks; what 50 of them would take, the most that a daemon keeps
 * before its scale is made, is worked out from what each one took.  Everything is on one worker, as
 * it is with one processor.
 */
#include "server/detect/detect.h"
#include "server/store/rows.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS      2000u
#define DAEMONS    40u
#define BEHAVIOURS 25u
#define BLOCKS     6u  /* that are lived through */
#define KEPT       50u /* that are kept at most, before the scale is made */
#define SLOT_US    (300 * 1000000ull)
#define START_US   1700000100000000ull /* at the beginning of a slot */

static void
set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

static int
add(struct ds_batch_builder *b, unsigned daemon, unsigned n, uint64_t time_us)
{
	static const uint8_t kinds[] = { DS_EVENT_EXEC, DS_EVENT_CONNECT, DS_EVENT_FILE_WRITE };
	struct ds_event ev = { .kind = kinds[n % 3], .time_us = time_us, .count = 3 };
	char name[40], exe[64], path[80];
	const uint8_t address[4] = { 10, (uint8_t)n, (uint8_t)daemon, 1 };

	ev.flags = DS_FLAG_REPEAT;
	snprintf(name, sizeof(name), "daemon%u.service", daemon);
	snprintf(exe, sizeof(exe), "/usr/lib/daemon%u/helper%c", daemon, 'a' + (int)(n % 26));
	snprintf(path, sizeof(path), "/srv/daemon%u/data%c/file", daemon, 'a' + (int)(n % 26));
	ev.daemon = (struct ds_str){ name, (uint32_t)strlen(name) };
	set(&ev, DS_STR_EXE, exe);
	if (ev.kind == DS_EVENT_EXEC)
		set(&ev, DS_STR_PARENT_EXE, "/usr/sbin/parent");
	if (ev.kind == DS_EVENT_FILE_WRITE)
		set(&ev, DS_STR_PATH, path);
	if (ev.kind == DS_EVENT_CONNECT) {
		ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
		ev.num[DS_NUM_DPORT] = 443;
		ev.num[DS_NUM_PROTO] = 6;
	}
	ev.num[DS_NUM_PID] = 1000 + daemon;
	return ds_batch_add(b, &ev);
}

/* What every host does in one slot. */
static void
make(struct ds_buf *packed, uint64_t time_us)
{
	struct ds_batch_builder *b = ds_batch_builder_new();

	for (unsigned d = 0; d < DAEMONS; d++)
		for (unsigned n = 0; n < BEHAVIOURS; n++)
			if (add(b, d, n, time_us + n) < 0)
				exit(1);
	ds_buf_clear(packed);
	if (ds_batch_pack(b, 1, packed) < 0)
		exit(1);
	ds_batch_builder_free(b);
}

static void
run_slot(struct detect *d, struct ds_batch *b, const struct ds_buf *packed, unsigned slot)
{
	struct batch_origin from = { .host_name = "bench", .epoch = 1, .seq = slot + 1 };

	from.received_us = START_US + slot * SLOT_US + 1000000;
	for (from.host = 1; from.host <= HOSTS; from.host++) {
		struct verdict v;

		if (ds_batch_decode(b, packed->data, packed->len) < 0 ||
		    detect_batch(d, &from, b, &v) < 0)
			exit(1);
		verdict_done(&v);
	}
}

int
main(void)
{
	const struct detect_config cfg = {
		.learn_min_us = 60000000, .unseen_max = 0.01, .keys_max = 4096
	};
	struct detect *d = detect_new(&cfg);
	struct ds_batch *b = ds_batch_new();
	struct ds_buf packed;
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	size_t used = 0, first = 0;

	ds_buf_init(&packed, 16u << 20);
	for (unsigned slot = 0; slot < BLOCKS; slot++) {
		make(&packed, START_US + slot * SLOT_US);
		run_slot(d, b, &packed, slot);
		used = mallinfo2().uordblks + mallinfo2().hblkhd - before;
		if (slot == 1)
			first = used;
	}
	used += (used - first) / (BLOCKS - 2) * (KEPT - BLOCKS);
	printf("bench profiles_2000x40 %.0f bytes\n", (double)used);
	printf("bench profiles_daemon %.0f bytes\n", (double)used / (HOSTS * DAEMONS));
	detect_free(d);
	ds_batch_free(b);
	ds_buf_done(&packed);
	return 0;
}
