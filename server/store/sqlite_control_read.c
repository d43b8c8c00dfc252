/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_control_read - reading the control plane: on any thread, with a reader of its own. */
#include "server/store/sqlite.h"
#include "server/store/sqlite_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
read_host(sqlite3_stmt *st, struct host_row *ret)
{
	*ret = (struct host_row){
		.number = (uint32_t)db_u64(st, 0),
		.name = db_text(st, 2),
		.os = db_text(st, 3),
		.kernel = db_text(st, 4),
		.arch = db_text(st, 5),
		.machine_id = db_text(st, 6),
		.boot_id = db_text(st, 7),
		.agent_version = db_text(st, 8),
		.sensors = db_text(st, 9),
		.labels = db_text(st, 10),
		.status = sqlite3_column_int(st, 11),
		.enrolled_us = db_u64(st, 12),
		.last_seen_us = db_u64(st, 13),
		.cert_serial = db_text(st, 14),
		.cert_not_after_us = db_u64(st, 15),
		.generation = db_u64(st, 17),
		.copy_of = (uint32_t)db_u64(st, 18),
		.trusts = sqlite3_column_blob(st, 19),
		.trusts_size = (size_t)sqlite3_column_bytes(st, 19),
		.alert_email = db_text(st, 21),
		.is_ephemeral = sqlite3_column_int(st, 22) != 0,
	};
	db_bytes(st, 1, ret->id, sizeof(ret->id));
	db_bytes(st, 16, ret->pin, sizeof(ret->pin));
	db_bytes(st, 20, ret->issuer, sizeof(ret->issuer));
}

void
control_read_token(sqlite3_stmt *st, struct token_row *ret)
{
	*ret = (struct token_row){
		.id = db_text(st, 0),
		.label = db_text(st, 1),
		.created_us = db_u64(st, 3),
		.expires_us = db_u64(st, 4),
		.uses_max = (uint32_t)db_u64(st, 5),
		.uses = (uint32_t)db_u64(st, 6),
		.require_approval = sqlite3_column_int(st, 7) != 0,
		.revoked = sqlite3_column_int(st, 8) != 0,
		.cidr = db_text(st, 9),
		.is_ephemeral = sqlite3_column_int(st, 10) != 0,
	};
	db_bytes(st, 2, ret->secret_hash, sizeof(ret->secret_hash));
}

static void
read_daemon(sqlite3_stmt *st, struct daemon_row *ret)
{
	*ret = (struct daemon_row){
		.number = db_u64(st, 0),
		.host = (uint32_t)db_u64(st, 1),
		.name = db_text(st, 2),
		.role = db_text(st, 3),
		.unit = db_text(st, 4),
		.instance = db_text(st, 5),
		.exe = db_text(st, 6),
		.package = db_text(st, 7),
		.package_version = db_text(st, 8),
		.container = db_text(st, 9),
		.container_name = db_text(st, 10),
		.image = db_text(st, 11),
		.inode = db_u64(st, 13),
		.device = db_u64(st, 14),
		.first_seen_us = db_u64(st, 15),
		.last_seen_us = db_u64(st, 16),
		.events = db_u64(st, 17),
		.gone = sqlite3_column_int(st, 18) != 0,
		.pid = (uint32_t)db_u64(st, 19),
		.state = db_text(st, 20),
		.coverage = sqlite3_column_double(st, 21),
		.blockers = db_text(st, 22),
		.starter = db_text(st, 23),
		.starter_confidence = sqlite3_column_double(st, 24),
	};
	db_bytes(st, 12, ret->sha256, sizeof(ret->sha256));
}

