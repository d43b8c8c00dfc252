/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet_store - fills a server's state directory as a large fleet would, through the store's own
 * functions, for bench_api.py.
 *
 *   fleet_store STATE_DIR HOSTS EVENTS ALERTS
 *   fleet_store STATE_DIR HOSTS 0 0 ROWS         only what comes after alerts
 *
 * Four daemons a host; segments of SEGMENT_EVENTS events, in turns over the hosts, over the last
 * SPAN_US; alerts of the documents that a detector writes, one in ten closed; as many reactions,
 * messages and rows of the audit log.
 */
#include "lib/batch.h"
#include "lib/clock.h"
#include "server/store/audit.h"
#include "server/store/messages.h"
#include "server/store/reactions.h"
#include "server/store/segment.h"
#include "server/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_EVENTS 2000u
#define SPAN_US        (UINT64_C(24) * 3600 * 1000000)
#define DAEMONS        4u

static const char *const daemons[DAEMONS] = { "nginx.service", "postgresql@15-main.service",
	"ssh.service", "cron.service" };
static const struct store_backend *backend;
static struct store *store;
static uint64_t now_us;

static void
check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "fleet_store: %s: %s\n", what, strerror(-r));
	exit(2);
}

static void
step(unsigned n)
{
	if (n % 1000 != 0)
		return;
	check(n ? backend->commit(store) : 0, "commit");
	check(backend->begin(store), "begin");
}

static uint32_t
put_host(unsigned n)
{
	char name[32], machine[33];
	struct host_row row = { .name = name,
		.os = "Debian GNU/Linux 12 (bookworm)",
		.kernel = "6.1.0-18-amd64",
		.arch = "x86_64",
		.machine_id = machine,
		.boot_id = "",
		.agent_version = "0.1.0",
		.sensors = "ebpf: exec file net cred module",
		.labels = n % 3 ? "web,frankfurt" : "db,dublin",
		.status = HOST_APPROVED,
		.enrolled_us = now_us - SPAN_US,
		.last_seen_us = now_us,
		.cert_serial = "01" };

	snprintf(name, sizeof(name), "host-%05u", n);
	snprintf(machine, sizeof(machine), "%032x", n + 1);
	for (size_t i = 0; i < 4; i++)
		row.id[15 - i] = (uint8_t)((n + 1) >> (8 * i));
	check(backend->host_put(store, &row), "host");
	for (unsigned d = 0; d < DAEMONS; d++) {
		struct daemon_row daemon = { .host = row.number,
			.name = daemons[d],
			.role = "service",
			.exe = "/usr/sbin/program",
			.package = "package",
			.package_version = "1.22.1-9",
			.first_seen_us = now_us - SPAN_US,
			.last_seen_us = now_us,
			.events = 1000,
			.state = n % 4 ? "ready" : "learning",
			.coverage = 0.99,
			.blockers = n % 4 ? "[]" : "[\"a day of quiet is missing\"]" };

		check(backend->daemon_put(store, &daemon), "daemon");
	}
	return row.number;
}

static void
add_event(struct ds_batch_builder *b, uint64_t time_us, unsigned n)
{
	static const uint8_t kinds[] = { DS_EVENT_CONNECT, DS_EVENT_FILE_WRITE, DS_EVENT_EXEC,
		DS_EVENT_CONNECT };
	const char *daemon = daemons[n % DAEMONS];
	uint8_t address[4] = { 10, (uint8_t)(n >> 4), (uint8_t)(n >> 2), (uint8_t)n };
	char path[48];
	struct ds_event ev = { .count = 1, .kind = kinds[(n / 7) % 4], .time_us = time_us };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	ev.num[DS_NUM_PID] = 100 + n % 400;
	ds_event_set_str(&ev, DS_STR_EXE, "/usr/sbin/program", 17);
	if (ev.kind == DS_EVENT_CONNECT) {
		ev.num[DS_NUM_DPORT] = 5432;
		ev.num[DS_NUM_PROTO] = 6;
		ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
	} else if (ev.kind == DS_EVENT_FILE_WRITE) {
		snprintf(path, sizeof(path), "/var/lib/program/%u", n % 997);
		ds_event_set_str(&ev, DS_STR_PATH, path, strlen(path));
	}
	check(ds_batch_add(b, &ev), "add");
}

