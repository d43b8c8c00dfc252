/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows - what the store keeps, as plain structs; see store.h for how.
 *
 * Texts in rows given to `each` callbacks are valid during the call.
 */
#ifndef SERVER_STORE_ROWS_H
#define SERVER_STORE_ROWS_H

#include "lib/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bookmarks;

struct store_config {
	const char *dir;         /* state directory; ":memory:" has no meaning, give a directory */
	uint64_t retention_us;   /* age at which a day's events go */
	uint64_t max_bytes;      /* of the event plane: oldest days go first */
	uint64_t (*clock)(void); /* wall clock, us; NULL: ds_clock_wall_us.  For tests */
	struct bookmarks *bookmarks; /* borrowed; NULL: nobody reads by pages */
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
	/* Written by struct store_identity; host_put and host_update leave them alone. */
	uint64_t generation;   /* of the agent's state, as it told last; 0: never */
	uint32_t copy_of;      /* number of the host whose identity it came with; 0: none */
	const uint8_t *trusts; /* SHA-256 of the keys of authorities that it trusts */
	size_t trusts_size;
	uint8_t issuer[32]; /* the authority of its newest certificate; zero: the first there was */
	const char *alert_email; /* read: who else is told of its alerts, or "" */
	const char *agent_email; /* host_update: what its agent says; NULL: nothing was said */
	bool is_ephemeral;       /* read: it comes and goes */
};

struct token_row {
	const char *id, *label;
	const char *cidr;        /* networks it may be used from (lib/cidr.h); "": any */
	uint8_t secret_hash[32]; /* SHA-256 of the token's secret */
	uint64_t created_us, expires_us;
	uint32_t uses_max, uses;
	bool require_approval, revoked;
	bool is_ephemeral; /* hosts that it lets in come and go */
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
	bool
	    is_retired; /* to be deleted with all that was learnt of it: only host and name count */
	uint32_t pid;
	/* readiness, written by detect */
	const char *state;         /* learning, ready */
	double coverage;           /* 0..1: 1 - unseen mass */
	const char *blockers;      /* JSON array of sentences: what is missing until ready */
	const char *starter;       /* the starter model's name (server/detect/starter.h), or "" */
	double starter_confidence; /* 0..1 */
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
	bool learnt;   /* false: seen, alerted, not acknowledged: not part of what is normal */
	bool waits;    /* neither learnt nor alerted: kept apart until days or hosts speak for it */
	unsigned days; /* on which it was seen while it waited */
	uint32_t
	    version; /* of the daemon's profile, that learnt it (profile_versions.h); 0: unknown */
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
	const char *json;     /* explanation, peers, process, threat, events: the rest of the API's
				 document, an object */
	const char *verdict;  /* JSON or NULL */
	const char *assignee; /* name of a user; "" or NULL: nobody */
};

struct setting_row {
	const char *key, *value;
};

/* Something that those who look on are told: see schema/sqlite/009_control.sql. */
struct change_row {
	uint64_t seq; /* grows by each change, never reused */
	const char *topic, *id;
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

struct fleet_counts {
	uint64_t hosts, hosts_pending, hosts_revoked;
	uint64_t daemons, daemons_gone, daemons_ready; /* ready: of those that are not gone */
	uint64_t alerts_open, alerts_acknowledged, alerts_closed;
};

struct store_totals {
	uint64_t events, segments, bytes, control_bytes, oldest_us, newest_us, days;
};

#endif
