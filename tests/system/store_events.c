/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_events - fills a server's state directory with known events, for tests of the API.
 *
 *   store_events STATE_DIR SEGMENTS EVENTS [hostile]
 *
 * Hosts web1, web2 and db1; segment s is of host s % 3, an event a second, the newest segment now.
 * Event i of segment s is an exec, a connect or a file write (i % 3) of pid s * EVENTS + i. Besides
 * that: an exec of /opt/rare/needle in segment 7, a connect to 203.0.113.77 in segment 11 and a
 * path that is no UTF-8 in segment 13, each as the last event.  Three daemons and three alerts,
 * too, and backup, a program on web1 and a unit on web2.  "hostile": db1 is called what a browser
 * would run, and so are its daemon, its alert and the last event of every segment, whose command
 * line is as long as one can be and turns its direction.
 */
#include "lib/batch.h"
#include "lib/clock.h"
#include "server/store/segment.h"
#include "server/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "web1", "web2", "db1" };
static const struct store_backend *backend;
static struct store *store;
static struct host_row hosts[3];
static unsigned segments, events;
static bool hostile;

#define MARKUP "<img src=x onerror=document.title='owned'>"
#define TURNED "\xe2\x80\xae" /* RIGHT-TO-LEFT OVERRIDE */
static uint64_t now_us;

static void
check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "store_events: %s: %s\n", what, strerror(-r));
	exit(2);
}

static void
set(struct ds_event *ev, enum ds_str_field f, const char *s)
{
	ds_event_set_str(ev, f, s, strlen(s));
}

static struct ds_event
common_event(unsigned s, unsigned i, char path[64])
{
	static const uint8_t kinds[] = { DS_EVENT_EXEC, DS_EVENT_CONNECT, DS_EVENT_FILE_WRITE };
	static uint8_t address[4];
	struct ds_event ev = { .count = 1, .kind = kinds[i % 3] };

	ev.time_us = now_us - ((uint64_t)(segments - s) * events - i) * 1000000;
	ev.daemon = s % 3 == 2 ? (struct ds_str){ "postgresql@15-main.service", 26 }
			       : (struct ds_str){ "nginx.service", 13 };
	ev.num[DS_NUM_PID] = (uint64_t)s * events + i;
	set(&ev, DS_STR_EXE,
	    s % 3 == 2 ? "/usr/lib/postgresql/15/bin/postgres" : "/usr/sbin/nginx");
	if (i % 3 == 0) {
		ds_event_set_str(&ev, DS_STR_ARGS, "nginx\0-g\0daemon off;", 20);
	} else if (i % 3 == 1) {
		address[0] = 10;
		address[1] = (uint8_t)(s % 3);
		address[3] = (uint8_t)i;
		ev.num[DS_NUM_DPORT] = 5432;
		ev.num[DS_NUM_PROTO] = 6;
		ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
	} else {
		snprintf(path, 64, "/srv/%u/%u", s, i);
		set(&ev, DS_STR_PATH, path);
	}
	return ev;
}

/* What somebody may call a program to fool who looks. */
static void
make_hostile(struct ds_event *ev)
{
	static char args[DS_STRING_MAX];
	int used = snprintf(args, sizeof(args), "%s%c-c%c%sgpj.%s ", MARKUP, 0, 0, TURNED, MARKUP);

	for (size_t i = (size_t)used; i < sizeof(args); i++)
		args[i] = (char)('a' + i % 26);
	ev->kind = DS_EVENT_EXEC;
	ev->daemon = (struct ds_str){ MARKUP, sizeof(MARKUP) - 1 };
	set(ev, DS_STR_EXE, "/tmp/" TURNED MARKUP);
	ds_event_set_str(ev, DS_STR_ARGS, args, sizeof(args));
}

static void
add_rare(struct ds_batch_builder *b, unsigned s)
{
	char path[64];
	struct ds_event ev = common_event(s, events - 1, path);

	if (s == 7) {
		ev.kind = DS_EVENT_EXEC;
		ev.flags = DS_FLAG_FIRST;
		set(&ev, DS_STR_EXE, "/opt/rare/needle");
	} else if (s == 11) {
		ev.kind = DS_EVENT_CONNECT;
		ev.num[DS_NUM_DPORT] = 4444;
		ds_event_set_str(&ev, DS_STR_DADDR, "\xcb\x00\x71\x4d", 4);
	} else if (s == 13) {
		ev.kind = DS_EVENT_FILE_WRITE;
		set(&ev, DS_STR_PATH, "/tmp/\xff\xfe \"\n");
	}
	if (hostile)
		make_hostile(&ev);
	check(ds_batch_add(b, &ev), "add");
}