static void
read_profile(sqlite3_stmt *st, struct profile_row *ret)
{
	*ret = (struct profile_row){
		.host = (uint32_t)db_u64(st, 0),
		.daemon = db_text(st, 1),
		.kind = (uint8_t)db_u64(st, 2),
		.key = sqlite3_column_blob(st, 3),
		.key_size = (size_t)sqlite3_column_bytes(st, 3),
		.count = db_u64(st, 4),
		.first_us = db_u64(st, 5),
		.last_us = db_u64(st, 6),
		.learnt = sqlite3_column_int(st, 7) == 1,
		.waits = sqlite3_column_int(st, 7) == 2,
		.days = (unsigned)sqlite3_column_int(st, 8),
		.version = (uint32_t)db_u64(st, 9),
	};
}

static void
read_finding(sqlite3_stmt *st, struct finding_row *ret)
{
	*ret = (struct finding_row){
		.id = db_text(st, 0),
		.alert_id = db_text(st, 1),
		.host = (uint32_t)db_u64(st, 2),
		.daemon = db_text(st, 3),
		.kind = db_text(st, 4),
		.json = db_text(st, 5),
		.time_us = db_u64(st, 6),
		.score = sqlite3_column_double(st, 7),
	};
}

void
control_read_alert(sqlite3_stmt *st, struct alert_row *ret)
{
	*ret = (struct alert_row){
		.id = db_text(st, 0),
		.key = db_text(st, 1),
		.host = (uint32_t)db_u64(st, 2),
		.daemon = db_text(st, 3),
		.kind = db_text(st, 4),
		.status = db_text(st, 5),
		.severity = db_text(st, 6),
		.title = db_text(st, 7),
		.reason = db_text(st, 8),
		.score = sqlite3_column_int(st, 9),
		.created_us = db_u64(st, 10),
		.updated_us = db_u64(st, 11),
		.first_us = db_u64(st, 12),
		.last_us = db_u64(st, 13),
		.count = db_u64(st, 14),
		.json = db_text(st, 15),
		.verdict = sqlite3_column_type(st, 16) == SQLITE_NULL ? NULL : db_text(st, 16),
		.assignee = db_text(st, 17),
	};
}

