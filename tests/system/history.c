/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history - writes a recording of what one host's nginx and its log shipper do, for replays.
 *
 *   history FILE MINUTES SEED [busy|odd MINUTE]	0 minutes: one event, and nothing else ever
 *
 * Each minute nginx accepts connections, more by day than by night and never twice as many alike,
 * writes its log, asks one upstream, and its use is sampled.  Nothing else is ever
 * done: in three busy minutes there is forty times as much of everything, in odd ones forty times
 * as many connections and writes for as many visitors.  Batches are of an hour, as they would be
 * stored.
 */
#include "lib/batch.h"
#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US (60 * DS_US_PER_S)

static struct ds_batch_builder *builder;
static uint64_t state;

static void
check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "history: %s: %s\n", what, strerror(-r));
	exit(2);
}

static unsigned
below(unsigned n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % n;
}

static void
set(struct ds_event *ev, enum ds_str_field f, const char *s)
{
	ds_event_set_str(ev, f, s, strlen(s));
}

static struct ds_event
event(uint64_t time_us, uint8_t kind, unsigned count)
{
	struct ds_event ev = { .count = count, .kind = kind, .time_us = time_us };

	ev.daemon = (struct ds_str){ "nginx.service", 13 };
	ev.num[DS_NUM_PID] = 800;
	set(&ev, DS_STR_EXE, "/usr/sbin/nginx");
	return ev;
}

static void
add(const struct ds_event *ev)
{
	check(ds_batch_add(builder, ev), "add");
}

static void
put_daemon(uint64_t time_us)
{
	struct ds_event ev = event(time_us, DS_EVENT_DAEMON, 1);

	struct ds_event start = { .count = 1, .kind = DS_EVENT_AGENT_START, .time_us = time_us };

	add(&start);
	set(&ev, DS_STR_ROLE, "service");
	set(&ev, DS_STR_UNIT, "nginx.service");
	set(&ev, DS_STR_PACKAGE, "nginx");
	set(&ev, DS_STR_PACKAGE_VERSION, "1.22.1-9");
	add(&ev);
}

enum minute { PLAIN, BUSY, ODD };

static void
put_minute(uint64_t from_us, enum minute is)
{
	unsigned minute = (unsigned)(from_us / MINUTE_US % 1440);
	unsigned noon = minute < 720 ? minute : 1440 - minute;
	unsigned visitors = (30 + noon / 24 + below(25)) * (is == BUSY ? 40 : 1);
	struct ds_event ev = event(from_us + 5 * DS_US_PER_S, DS_EVENT_ACCEPT, visitors);

	ds_event_set_str(&ev, DS_STR_SADDR, "\x0a\x01\x02\x03", 4);
	ev.num[DS_NUM_DPORT] = 80;
	add(&ev);
	ev = event(from_us + 20 * DS_US_PER_S, DS_EVENT_FILE_WRITE,
	    is == ODD ? visitors * 40 : 1 + visitors / 10);
	set(&ev, DS_STR_PATH, "/var/log/nginx/access.log");
	add(&ev);
	ev = event(from_us + 30 * DS_US_PER_S, DS_EVENT_CONNECT,
	    is == ODD ? visitors * 40 : 1 + visitors / 4);
	ds_event_set_str(&ev, DS_STR_DADDR, "\x0a\x01\x02\x09", 4);
	ev.num[DS_NUM_DPORT] = 5432;
	ev.num[DS_NUM_PROTO] = 6;
	add(&ev);
	ev = event(from_us + 40 * DS_US_PER_S, DS_EVENT_RESOURCE, 1);
	ev.num[DS_NUM_CPU_US] = (is == ODD ? 40 : 1) * (visitors * 700u + below(9000));
	ev.num[DS_NUM_RSS] = (40u << 20) + below(1 << 20);
	ev.num[DS_NUM_THREADS] = ev.num[DS_NUM_PROCESSES] = 3;
	ev.num[DS_NUM_FDS] = 20 + visitors / 4;
	add(&ev);
}

static void
write_batch(FILE *out)
{
	struct ds_buf packed;

	ds_buf_init(&packed, DS_BATCH_PACKED_MAX);
	check(ds_batch_pack(builder, 6, &packed), "pack");
	check(fwrite(packed.data, packed.len, 1, out) == 1 ? 0 : -EIO, "write");
	ds_buf_done(&packed);
	ds_batch_builder_clear(builder);
}

int
main(int argc, char **argv)
{
	unsigned minutes, special = 0;
	enum minute is = PLAIN;
	uint64_t from_us;
	FILE *out;

	if (argc != 4 && argc != 6)
		return 2;
	minutes = (unsigned)strtoul(argv[2], NULL, 10);
	state = strtoull(argv[3], NULL, 10);
	if (argc == 6)
		special = (unsigned)strtoul(argv[5], NULL, 10);
	if (argc == 6)
		is = strcmp(argv[4], "busy") == 0 ? BUSY : ODD;
	out = fopen(argv[1], "wb");
	builder = ds_batch_builder_new();
	check(out != NULL && builder != NULL ? 0 : -EIO, argv[1]);
	from_us = ds_clock_wall_us() / MINUTE_US * MINUTE_US - minutes * MINUTE_US;
	if (minutes == 0) {
		struct ds_event ev = event(from_us, DS_EVENT_FORK, 1);

		add(&ev);
		write_batch(out);
	} else {
		put_daemon(from_us);
	}
	for (unsigned i = 0; i < minutes; i++) {
		put_minute(from_us + i * MINUTE_US, i - special < 3 ? is : PLAIN);
		if (i % 60 == 59 || i + 1 == minutes)
			write_batch(out);
	}
	ds_batch_builder_free(builder);
	return fclose(out) == 0 ? 0 : 1;
}