static void
put_segment(unsigned s)
{
	struct segment_row row = { .host = hosts[s % 3].number,
		.received_us = now_us,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = s + 1 };
	struct segment_maker m;
	char path[64];

	check(segment_maker_init(&m), "memory");
	for (unsigned i = 0; i + 1 < events; i++) {
		struct ds_event ev = common_event(s, i, path);

		check(ds_batch_add(m.builder, &ev), "add");
	}
	add_rare(m.builder, s);
	check(segment_make(&m, 6, &row), "make");
	check(backend->segment_put(store, &row), "segment");
	segment_maker_done(&m);
}

static void
put_hosts(void)
{
	for (unsigned i = 0; i < 3; i++) {
		hosts[i] = (struct host_row){ .name = hostile && i == 2 ? MARKUP : names[i],
			.os = "Debian GNU/Linux 12",
			.kernel = "6.1.0",
			.arch = "x86_64",
			.machine_id = "",
			.boot_id = "",
			.agent_version = "0.1.0",
			.sensors = "ebpf",
			.labels = i == 2 ? "" : "web,frankfurt",
			.status = i == 2 ? HOST_PENDING : HOST_APPROVED,
			.enrolled_us = now_us,
			.last_seen_us = now_us,
			.cert_serial = "01" };
		hosts[i].id[15] = (uint8_t)(i + 1);
		check(backend->host_put(store, &hosts[i]), "host");
	}
}

/* Upgraded once, with one more behaviour since. */
static void
put_versions(const struct daemon_row *of, const struct profile_row *parent)
{
	static const uint8_t key[] = "c/usr/sbin/helper";
	struct profile_version_row row = { .host = of->host,
		.daemon = of->name,
		.number = 1,
		.reason = "first",
		.exe = of->exe,
		.package = of->package,
		.package_version = "1.22",
		.image = "",
		.begun_us = now_us };
	struct profile_row profile = *parent;

	check(backend->versions->put(store, &row), "version");
	row.number = 2;
	row.parent = 1;
	row.reason = "package";
	row.package_version = "1.24";
	row.warm_until_us = now_us + 600 * 1000000ull;
	row.inherited = row.explained = 1;
	check(backend->versions->put(store, &row), "version");
	profile.key = key;
	profile.key_size = sizeof(key) - 1;
	profile.version = 2;
	check(backend->profile_put(store, &profile), "profile");
}

static void
put_daemons(void)
{
	static const uint8_t key[] = "c/usr/sbin/nginx";

	for (unsigned i = 0; i < 3; i++) {
		struct daemon_row row = { .host = hosts[i].number,
			.name = i == 2 ? "postgresql@15-main.service" : "nginx.service",
			.role = "service",
			.exe = i == 2 ? "/usr/lib/postgresql/15/bin/postgres" : "/usr/sbin/nginx",
			.package = i == 2 ? "postgresql-15" : "nginx",
			.first_seen_us = now_us,
			.last_seen_us = now_us,
			.events = 10,
			.state = i == 0 ? "ready" : "learning",
			.coverage = i == 0 ? 0.99 : 0.5,
			.blockers = i == 0 ? "[]" : "[\"a day of quiet is missing\"]" };
		struct profile_row profile = { .host = hosts[i].number,
			.daemon = row.name,
			.kind = DS_EVENT_EXEC,
			.key = key,
			.key_size = sizeof(key) - 1,
			.count = 3,
			.first_us = now_us,
			.last_us = now_us,
			.learnt = true };

		check(backend->daemon_put(store, &row), "daemon");
		check(backend->profile_put(store, &profile), "profile");
		put_versions(&row, &profile);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct daemon_row row = { .host = hosts[i == 1 ? 1 : 0].number,
			.name = i == 0 ? "backup" : i == 1 ? "backup.service" : "sshd/session",
			.role = i == 0 ? "process" : i == 1 ? "service" : "session",
			.first_seen_us = now_us,
			.last_seen_us = now_us,
			.state = i == 2 ? "learning" : "ready",
			.coverage = 1,
			.blockers = "[]" };

		check(backend->daemon_put(store, &row), "daemon");
	}
}

