/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_control - statements of the control plane; reading a large fleet: rows of struct
 * store_backend, as its members say. */
#ifndef SERVER_STORE_SQLITE_CONTROL_H
#define SERVER_STORE_SQLITE_CONTROL_H

#include "server/store/rows.h"

struct reader;
struct sqlite3_stmt;

/* As read by control_give_*(). */
#define HOST_COLUMNS                                                                                        \
	"number, id, name, os, kernel, arch, machine_id, boot_id, agent_version, sensors, labels,"          \
	" status, enrolled_us, last_seen_us, cert_serial, cert_not_after_us, pin, generation, copy_of,"     \
	" trusts, issuer, CASE alert_email WHEN '' THEN agent_email WHEN '-' THEN '' ELSE alert_email END," \
	" ephemeral"
#define DAEMON_COLUMNS                                                                              \
	"number, host, name, role, unit, instance, exe, package, package_version, container,"       \
	" container_name, image, sha256, inode, device, first_seen_us, last_seen_us, events, gone," \
	" pid, state, coverage, blockers, starter, starter_confidence"
#define ALERT_COLUMNS                                                                      \
	"id, key, host, daemon, kind, status, severity, title, reason, score, created_us," \
	" updated_us, first_us, last_us, count, json, verdict, assignee"

/* Rows of control_sql. */
enum control_statement {
	CONTROL_HOST_PUT,
	CONTROL_HOST_NUMBER,
	CONTROL_HOST_GET,
	CONTROL_HOSTS,
	CONTROL_HOSTS_LIKE,
	CONTROL_HOST_UPDATE,
	CONTROL_HOST_DECIDE,
	CONTROL_TOKEN_PUT,
	CONTROL_TOKEN_GET,
	CONTROL_TOKEN_COUNT,
	CONTROL_TOKENS,
	CONTROL_DAEMON_PUT,
	CONTROL_DAEMONS,
	CONTROL_DAEMONS_OF_HOST,
	CONTROL_PROFILE_PUT,
	CONTROL_PROFILE_DELETE,
	CONTROL_PROFILE_DELETE_HOST,
	CONTROL_PROFILES,
	CONTROL_PROFILES_OF_HOST,
	CONTROL_PROFILES_OF_DAEMON,
	CONTROL_FINDING_PUT,
	CONTROL_FINDINGS,
	CONTROL_ALERT_PUT,
	CONTROL_ALERT_GET,
	CONTROL_ALERT_BY_KEY,
	CONTROL_ALERTS,
	CONTROL_ALERTS_BEFORE,
	CONTROL_ALERTS_STATUS,
	CONTROL_ALERTS_STATUS_BEFORE,
	CONTROL_SETTING_PUT,
	CONTROL_SETTING_GET,
	CONTROL_STATEMENTS
};

int control_each_host_after(struct reader *r, uint32_t after,
    int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_each_daemon_after(struct reader *r, uint64_t after,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
int control_fleet_counts(struct reader *r, struct fleet_counts *ret);
/* Steps a statement and calls for each row until that returns other than 0; it may be NULL. */
int control_give_hosts(struct reader *r, struct sqlite3_stmt *st,
    int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_give_daemons(struct reader *r, struct sqlite3_stmt *st,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
int control_give_alerts(struct reader *r, struct sqlite3_stmt *st,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
int control_has_change(struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest);

#endif
