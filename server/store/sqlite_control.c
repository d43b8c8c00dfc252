/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_control - the control plane's statements, and writing: on the writer's thread. */
#include "server/store/sqlite_control.h"
#include "lib/cidr.h"
#include "server/store/sqlite.h"

#include <errno.h>

#define TOKEN_COLUMNS                                                                                      \
	"id, label, secret_hash, created_us, expires_us, uses_max, uses, require_approval, revoked, cidr," \
	" ephemeral"
#define PROFILE_COLUMNS "host, daemon, kind, key, count, first_us, last_us, learnt, days, version"
#define FINDING_COLUMNS "id, alert_id, host, daemon, kind, json, time_us, score"
#define SAME(column)    #column " = excluded." #column

#define GIVEN(column, n) #column " = CASE ?" #n " WHEN '' THEN " #column " ELSE ?" #n " END"

_Static_assert((int)CONTROL_STATEMENTS <= DB_STATEMENTS_MAX, "too many statements");

const char *const control_sql[] = {
	[CONTROL_HOST_PUT] =
	    "INSERT INTO host(id, name, os, kernel, arch, machine_id, boot_id, agent_version,"
	    " sensors, labels, status, enrolled_us, last_seen_us, cert_serial, cert_not_after_us, pin)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET " SAME(name) ", " SAME(os) ", " SAME(kernel) ", " SAME(arch) ", " SAME(machine_id) ", " SAME(
		boot_id) ", " SAME(agent_version) ", " SAME(sensors) ", " SAME(labels) ", " SAME(status) ", " SAME(enrolled_us) ", " SAME(last_seen_us) ", " SAME(cert_serial) ", " SAME(cert_not_after_us) ", " SAME(pin),
	[CONTROL_HOST_NUMBER] = "SELECT number FROM host WHERE id = ?",
	[CONTROL_HOST_GET] = "SELECT " HOST_COLUMNS " FROM host WHERE id = ?",
	[CONTROL_HOSTS] = "SELECT " HOST_COLUMNS " FROM host WHERE number > ? ORDER BY number",
	[CONTROL_HOSTS_LIKE] =
	    "SELECT " HOST_COLUMNS " FROM host WHERE pin = ?1"
	    " UNION SELECT " HOST_COLUMNS " FROM host WHERE machine_id = ?2 AND machine_id <> ''",
	[CONTROL_HOST_UPDATE] = "UPDATE host SET " GIVEN(name, 2) ", " GIVEN(os, 3) ", " GIVEN(
	    kernel, 4) ", " GIVEN(arch, 5) ", " GIVEN(machine_id, 6) ", " GIVEN(boot_id,
	    7) ", " GIVEN(agent_version, 8) ", " GIVEN(sensors,
	    9) ","
	       " labels = CASE labels WHEN '' THEN ?10 ELSE labels END,"
	       " last_seen_us = max(last_seen_us, ?11),"
	       " cert_serial = CASE ?12 WHEN '' THEN cert_serial ELSE ?12 END,"
	       " cert_not_after_us = CASE ?12 WHEN '' THEN cert_not_after_us ELSE ?13 END,"
	       " pin = CASE ?12 WHEN '' THEN pin ELSE ?14 END,"
	       " agent_email = ifnull(?15, agent_email) WHERE id = ?1",
	[CONTROL_HOST_DECIDE] = "UPDATE host SET status = CASE WHEN ?2 < 0 THEN status ELSE ?2 END,"
				" labels = CASE WHEN ?3 THEN ?4 ELSE labels END WHERE id = ?1",
	[CONTROL_TOKEN_PUT] = "INSERT OR REPLACE INTO token(" TOKEN_COLUMNS
			      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[CONTROL_TOKEN_GET] = "SELECT " TOKEN_COLUMNS " FROM token WHERE id = ?",
	[CONTROL_TOKEN_COUNT] = "UPDATE token SET uses = uses + 1 WHERE id = ?",
	[CONTROL_TOKENS] = "SELECT " TOKEN_COLUMNS " FROM token ORDER BY created_us, id",
	[CONTROL_DAEMON_PUT] =
	    "INSERT INTO daemon(host, name, role, unit, instance, exe, package, package_version,"
	    " container, container_name, image, sha256, inode, device, first_seen_us, last_seen_us,"
	    " events, gone, pid, state, coverage, blockers, starter, starter_confidence)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT(host, name) DO UPDATE SET " SAME(role) ", " SAME(unit) ", " SAME(instance) ", " SAME(exe) ", " SAME(package) ", " SAME(
		package_version) ", " SAME(container) ", " SAME(container_name) ", " SAME(image) ", " SAME(sha256) ", " SAME(inode) ", " SAME(device) ", first_seen_us = min(first_seen_us, excluded.first_seen_us), " SAME(last_seen_us) ", " SAME(events) ", " SAME(gone) ", " SAME(pid) ", " SAME(state) ", " SAME(coverage) ", " SAME(blockers) ", " SAME(starter) ", " SAME(starter_confidence),
	[CONTROL_DAEMONS] =
	    "SELECT " DAEMON_COLUMNS " FROM daemon WHERE number > ? ORDER BY number",
	[CONTROL_DAEMONS_OF_HOST] =
	    "SELECT " DAEMON_COLUMNS " FROM daemon WHERE host = ? ORDER BY number",
	[CONTROL_PROFILE_PUT] =
	    "INSERT INTO profile(" PROFILE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT(host, daemon, kind, key) DO UPDATE SET " SAME(count) ", first_us = min(first_us, excluded.first_us), " SAME(
		last_us) ", " SAME(learnt) ", " SAME(days) ", " SAME(version),
	[CONTROL_PROFILE_DELETE] = "DELETE FROM profile WHERE host = ? AND daemon = ?",
	[CONTROL_PROFILE_DELETE_HOST] = "DELETE FROM profile WHERE host = ?",
	[CONTROL_PROFILES] = "SELECT " PROFILE_COLUMNS " FROM profile",
	[CONTROL_PROFILES_OF_HOST] = "SELECT " PROFILE_COLUMNS " FROM profile WHERE host = ?",
	[CONTROL_PROFILES_OF_DAEMON] =
	    "SELECT " PROFILE_COLUMNS " FROM profile WHERE host = ? AND daemon = ?",
	[CONTROL_FINDING_PUT] =
	    "INSERT OR IGNORE INTO finding(" FINDING_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[CONTROL_FINDINGS] =
	    "SELECT " FINDING_COLUMNS " FROM finding WHERE alert_id = ? ORDER BY time_us, id",
	[CONTROL_ALERT_PUT] =
	    "INSERT INTO alert(" ALERT_COLUMNS
	    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT(id) DO UPDATE SET " SAME(key) ", " SAME(host) ", " SAME(daemon) ", " SAME(kind) ", " SAME(status) ", " SAME(severity) ", " SAME(title) ", " SAME(reason) ", " SAME(
		score) ", " SAME(created_us) ", " SAME(updated_us) ", " SAME(first_us) ", " SAME(last_us) ", " SAME(count) ", " SAME(json) ", " SAME(verdict) ", " SAME(assignee),
	[CONTROL_ALERT_GET] = "SELECT " ALERT_COLUMNS " FROM alert WHERE id = ?",
	[CONTROL_ALERT_BY_KEY] =
	    "SELECT " ALERT_COLUMNS " FROM alert WHERE key = ? AND status <> 'closed'"
	    " ORDER BY id DESC LIMIT 1",
	[CONTROL_ALERTS] = "SELECT " ALERT_COLUMNS " FROM alert ORDER BY id DESC LIMIT ?",
	[CONTROL_ALERTS_BEFORE] =
	    "SELECT " ALERT_COLUMNS " FROM alert WHERE id < ? ORDER BY id DESC LIMIT ?",
	[CONTROL_ALERTS_STATUS] =
	    "SELECT " ALERT_COLUMNS " FROM alert WHERE status = ? ORDER BY id DESC LIMIT ?",
	[CONTROL_ALERTS_STATUS_BEFORE] =
	    "SELECT " ALERT_COLUMNS " FROM alert WHERE status = ? AND id < ?"
	    " ORDER BY id DESC LIMIT ?",
	[CONTROL_SETTING_PUT] = "INSERT OR REPLACE INTO setting(key, value) VALUES (?, ?)",
	[CONTROL_SETTING_GET] = "SELECT value FROM setting WHERE key = ?",
};