static void
put_segment(struct segment_maker *m, uint32_t host, uint64_t begin_us, uint64_t span_us, unsigned n)
{
	struct segment_row row = { .host = host,
		.received_us = begin_us + span_us,
		.lane = DS_LANE_BULK,
		.epoch = 1,
		.seq = n + 1 };

	for (unsigned i = 0; i < SEGMENT_EVENTS; i++)
		add_event(m->builder, begin_us + span_us / SEGMENT_EVENTS * i, n * 31 + i);
	check(segment_make(m, 1, &row), "make");
	check(backend->segment_put(store, &row), "segment");
}

static void
put_alert(unsigned n, unsigned hosts)
{
	static const char *const kinds[] = { "new_child", "new_file", "new_destination", "login" };
	static const char *const severities[] = { "low", "medium", "high", "critical" };
	char id[40], key[48];
	uint64_t at = now_us - SPAN_US / 50000 * (n % 50000);
	struct alert_row row = { .id = id,
		.key = key,
		.host = 1 + n % hosts,
		.daemon = daemons[n % DAEMONS],
		.kind = kinds[n % 4],
		.status = n % 10 == 0 ? "closed" : "open",
		.severity = severities[n % 4],
		.title = "nginx started /bin/sh",
		.reason =
		    "nginx has never started /bin/sh in 7 days on this host; at 12:00:00 UTC process "
		    "4711 (www-data) ran sh -c id",
		.score = (int)(50 + n % 50),
		.created_us = at,
		.updated_us = at,
		.first_us = at,
		.last_us = at,
		.count = 1 + n % 9,
		.json =
		    "{\"explanation\":[{\"feature\":\"child executable\",\"baseline\":\"2 known: "
		    "/usr/bin/logger\",\"observed\":\"/bin/sh\",\"weight\":0.81}],\"peers\":{"
		    "\"seen\":0,\"of\":312},\"process\":{\"pid\":4711,\"executable\":\"/bin/sh\","
		    "\"command_line\":\"sh -c id\",\"user\":\"www-data\",\"parents\":[\"nginx\","
		    "\"systemd\"]},\"threat\":[{\"id\":\"T1059.004\",\"name\":\"Unix Shell\"}],"
		    "\"events\":[{\"action\":\"exec\",\"time\":\"2026-01-01T00:00:00Z\"}]}" };

	snprintf(id, sizeof(id), "alr_%026u", n);
	snprintf(key, sizeof(key), "key %u", n);
	check(backend->alert_put(store, &row), "alert");
}

static void
put_reaction(unsigned n, unsigned hosts)
{
	static const char *const kinds[] = { "block_ip", "kill", "freeze", "restore_file" };
	static const char *const states[] = { "dry_run", "verified", "expired", "undone" };
	char id[40], alert[40], target[40];
	uint64_t at = now_us - SPAN_US / 50000 * (n % 50000);
	struct reaction_row row = { .id = id,
		.kind = n % 10000 == 7 ? "isolate" : kinds[n % 4],
		.host = 1 + n % hosts,
		.daemon = daemons[n % DAEMONS],
		.alert_id = alert,
		.target = target,
		.args = "{\"address\":\"203.0.113.9\",\"port\":22,\"protocol\":\"tcp\"}",
		.mode = n % 4 ? "applied" : "dry_run",
		.status = n % 5000 == 3 ? "failed" : states[n % 4],
		.rule = "guessing",
		.reason =
		    "sshd had 12 wrong passwords of 203.0.113.9 in a minute; the usual is none",
		.by = "policy",
		.approved_by = "",
		.principal = "",
		.created_us = at,
		.updated_us = at,
		.sent_us = at,
		.applied_us = at,
		.expires_us = n % 2 ? at + 600000000 : 0,
		.result =
		    "{\"readback\":\"element is in the set\",\"evidence\":{\"packets\":12}}" };

	snprintf(id, sizeof(id), "rct_%026u", n);
	snprintf(alert, sizeof(alert), "alr_%026u", n);
	snprintf(target, sizeof(target), "ip:203.%u.%u.%u", n >> 16, n >> 8 & 255, n & 255);
	check(backend->reactions->put(store, &row), "reaction");
}