static void
put_alerts(void)
{
	static const char *const ids[] = { "alr_01", "alr_02", "alr_03" };

	for (unsigned i = 0; i < 3; i++) {
		struct alert_row row = { .id = ids[i],
			.key = ids[i],
			.host = hosts[i].number,
			.daemon = i == 2 ? "postgresql@15-main.service" : "nginx.service",
			.kind = i == 2 ? "agent_silent" : "new_child",
			.status = i == 0 ? "closed" : "open",
			.severity = i == 2 ? "medium" : "high",
			.title = i == 2 ? "db1 is silent" : "nginx started /bin/sh",
			.reason = "It never did before.",
			.score = 60 + (int)i,
			.created_us = now_us,
			.updated_us = now_us,
			.first_us = now_us,
			.last_us = now_us,
			.count = i + 1,
			.json =
			    i == 2
				? "{}"
				: "{\"explanation\":[{\"feature\":\"child\",\"baseline\":\"none\","
				  "\"observed\":\"/bin/sh\",\"weight\":0.8}],\"extra\":1}" };

		check(backend->alert_put(store, &row), "alert");
	}
}

static void
put_hostile_alert(void)
{
	struct daemon_row daemon = { .host = hosts[2].number,
		.name = MARKUP,
		.exe = "/tmp/" TURNED MARKUP,
		.last_seen_us = now_us,
		.state = "learning",
		.blockers = "[\"" MARKUP "\"]" };
	struct alert_row row = { .id = "alr_hostile",
		.key = "alr_hostile",
		.host = hosts[2].number,
		.daemon = MARKUP,
		.kind = "new_child",
		.status = "open",
		.severity = "critical",
		.title = MARKUP " started " TURNED "gpj.exe",
		.reason = MARKUP TURNED " never did.",
		.score = 99,
		.created_us = now_us,
		.updated_us = now_us,
		.first_us = now_us,
		.last_us = now_us,
		.count = 1,
		.json =
		    "{\"explanation\":[{\"feature\":\"" MARKUP "\",\"baseline\":\"" MARKUP
		    "\",\"observed\":\"" TURNED MARKUP "\",\"weight\":1}],\"process\":{\"pid\":7,"
		    "\"executable\":\"" MARKUP "\",\"command_line\":\"" MARKUP
		    "\",\"parents\":[\"" MARKUP "\"]},\"threat\":[{\"id\":\"javascript:alert(1)\","
		    "\"name\":\"" MARKUP "\"}]}" };

	check(backend->identity->mark_copy(store, hosts[2].id, hosts[0].number, 1), "copy");
	check(backend->daemon_put(store, &daemon), "daemon");
	check(backend->alert_put(store, &row), "alert");
}

int
main(int argc, char **argv)
{
	struct store_config cfg = { .retention_us = UINT64_C(30) * 86400 * 1000000,
		.max_bytes = UINT64_C(1) << 40 };
	char why[256];

	hostile = argc == 5 && strcmp(argv[4], "hostile") == 0;
	if (argc != 4 && !hostile)
		return 2;
	cfg.dir = argv[1];
	segments = (unsigned)strtoul(argv[2], NULL, 10);
	events = (unsigned)strtoul(argv[3], NULL, 10);
	now_us = ds_clock_wall_us();
	backend = store_lookup("sqlite");
	check(backend->open(&cfg, &store, why, sizeof(why)), "open");
	for (unsigned s = 0; s < segments; s++) {
		if (s % 1000 == 0) {
			check(s ? backend->commit(store) : 0, "commit");
			check(backend->begin(store), "begin");
		}
		if (s == 0) {
			put_hosts();
			put_daemons();
			put_alerts();
		}
		put_segment(s);
	}
	if (hostile)
		put_hostile_alert();
	check(backend->commit(store), "commit");
	backend->close(store);
	return 0;
}
