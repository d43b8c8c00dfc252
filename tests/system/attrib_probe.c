/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attrib_probe - the guard's attribution, identity, resource sampling and fallback sensors without
 * the guard: events are printed, a line of JSON each.  For system tests.
 *
 * attrib_probe [-m MONITOR,LIST] [-i INTERVAL_MS] [-s SENSOR] [-p]
 *   -s  run a fallback sensor (exec_netlink, file_fanotify, net_diag); may be given again
 *   -p  print the daemon of every process and end
 * It ends when its standard input does.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/engine.h"
#include "agent/guard/identity.h"
#include "agent/guard/listeners.h"
#include "agent/guard/process.h"
#include "agent/guard/resource.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/fold.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SENSORS_MAX 4u

static const struct sensor *const known[] = { &sensor_exec_netlink, &sensor_exec_scan,
	&sensor_file_fanotify, &sensor_net_diag, NULL };
static const struct sensor *running[SENSORS_MAX];
static struct pollfd polled[SENSORS_MAX + 1];
static size_t running_len;

static void
put_string(struct ds_json *j, unsigned field, struct ds_str s)
{
	char text[160];

	ds_json_key(j, ds_field_table[field].symbol);
	if (ds_field_table[field].type == DS_TYPE_HASH ||
	    ds_field_table[field].type == DS_TYPE_ADDR) {
		size_t len = 0;

		for (uint32_t i = 0; i < s.len && len + 3 < sizeof(text); i++)
			len += (size_t)snprintf(
			    text + len, sizeof(text) - len, "%02x", (unsigned char)s.ptr[i]);
		ds_json_bytes(j, text, len);
	} else {
		ds_json_bytes(j, s.ptr, s.len);
	}
}

void
emit_event(const struct ds_event *ev)
{
	struct ds_buf out;
	struct ds_json j;

	ds_buf_init(&out, 1u << 20);
	ds_json_init(&j, &out);
	ds_json_object(&j);
	ds_json_put_string(&j, "kind", ds_kind_table[ev->kind].symbol);
	ds_json_put_bytes(&j, "daemon", ev->daemon.ptr, ev->daemon.len);
	ds_json_put_uint(&j, "flags", ev->flags);
	ds_json_put_uint(&j, "count", ev->count);
	for (unsigned i = 1; i < DS_NUM_MAX; i++)
		if (ev->num[i] != 0)
			ds_json_put_uint(&j, ds_field_table[i].symbol, ev->num[i]);
	for (unsigned i = DS_STR_FIRST; i < DS_STR_END; i++)
		if (DS_EVENT_STR(ev, i).len > 0)
			put_string(&j, i, DS_EVENT_STR(ev, i));
	ds_json_end(&j);
	if (ds_json_done(&j) == 0)
		printf("%.*s\n", (int)out.len, (const char *)out.data);
	ds_buf_done(&out);
	(void)fflush(stdout);
}

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	printf("{\"kind\":\"GAP\",\"SOURCE\":\"%s\",\"LOST\":%" PRIu64 ",\"DURATION_US\":%" PRIu64
	       ",\"MESSAGE\":\"%s\"}\n",
	    source, lost, duration_us, message);
	(void)fflush(stdout);
}

static int
print_process(pid_t pid, void *ctx)
{
	const struct daemon *d = daemon_of_process(pid);
	char exe[PROCESS_PATH_MAX];

	(void)ctx;
	if (d != NULL && process_exe(pid, exe, sizeof(exe), NULL) == 0)
		printf(
		    "{\"pid\":%d,\"daemon\":\"%s\",\"role\":\"%s\",\"exe\":\"%s\",\"watched\":%d}\n",
		    (int)pid, d->name, daemon_role_name(d->role), exe, d->watched);
	return 0;
}

static void
start_sensor(const char *name)
{
	for (size_t i = 0; known[i] != NULL; i++) {
		int fd;

		if (strcmp(known[i]->name, name) != 0 || running_len == SENSORS_MAX)
			continue;
		fd = known[i]->open();
		printf("{\"sensor\":\"%s\",\"open\":%d,\"blind\":\"%s\"}\n", name, fd,
		    known[i]->blind != NULL ? known[i]->blind : "");
		(void)fflush(stdout);
		if (fd < 0)
			continue;
		polled[running_len + 1] = (struct pollfd){ .fd = fd, .events = POLLIN };
		running[running_len++] = known[i];
	}
}

/* As the guard does, but that processes are looked at anew by a resource module that begins again.
 */
static void
ask_engines(uint64_t interval_ms)
{
	if (!identity_take_name())
		return;
	resource_done();
	resource_set_interval(interval_ms);
	if (resource_init() < 0)
		exit(1);
}

static void
run(uint64_t interval_ms)
{
	uint64_t next_second = 0, next_identity = 0;

	for (;;) {
		uint64_t now = ds_clock_monotonic_ms();
		uint64_t next = DS_MIN(next_second, next_identity);
		int timeout = next > now ? (int)(next - now) : 0;

		if (poll(polled, (nfds_t)running_len + 1, timeout) > 0 && polled[0].revents != 0)
			return;
		for (size_t i = 0; i < running_len; i++)
			if (polled[i + 1].revents != 0)
				(void)running[i]->drain();
		now = ds_clock_monotonic_ms();
		if (now >= next_identity)
			next_identity = now + identity_tick(now);
		if (now < next_second)
			continue;
		next_second = now + 1000;
		ask_engines(interval_ms);
		resource_tick(now);
		for (size_t i = 0; i < running_len; i++)
			if (running[i]->tick != NULL)
				running[i]->tick(now);
	}
}

int
main(int argc, char **argv)
{
	const char *wanted[SENSORS_MAX] = { 0 };
	struct ds_conf_list monitor = { 0 };
	char *items[64], *save = NULL;
	uint64_t interval_ms = 1000;
	size_t wanted_len = 0;
	bool print = false;
	int c;

	while ((c = getopt(argc, argv, "m:i:s:p")) != -1) {
		if (c == 'm')
			for (char *item = strtok_r(optarg, ",", &save);
			     item != NULL && monitor.len < 64; item = strtok_r(NULL, ",", &save))
				items[monitor.len++] = item;
		else if (c == 'i')
			interval_ms = strtoull(optarg, NULL, 10);
		else if (c == 's' && wanted_len < SENSORS_MAX)
			wanted[wanted_len++] = optarg;
		else if (c == 'p')
			print = true;
		else
			return 2;
	}
	monitor.items = items;
	if (daemon_init(monitor.len > 0 ? &monitor : NULL) < 0 || resource_init() < 0)
		return 1;
	(void)listeners_adopt();
	if (print)
		return process_each(print_process, NULL) == 0 ? 0 : 1;
	identity_init();
	fold_init(interval_ms);
	polled[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
	for (size_t i = 0; i < wanted_len; i++)
		start_sensor(wanted[i]);
	run(interval_ms);
	for (size_t i = 0; i < running_len; i++)
		running[i]->close();
	fold_done();
	engine_done();
	identity_done();
	resource_done();
	daemon_done();
	return 0;
}
