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

#include "lib/batch.h"
#include "lib/wire.h"

#include <stdbool.h>

struct store;
struct reader;

struct store_config {
	const char *dir;       /* state directory; ":memory:" has no meaning, give a directory */
	uint64_t retention_us; /* age at which a day's events go */
	uint64_t max_bytes;    /* of the event plane: oldest days go first */
};

enum host_status { HOST_PENDING = 0, HOST_APPROVED = 1, HOST_REVOKED = 2 };

struct host_row {
	uint32_t number; /* small, internal, never reused */
	uint8_t id[DS_HOST_ID_SIZE];
	const char *name, *os, *kernel, *arch, *machine_id, *boot_id, *agent_version, *sensors,
	    *labels;
	int status; /* enum host_status */
	uint64_t enrolled_us, last_seen_us;
	const char *cert_serial; /* newest issued */
	uint64_t cert_not_after_us;
	uint8_t pin[32]; /* SPKI of the newest certificate */
};

struct token_row {
	const char *id, *label;
	uint8_t secret_hash[32];
	uint64_t created_us, expires_us;
	uint32_t uses_max, uses;
	bool require_approval, revoked;
};

/* A daemon on a host. */
struct daemon_row {
	uint64_t number; /* internal */
	uint32_t host;
	const char *name, *role, *unit, *instance, *exe, *package, *package_version, *container,
	    *container_name, *image;
	uint8_t sha256[32];
	uint64_t inode, device;
	uint64_t first_seen_us, last_seen_us;
	uint64_t events; /* counted with their counts */
	bool gone;
	uint32_t pid;
	/* readiness, written by detect */
	const char *state;    /* learning, ready */
	double coverage;      /* 0..1: 1 - unseen mass */
	const char *blockers; /* JSON array of sentences: what is missing until ready */
};

/* One thing a daemon is known to do (a learnt key of its profile). */
struct profile_row {
	uint32_t host;
	const char *daemon;
	uint8_t kind;       /* enum ds_event_kind */
	const uint8_t *key; /* canonical bytes of the behaviour, see server/detect/key.h */
	size_t key_size;
	uint64_t count;
	uint64_t first_us, last_us;
	bool learnt; /* false: seen, alerted, not acknowledged: not part of what is normal */
};

struct finding_row {
	const char
	    *id; /* deterministic: same events, same id, so that a resent batch adds nothing */
	const char *alert_id;
	uint32_t host;
	const char *daemon, *kind, *json; /* json: the whole record */
	uint64_t time_us;
	double score;
};

struct alert_row {
	const char *id; /* alr_ULID */
	const char
	    *key; /* groups findings: while an alert with this key is open, findings join it */
	uint32_t host;
	const char *daemon, *kind, *status /* open, acknowledged, closed */, *severity, *title,
	    *reason;
	int score;
	uint64_t created_us, updated_us, first_us, last_us;
	uint64_t count;
	const char *json;    /* explanation, peers, process, threat, events: the rest of the API's
				document, an object */
	const char *verdict; /* JSON or NULL */
};

struct setting_row {
	const char *key, *value;
};

/* A segment: a packed batch as it came, and what an index needs to exclude it. */
struct segment_row {
	int64_t number; /* within its day */
	uint32_t host;
	uint64_t received_us;
	uint64_t time_min_us, time_max_us;
	uint32_t len;           /* events */
	uint64_t kinds;         /* bit mask */
	const uint8_t *daemons; /* sorted u32 hashes of daemon names, 4 bytes each, little-endian */
	size_t daemons_size;
	const uint8_t *bloom; /* see server/store/bloom.h */
	size_t bloom_size;
	const uint8_t *packed;
	size_t packed_size;
	uint8_t lane;
	uint64_t epoch, seq; /* of the newest batch in it; 0 after compaction */
};

/* What a scan wants.  Everything is optional; the engine may return more than asked for (an index
 * excludes, it does not decide), never less. */
struct segment_filter {
	uint64_t time_min_us, time_max_us; /* 0: open */
	const uint32_t *hosts;             /* NULL: all */
	size_t hosts_len;
	uint64_t kinds;                /* 0: all */
	const uint32_t *daemon_hashes; /* NULL: all; any of them */
	size_t daemon_hashes_len;
	const uint64_t *strings; /* NULL: all; every one of these must be possible (Bloom), hashes
				    as in bloom.h */
	size_t strings_len;
	bool newest_first;
	/* resume: only segments strictly after this position in scan order; zero: from the start */
	uint64_t after_day, after_number;
};

