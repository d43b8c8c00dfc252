/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store - everything the server keeps, behind one table of functions for each engine.
 *
 * Two planes (doc/architecture.md, Storage): control (hosts, tokens, daemons, profiles, findings,
 * alerts, settings) and events (segments, in one file a day of arrival, with the dedupe cursor in
 * the same file). Writing: one `struct store`, on the writer's thread only, between begin and
 * commit.  Reading: a `struct reader` for each reading thread, over what is committed.  All SQL
 * lives behind this.  Rows are plain structs; texts in rows given to `each` callbacks are valid
 * during the call.
 */
#ifndef SERVER_STORE_STORE_H
#define SERVER_STORE_STORE_H

#include "server/store/access.h"
#include "server/store/hooks.h"
#include "server/store/identity.h"
#include "server/store/learning.h"
#include "server/store/lists.h"
#include "server/store/messages.h"
#include "server/store/model_state.h"
#include "server/store/models.h"
#include "server/store/profile_versions.h"
#include "server/store/reactions.h"
#include "server/store/rows.h"

struct store;
struct reader;

struct store_backend {
	const char *name;
	const struct access_store *access;    /* users, sessions, audit */
	const struct message_store *messages; /* what people are told */

	/* ---- writer's thread */
	int (*open)(
	    const struct store_config *cfg, struct store **ret, char *ret_why, size_t why_size);
	void (*close)(struct store *s);
	int (*begin)(struct store *s);
	/* Durable when it returns 0.  The control plane commits before the event plane: a crash
	 * between the two makes the agent resend, and findings and profile keys are idempotent.
	 * -ENOSPC: nothing was committed, rolled back. */
	/* May come before commit: the control plane is on disk then, also if commit fails. */
	int (*commit_control)(struct store *s);
	int (*commit)(struct store *s);
	void (*rollback)(struct store *s);
	/* A savepoint within the transaction; the next unmark either keeps what came after it or
	 * undoes it. Not nested. */
	int (*mark)(struct store *s);
	int (*unmark)(struct store *s, bool keep);