static void
put_message(unsigned n)
{
	static const char *const channels[] = { "mail", "chat", "siem" };
	char alert[40];
	uint64_t at = now_us - SPAN_US / 50000 * (n % 50000);
	struct message_row row = { .channel = channels[n % 3],
		.event = "new",
		.alert_id = alert,
		.status = n % 5000 == 3 ? "dead" : "sent",
		.severity = "high",
		.count = 1,
		.body = "{\"title\":\"nginx started /bin/sh\",\"host\":\"host-00001\",\"reason\":"
			"\"nginx has never started /bin/sh in 7 days on this host\"}",
		.created_us = at,
		.due_us = at,
		.sent_us = at,
		.tries = 1,
		.error = "" };

	snprintf(alert, sizeof(alert), "alr_%026u", n);
	check(backend->messages->put(store, &row), "message");
}

static void
put_audit(unsigned n)
{
	char subject[40];
	struct audit_row row = { .time_us = now_us - SPAN_US / 50000 * (50000 - n % 50000),
		.actor = n % 3 ? "ada" : "token:apt_0123456789abcdef",
		.action = "POST alerts/{id}/ack",
		.subject = subject,
		.detail = "{\"note\":\"seen, the backup does this on Sundays\"}" };

	snprintf(subject, sizeof(subject), "alr_%026u", n);
	check(audit_append(backend, store, &row), "audit");
}

static void
put_rest(unsigned rows, unsigned hosts)
{
	for (unsigned n = 0; n < rows; n++) {
		step(n);
		put_reaction(n, hosts);
		put_message(n);
		put_audit(n);
	}
	if (rows > 0)
		check(backend->commit(store), "commit");
}

static void
put_events(unsigned hosts, uint64_t events)
{
	struct segment_maker m;
	unsigned len = (unsigned)(events / SEGMENT_EVENTS);
	unsigned rounds = (len + hosts - 1) / hosts;

	check(segment_maker_init(&m), "memory");
	for (unsigned n = 0; n < len; n++) {
		uint64_t span = SPAN_US / rounds;

		step(n);
		put_segment(&m, 1 + n % hosts, now_us - SPAN_US + n / hosts * span, span, n);
	}
	if (len > 0)
		check(backend->commit(store), "commit");
	segment_maker_done(&m);
}

int
main(int argc, char **argv)
{
	struct store_config cfg = { .retention_us = 30 * SPAN_US, .max_bytes = UINT64_C(1) << 40 };
	unsigned hosts, alerts;
	char why[256];

	if (argc != 5 && argc != 6)
		return 2;
	cfg.dir = argv[1];
	hosts = (unsigned)strtoul(argv[2], NULL, 10);
	alerts = (unsigned)strtoul(argv[4], NULL, 10);
	now_us = ds_clock_wall_us();
	backend = store_lookup("sqlite");
	check(backend->open(&cfg, &store, why, sizeof(why)), "open");
	if (argc == 6) {
		put_rest((unsigned)strtoul(argv[5], NULL, 10), hosts);
		backend->close(store);
		return 0;
	}
	for (unsigned n = 0; n < hosts; n++) {
		step(n);
		(void)put_host(n);
	}
	check(backend->commit(store), "commit");
	for (unsigned n = 0; n < alerts; n++) {
		step(n);
		put_alert(n, hosts);
	}
	check(backend->commit(store), "commit");
	put_rest(alerts, hosts);
	put_events(hosts, strtoull(argv[3], NULL, 10));
	backend->close(store);
	return 0;
}