/* A function that steps a statement and calls for each row until it returns other than 0. */
#define DEFINE_EACH(what)                                                    \
	static int each_##what(struct reader *r, sqlite3_stmt *st,           \
	    int (*call)(const struct what##_row *row, void *ctx), void *ctx) \
	{                                                                    \
		struct what##_row row;                                       \
		int result = 0;                                              \
                                                                             \
		while (db_next(&r->control, st, &result)) {                  \
			(what##_reader)(st, &row);                           \
			result = call(&row, ctx);                            \
		}                                                            \
		return result;                                               \
	}

#define host_reader    read_host
#define token_reader   control_read_token
#define daemon_reader  read_daemon
#define profile_reader read_profile
#define finding_reader read_finding
#define alert_reader   control_read_alert

DEFINE_EACH(host)
DEFINE_EACH(token)
DEFINE_EACH(daemon)
DEFINE_EACH(profile)
DEFINE_EACH(finding)
DEFINE_EACH(alert)

int
control_give_hosts(struct reader *r, sqlite3_stmt *st,
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	return each_host(r, st, call, ctx);
}

int
control_give_daemons(struct reader *r, sqlite3_stmt *st,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	return each_daemon(r, st, call, ctx);
}

int
control_give_alerts(struct reader *r, sqlite3_stmt *st,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	return each_alert(r, st, call, ctx);
}

int
control_host_get(struct reader *r, const uint8_t id[DS_HOST_ID_SIZE],
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st =
	    db_prepare(&r->control, CONTROL_HOST_GET, "b", id, (size_t)DS_HOST_ID_SIZE);
	struct host_row row;
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result;
	read_host(st, &row);
	result = call(&row, ctx);
	sqlite3_reset(st);
	return result < 0 ? result : 1;
}

int
control_each_host_after(
    struct reader *r, uint32_t after, int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	return each_host(
	    r, db_prepare(&r->control, CONTROL_HOSTS, "u", (uint64_t)after), call, ctx);
}

int
control_each_daemon_after(struct reader *r, uint64_t after,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	return each_daemon(r, db_prepare(&r->control, CONTROL_DAEMONS, "u", after), call, ctx);
}

int
control_fleet_counts(struct reader *r, struct fleet_counts *ret)
{
	const struct {
		const char *what, *state;
		uint64_t *to, *also;
	} places[] = {
		{ "host", "0", &ret->hosts, &ret->hosts_pending },
		{ "host", "1", &ret->hosts, NULL },
		{ "host", "2", &ret->hosts, &ret->hosts_revoked },
		{ "daemon", "gone", &ret->daemons, &ret->daemons_gone },
		{ "daemon", "ready", &ret->daemons, &ret->daemons_ready },
		{ "daemon", "learning", &ret->daemons, NULL },
		{ "alert", "open", &ret->alerts_open, NULL },
		{ "alert", "acknowledged", &ret->alerts_acknowledged, NULL },
		{ "alert", "closed", &ret->alerts_closed, NULL },
	};
	sqlite3_stmt *st = db_query(&r->control, "SELECT what, state, n FROM tally", "");
	int result = 0;

	*ret = (struct fleet_counts){ 0 };
	while (db_next(&r->control, st, &result)) {
		for (size_t i = 0; i < DS_LEN(places); i++) {
			if (strcmp(places[i].what, db_text(st, 0)) != 0 ||
			    strcmp(places[i].state, db_text(st, 1)) != 0)
				continue;
			*places[i].to += db_u64(st, 2);
			if (places[i].also != NULL)
				*places[i].also += db_u64(st, 2);
		}
	}
	return result;
}

int
control_each_host(struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	return control_each_host_after(r, 0, call, ctx);
}

int
control_each_host_like(struct reader *r, const uint8_t pin[32], const char *machine_id,
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st =
	    db_prepare(&r->control, CONTROL_HOSTS_LIKE, "bt", pin, (size_t)32, machine_id);

	return each_host(r, st, call, ctx);
}

int
control_each_token(struct reader *r, int (*call)(const struct token_row *row, void *ctx), void *ctx)
{
	return each_token(r, db_prepare(&r->control, CONTROL_TOKENS, ""), call, ctx);
}

int
control_each_daemon(struct reader *r, uint32_t host,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st =
	    host ? db_prepare(&r->control, CONTROL_DAEMONS_OF_HOST, "u", (uint64_t)host)
		 : db_prepare(&r->control, CONTROL_DAEMONS, "u", (uint64_t)0);

	return each_daemon(r, st, call, ctx);
}

int
control_each_profile(struct reader *r, uint32_t host, const char *daemon,
    int (*call)(const struct profile_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st;

	if (host == 0)
		st = db_prepare(&r->control, CONTROL_PROFILES, "");
	else if (!daemon)
		st = db_prepare(&r->control, CONTROL_PROFILES_OF_HOST, "u", (uint64_t)host);
	else
		st = db_prepare(
		    &r->control, CONTROL_PROFILES_OF_DAEMON, "ut", (uint64_t)host, daemon);
	return each_profile(r, st, call, ctx);
}

int
control_each_alert(struct reader *r, const char *status, const char *before_id, unsigned limit,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	uint64_t max = limit ? limit : INT64_MAX;
	struct db *db = &r->control;
	sqlite3_stmt *st;

	if (status && before_id)
		st = db_prepare(db, CONTROL_ALERTS_STATUS_BEFORE, "ttu", status, before_id, max);
	else if (status)
		st = db_prepare(db, CONTROL_ALERTS_STATUS, "tu", status, max);
	else if (before_id)
		st = db_prepare(db, CONTROL_ALERTS_BEFORE, "tu", before_id, max);
	else
		st = db_prepare(db, CONTROL_ALERTS, "u", max);
	return each_alert(r, st, call, ctx);
}

/* Only columns before the long ones are read: what is in a row's overflow pages stays there. */
int
control_each_alert_brief(struct reader *r, uint64_t since_us,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	struct db *db = &r->control;
	sqlite3_stmt *st = db_query(db,
	    "SELECT id, host, daemon, kind, status, severity, title, score, first_us, last_us"
	    " FROM alert WHERE status = 'open' OR first_us >= ?",
	    "u", since_us);
	int result = 0;

	while (db_next(db, st, &result)) {
		const struct alert_row row = {
			.id = db_text(st, 0),
			.host = (uint32_t)db_u64(st, 1),
			.daemon = db_text(st, 2),
			.kind = db_text(st, 3),
			.status = db_text(st, 4),
			.severity = db_text(st, 5),
			.title = db_text(st, 6),
			.score = sqlite3_column_int(st, 7),
			.first_us = db_u64(st, 8),
			.last_us = db_u64(st, 9),
		};

		result = call(&row, ctx);
	}
	return result;
}

int
control_alert_get(struct reader *r, const char *id,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st = db_prepare(&r->control, CONTROL_ALERT_GET, "t", id);
	struct alert_row row;
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result;
	control_read_alert(st, &row);
	result = call(&row, ctx);
	sqlite3_reset(st);
	return result < 0 ? result : 1;
}

int
control_each_finding(struct reader *r, const char *alert_id,
    int (*call)(const struct finding_row *row, void *ctx), void *ctx)
{
	return each_finding(r, db_prepare(&r->control, CONTROL_FINDINGS, "t", alert_id), call, ctx);
}

int
control_setting_get(struct reader *r, const char *key, char *ret, size_t size)
{
	sqlite3_stmt *st = db_prepare(&r->control, CONTROL_SETTING_GET, "t", key);
	int result = db_step(&r->control, st), n;

	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	n = snprintf(ret, size, "%s", db_text(st, 0));
	sqlite3_reset(st);
	return n < 0 || (size_t)n >= size ? -ENOBUFS : 0;
}

int
control_has_change(struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest)
{
	static const char sql[] = "SELECT ifnull((SELECT seq FROM change ORDER BY seq LIMIT 1), 0),"
				  " ifnull((SELECT seq FROM change ORDER BY seq DESC LIMIT 1), 0),"
				  " EXISTS (SELECT 1 FROM change WHERE seq > ? AND topic = ?)";
	sqlite3_stmt *st = db_query(&r->control, sql, "ut", after, topic);
	int result = db_step(&r->control, st);
	bool has;

	if (result <= 0)
		return result < 0 ? result : -EBADMSG;
	*ret_newest = db_u64(st, 1);
	has = db_u64(st, 0) > after + 1 || *ret_newest < after || sqlite3_column_int(st, 2) != 0;
	sqlite3_reset(st);
	return has;
}

int
control_each_change(struct reader *r, uint64_t after, unsigned limit,
    int (*call)(const struct change_row *row, void *ctx), void *ctx)
{
	static const char sql[] =
	    "SELECT seq, topic, id FROM change WHERE seq > ? ORDER BY seq LIMIT ?";
	sqlite3_stmt *st = db_query(&r->control, sql, "uu", after, (uint64_t)limit);
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		struct change_row row = { db_u64(st, 0), db_text(st, 1), db_text(st, 2) };

		result = call(&row, ctx);
	}
	return result;
}

int
control_change_span(struct reader *r, uint64_t *ret_oldest, uint64_t *ret_newest)
{
	static const char sql[] = "SELECT ifnull((SELECT seq FROM change ORDER BY seq LIMIT 1), 0),"
				  " ifnull((SELECT seq FROM change ORDER BY seq DESC LIMIT 1), 0)";
	sqlite3_stmt *st = db_query(&r->control, sql, "");
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result < 0 ? result : -EIO;
	*ret_oldest = db_u64(st, 0);
	*ret_newest = db_u64(st, 1);
	sqlite3_reset(st);
	return 0;
}