int
control_host_put(struct store *s, struct host_row *row)
{
	sqlite3_stmt *st;
	int r;

	r = db_run(&s->control, CONTROL_HOST_PUT,
	    "bttttttttt"
	    "iuutub",
	    row->id, sizeof(row->id), row->name, row->os, row->kernel, row->arch, row->machine_id,
	    row->boot_id, row->agent_version, row->sensors, row->labels, row->status,
	    row->enrolled_us, row->last_seen_us, row->cert_serial, row->cert_not_after_us, row->pin,
	    sizeof(row->pin));
	if (r < 0)
		return r;

	st = db_prepare(&s->control, CONTROL_HOST_NUMBER, "b", row->id, sizeof(row->id));
	r = db_step(&s->control, st);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	row->number = (uint32_t)db_u64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int
control_host_update(struct store *s, const struct host_row *row)
{
	return db_run(&s->control, CONTROL_HOST_UPDATE,
	    "bttttttttt"
	    "utubn",
	    row->id, sizeof(row->id), row->name, row->os, row->kernel, row->arch, row->machine_id,
	    row->boot_id, row->agent_version, row->sensors, row->labels, row->last_seen_us,
	    row->cert_serial, row->cert_not_after_us, row->pin, sizeof(row->pin), row->agent_email);
}

int
control_host_email(struct store *s, const uint8_t id[DS_HOST_ID_SIZE], const char *email)
{
	return db_do(&s->control, "UPDATE host SET alert_email = ? WHERE id = ?", "tb", email, id,
	    (size_t)DS_HOST_ID_SIZE);
}

int
control_host_decide(
    struct store *s, const uint8_t id[DS_HOST_ID_SIZE], int status, const char *labels)
{
	return db_run(&s->control, CONTROL_HOST_DECIDE, "biit", id, (size_t)DS_HOST_ID_SIZE, status,
	    labels != NULL, labels != NULL ? labels : "");
}

int
control_token_put(struct store *s, const struct token_row *row)
{
	return db_run(&s->control, CONTROL_TOKEN_PUT, "ttbuuuuiiti", row->id, row->label,
	    row->secret_hash, sizeof(row->secret_hash), row->created_us, row->expires_us,
	    (uint64_t)row->uses_max, (uint64_t)row->uses, (int)row->require_approval,
	    (int)row->revoked, row->cidr, (int)row->is_ephemeral);
}

/* Takes the same time wherever the first difference is. */
static bool
same_secret(const uint8_t a[32], const uint8_t b[32])
{
	uint8_t difference = 0;

	for (size_t i = 0; i < 32; i++)
		difference |= (uint8_t)(a[i] ^ b[i]);
	return difference == 0;
}

int
control_token_use(struct store *s, const char *id, const uint8_t secret_hash[32], const char *peer,
    uint64_t now_us, struct token_row *ret)
{
	sqlite3_stmt *st = db_prepare(&s->control, CONTROL_TOKEN_GET, "t", id);
	struct token_row row;
	bool is_here;
	int r = db_step(&s->control, st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	control_read_token(st, &row);
	is_here = row.cidr[0] == '\0' || ds_cidr_list_has(row.cidr, peer);
	sqlite3_reset(st);
	row.id = row.label = row.cidr = ""; /* were valid until the reset */
	/* Who does not know the secret learns nothing more about the token. */
	if (!same_secret(row.secret_hash, secret_hash))
		return -EACCES;
	if (row.revoked || row.expires_us <= now_us)
		return -ETIME;
	if (!is_here)
		return -EPERM;
	if (row.uses >= row.uses_max)
		return -EEXIST;
	r = db_run(&s->control, CONTROL_TOKEN_COUNT, "t", id);
	if (r < 0)
		return r;
	row.uses++;
	*ret = row;
	return 0;
}

int
control_daemon_put(struct store *s, const struct daemon_row *row)
{
	return db_run(&s->control, CONTROL_DAEMON_PUT, "uttttttttttbuuuuuiutdttd",
	    (uint64_t)row->host, row->name, row->role, row->unit, row->instance, row->exe,
	    row->package, row->package_version, row->container, row->container_name, row->image,
	    row->sha256, sizeof(row->sha256), row->inode, row->device, row->first_seen_us,
	    row->last_seen_us, row->events, (int)row->gone, (uint64_t)row->pid, row->state,
	    row->coverage, row->blockers ? row->blockers : "[]", row->starter ? row->starter : "",
	    row->starter_confidence);
}

int
control_daemon_delete(struct store *s, uint32_t host, const char *name)
{
	/* A model's name is a word, a tab and the daemon's. */
	static const char *const sql[] = { "DELETE FROM profile WHERE host = ? AND daemon = ?",
		"DELETE FROM profile_version WHERE host = ? AND daemon = ?",
		"DELETE FROM model_state WHERE host = ? AND substr(name, instr(name, char(9)) + 1) = ?",
		"DELETE FROM daemon WHERE host = ? AND name = ?" };
	int r = 0;

	for (size_t i = 0; i < DS_LEN(sql) && r >= 0; i++)
		r = db_do(&s->control, sql[i], "ut", (uint64_t)host, name);
	return r < 0 ? r : 0;
}

int
control_profile_put(struct store *s, const struct profile_row *row)
{
	return db_run(&s->control, CONTROL_PROFILE_PUT, "utibuuuiiu", (uint64_t)row->host,
	    row->daemon, (int)row->kind, row->key, row->key_size, row->count, row->first_us,
	    row->last_us, row->waits ? 2 : (int)row->learnt, (int)row->days,
	    (uint64_t)row->version);
}

int
control_profile_delete(struct store *s, uint32_t host, const char *daemon)
{
	if (!daemon)
		return db_run(&s->control, CONTROL_PROFILE_DELETE_HOST, "u", (uint64_t)host);
	return db_run(&s->control, CONTROL_PROFILE_DELETE, "ut", (uint64_t)host, daemon);
}

int
control_finding_put(struct store *s, const struct finding_row *row)
{
	int r = db_run(&s->control, CONTROL_FINDING_PUT, "ttutttud", row->id, row->alert_id,
	    (uint64_t)row->host, row->daemon, row->kind, row->json, row->time_us, row->score);

	return r < 0 ? r : sqlite3_changes(s->control.handle) > 0;
}

int
control_alert_put(struct store *s, const struct alert_row *row)
{
	return db_run(&s->control, CONTROL_ALERT_PUT, "ttuttttttiuuuuutnt", row->id, row->key,
	    (uint64_t)row->host, row->daemon, row->kind, row->status, row->severity, row->title,
	    row->reason, row->score, row->created_us, row->updated_us, row->first_us, row->last_us,
	    row->count, row->json ? row->json : "{}", row->verdict, row->assignee);
}

int
control_alert_by_key(struct store *s, const char *key,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st = db_prepare(&s->control, CONTROL_ALERT_BY_KEY, "t", key);
	struct alert_row row;
	int r = db_step(&s->control, st);

	if (r <= 0)
		return r;
	control_read_alert(st, &row);
	r = call(&row, ctx);
	sqlite3_reset(st);
	return r < 0 ? r : 1;
}

int
control_setting_put(struct store *s, const struct setting_row *row)
{
	return db_run(&s->control, CONTROL_SETTING_PUT, "tt", row->key, row->value);
}