/* What was excluded without reading, for `status` and tests. */
struct scan_stats {
	uint64_t segments, excluded, read, bytes_read;
};

struct segment_position {
	uint64_t day; /* days since the epoch, of arrival */
	uint64_t number;
};

struct store_totals {
	uint64_t events, segments, bytes, control_bytes, oldest_us, newest_us, days;
};

struct store_backend {
	const char *name;

	/* ---- writer's thread */
	int (*open)(
	    const struct store_config *cfg, struct store **ret, char *ret_why, size_t why_size);
	void (*close)(struct store *s);
	int (*begin)(struct store *s);
	/* Durable when it returns 0.  The control plane commits before the event plane: a crash
	 * between the two makes the agent resend, and findings and profile keys are idempotent.
	 * -ENOSPC: nothing was committed, rolled back. */
	int (*commit)(struct store *s);
	void (*rollback)(struct store *s);
	/* A savepoint within the transaction; the next unmark either keeps what came after it or
	 * undoes it. Not nested. */
	int (*mark)(struct store *s);
	int (*unmark)(struct store *s, bool keep);

	int (*host_put)(struct store *s, struct host_row *row); /* by id; fills number when new */
	int (*token_put)(struct store *s, const struct token_row *row);
	/* Counts one use: 0, -ENOENT, -EEXIST (used up), -ETIME (expired or revoked), -EACCES
	 * (wrong secret). */
	int (*token_use)(struct store *s, const char *id, const uint8_t secret_hash[32],
	    uint64_t now_us, struct token_row *ret);
	int (*daemon_put)(struct store *s, const struct daemon_row *row); /* by (host, name) */
	int (*profile_put)(
	    struct store *s, const struct profile_row *row); /* by (host, daemon, kind, key) */
	int (*profile_delete)(
	    struct store *s, uint32_t host, const char *daemon); /* daemon NULL: the host's all */
	/* 1 when it was new, 0 when its id was there. */
	int (*finding_put)(struct store *s, const struct finding_row *row);
	int (*alert_put)(struct store *s, const struct alert_row *row); /* by id */
	int (*setting_put)(struct store *s, const struct setting_row *row);
	/* 1 stored, 0 already there: exactly once in effect.  `already` means the lane's cursor has
	 * the same epoch and no smaller sequence; another epoch is a spool made anew, whichever way
	 * its clock went. */
	int (*segment_put)(struct store *s, const struct segment_row *row);
	int (*cursor_get)(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret);
	/* A step of housekeeping: retention, then compaction of closed hours, at most budget_ms. 1:
	 * more to do. */
	int (*maintain)(struct store *s, uint64_t now_us, unsigned budget_ms);

	/* ---- any thread, one reader each */
	int (*reader_open)(const struct store_config *cfg, struct reader **ret);
	void (*reader_close)(struct reader *r);
	/* 1 and the row, or 0 when there is no such host. */
	int (*host_get)(struct reader *r, const uint8_t id[DS_HOST_ID_SIZE],
	    int (*call)(const struct host_row *row, void *ctx), void *ctx);
	int (*each_host)(
	    struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx);
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
	int (*alert_get)(struct reader *r, const char *id,
	    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
	int (*each_finding)(struct reader *r, const char *alert_id,
	    int (*call)(const struct finding_row *row, void *ctx), void *ctx);
	int (*setting_get)(struct reader *r, const char *key, char *ret, size_t size); /* -ENOENT */
	/* Of what is committed. */
	int (*reader_cursor)(struct reader *r, uint32_t host, uint8_t lane, struct ds_cursor *ret);
	/* Calls until it returns other than 0, which is returned; what the index excludes is not
	 * read. */
	int (*each_segment)(struct reader *r, const struct segment_filter *f,
	    int (*call)(
		const struct segment_row *row, const struct segment_position *at, void *ctx),
	    void *ctx, struct scan_stats *stats);
	int (*totals)(struct reader *r, struct store_totals *ret);
};

extern const struct store_backend *const store_backends[]; /* NULL-terminated */

/* By name, or NULL. */
const struct store_backend *store_lookup(const char *name);

#endif