	int (*host_put)(struct store *s, struct host_row *row); /* by id; fills number when new */
	/* What an agent tells of its host (by id): the texts that are not empty; labels only where
	 * there are none; the certificate when its serial is not empty; when it was seen. */
	int (*host_update)(struct store *s, const struct host_row *row);
	/* What a person decides about a host: its status (-1: as it is), its labels (NULL: as they
	 * are). */
	int (*host_decide)(
	    struct store *s, const uint8_t id[DS_HOST_ID_SIZE], int status, const char *labels);
	/* Who else is told of its alerts: an address, "-": nobody, "": who its agent says. */
	int (*host_email)(struct store *s, const uint8_t id[DS_HOST_ID_SIZE], const char *email);
	int (*token_put)(struct store *s, const struct token_row *row);
	/* Counts one use: 0, -ENOENT, -EEXIST (used up), -ETIME (expired or revoked), -EACCES
	 * (wrong secret), -EPERM (not from this peer's address). */
	int (*token_use)(struct store *s, const char *id, const uint8_t secret_hash[32],
	    const char *peer, uint64_t now_us, struct token_row *ret);
	int (*daemon_put)(struct store *s, const struct daemon_row *row); /* by (host, name) */
	/* With its profile, versions and models. */
	int (*daemon_delete)(struct store *s, uint32_t host, const char *name);
	int (*profile_put)(
	    struct store *s, const struct profile_row *row); /* by (host, daemon, kind, key) */
	int (*profile_delete)(
	    struct store *s, uint32_t host, const char *daemon); /* daemon NULL: the host's all */
	/* 1 when it was new, 0 when its id was there. */
	int (*finding_put)(struct store *s, const struct finding_row *row);
	int (*alert_put)(struct store *s, const struct alert_row *row); /* by id */
	/* The alert with this key that is not closed, within the transaction: 1 and the row, or 0.
	 */
	int (*alert_by_key)(struct store *s, const char *key,
	    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
	int (*setting_put)(struct store *s, const struct setting_row *row);
	/* 1 stored, 0 already there: exactly once in effect.  `already` means the lane's cursor has
	 * the same epoch and no smaller sequence; another epoch is a spool made anew, whichever way
	 * its clock went. */
	int (*segment_put)(struct store *s, const struct segment_row *row);
	int (*cursor_get)(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret);
	/* A step of housekeeping: retention, then compaction of what is some minutes old, of closed
	 * hours and days, at most budget_ms (0: none of it).  1: more to do. */
	int (*maintain)(struct store *s, uint64_t now_us, unsigned budget_ms);

	/* ---- any thread, one reader each */
	int (*reader_open)(const struct store_config *cfg, struct reader **ret);
	void (*reader_close)(struct reader *r);
	/* 1 and the row, or 0 when there is no such host. */
	int (*host_get)(struct reader *r, const uint8_t id[DS_HOST_ID_SIZE],
	    int (*call)(const struct host_row *row, void *ctx), void *ctx);
	/* Hosts with this key or this machine id. */
	int (*each_host_like)(struct reader *r, const uint8_t pin[32], const char *machine_id,
	    int (*call)(const struct host_row *row, void *ctx), void *ctx);
	int (*each_host)(
	    struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx);
	/* Those with a higher number, in the order of numbers. */
	int (*each_host_after)(struct reader *r, uint32_t after,
	    int (*call)(const struct host_row *row, void *ctx), void *ctx);
	int (*each_daemon_after)(struct reader *r, uint64_t after,
	    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
	/* How many there are, without a row being read. */
	int (*fleet_counts)(struct reader *r, struct fleet_counts *ret);
	int (*each_token)(
	    struct reader *r, int (*call)(const struct token_row *row, void *ctx), void *ctx);
	int (*each_daemon)(struct reader *r, uint32_t host /* 0: all */,
	    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
	int (*each_profile)(struct reader *r, uint32_t host /* 0: all */,
	    const char *daemon /* NULL: all */,
	    int (*call)(const struct profile_row *row, void *ctx), void *ctx);
	/* status NULL: all; before_id NULL: newest; newest first. */
	int (*each_alert)(struct reader *r, const char *status, const char *before_id,
	    unsigned limit, int (*call)(const struct alert_row *row, void *ctx), void *ctx);
	/* Those that are open, and those first seen since then, without reason, document, verdict
	 * and assignee, which are NULL; in no order. */
	int (*each_alert_brief)(struct reader *r, uint64_t since_us,
	    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
	/* 1 and the row, or 0. */
	int (*alert_get)(struct reader *r, const char *id,
	    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
	int (*each_finding)(struct reader *r, const char *alert_id,
	    int (*call)(const struct finding_row *row, void *ctx), void *ctx);
	int (*setting_get)(struct reader *r, const char *key, char *ret, size_t size); /* -ENOENT */
	/* Changes after a sequence number, in order. */
	int (*each_change)(struct reader *r, uint64_t after, unsigned limit,
	    int (*call)(const struct change_row *row, void *ctx), void *ctx);
	/* Whether something of the topic changed after a sequence number, as far as is known; and
	 * the newest number. */
	int (*has_change)(
	    struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest);
	/* The oldest that is kept and the newest; 0: there are none. */
	int (*change_span)(struct reader *r, uint64_t *ret_oldest, uint64_t *ret_newest);
	/* Of what is committed. */
	int (*reader_cursor)(struct reader *r, uint32_t host, uint8_t lane, struct ds_cursor *ret);
	/* Calls until it returns other than 0, which is returned; what the index excludes is not
	 * read. */
	int (*each_segment)(struct reader *r, const struct segment_filter *f,
	    int (*call)(
		const struct segment_row *row, const struct segment_position *at, void *ctx),
	    void *ctx, struct scan_stats *stats);
	int (*totals)(struct reader *r, struct store_totals *ret);

	/* ---- topics with a table of their own */
	const struct store_reactions *reactions;
	const struct store_model_state *model_state;
	const struct store_identity *identity;
	const struct store_learning *learning;
	const struct store_hooks *hooks;
	const struct store_models *models;
	const struct store_profile_versions *versions;
	const struct store_lists *lists;
};

extern const struct store_backend *const store_backends[]; /* NULL-terminated */

/* By name, or NULL. */
const struct store_backend *store_lookup(const char *name);

#endif
