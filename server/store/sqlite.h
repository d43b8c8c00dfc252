/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite - what the files of the SQLite backend share; nobody else includes it. */
#ifndef SERVER_STORE_SQLITE_H
#define SERVER_STORE_SQLITE_H

#include "server/store/sqlite_db.h"
#include "server/store/store.h"

#define DAY_US        86400000000ull
#define HOUR_US       3600000000ull
#define PATH_SIZE     4096
#define READERS_MAX   40 /* day files that a reader keeps open */
#define COMPACT_LEN   4096u
#define COMPACT_TIERS 3
#define COMPACT_HOSTS 4096 /* of an hour, planned at a time */

/* The row of table day, as this transaction leaves it. */
struct day_sums {
	uint64_t generation, next_number, segments, events, time_min_us, time_max_us, compact_from;
};

/* Before these numbers the spans of each tier are merged.  Not kept on disk: who starts anew looks
 * at an hour's segments once more. */
struct compacted {
	uint64_t day, to[COMPACT_TIERS];
};

/* Merging of one day file, a step at a time. */
struct compactor {
	struct db db;
	struct bookmarks *bookmarks; /* or NULL */
	uint64_t day;                /* 0: none open */
	uint64_t done; /* days up to this one need nothing more (they are closed and merged) */
	struct day_sums sums; /* when the work was planned */
	uint64_t begin, end;  /* numbers of the minutes, hour or day in work; begin 0: none */
	uint32_t small;       /* segments with fewer events are merged */
	uint64_t from, then;  /* the day's compact_from meanwhile, and when they are merged */
	unsigned tier;        /* of spans; see sqlite_compact.c */
	struct compacted merged;
	uint32_t *hosts; /* with something to merge, from `next` on */
	size_t hosts_len, next;
	bool more_hosts;
};

struct store {
	struct store_config cfg;
	char *dir, *events_dir;
	struct db control;
	struct db events; /* the current day file */
	uint64_t day;     /* its number; 0: none open yet */
	struct day_sums sums, sums_begin, sums_mark;
	bool active;       /* in a transaction */
	bool control_done; /* of it the control plane is committed */
	bool damaged; /* the current day file turned out malformed: the next begin abandons it */
	char *running_file; /* there while the server runs: was the last exit clean? */
	/* retention waits after the clock jumped */
	uint64_t wall_us, monotonic_ms, hold_until_ms;
	int wal_pages;          /* of the control plane's WAL, since it was moved */
	uint64_t checkpoint_ms; /* monotonic: the current file's WAL is looked at then */
	uint64_t tidy_ms;       /* likewise: hosts that come and go are looked at */
	struct compactor compactor;
};

struct day_reader {
	uint64_t day, used; /* used: clock of uses */
	struct db db;
};

struct reader {
	char *dir, *events_dir;
	struct db control;
	struct day_reader days[READERS_MAX];
	uint64_t clock;
};

/* sqlite_days.c: the files. */
int days_path(const char *events_dir, uint64_t day, char ret[PATH_SIZE]);
/* Numbers of the days there, ascending; free() *ret. */
int days_list(const char *events_dir, uint64_t **ret, size_t *ret_len);
uint64_t days_size(const char *events_dir, uint64_t day); /* with its WAL, bytes */
/* Moves the WAL into the file and empties it, unless a reader is in the way: nobody waits. */
void days_checkpoint(struct db *db);
int days_unlink(const char *events_dir, uint64_t day);
/* Renames a damaged file (and its WAL) out of the way and says so. */
void days_set_aside(const char *events_dir, uint64_t day, const char *why);
int days_read_sums(struct db *db, struct day_sums *ret);
extern const char *const days_sql[];

enum days_statement {
	DAY_SUMS,
	DAY_SUMS_PUT,
	DAY_SEGMENT_PUT,
	DAY_BLOOM_PUT,
	DAY_PACKED_PUT,
	DAY_CURSOR_GET,
	DAY_CURSOR_PUT,
	DAY_CURSORS,
	DAY_SCAN_UP,
	DAY_SCAN_DOWN,
	DAY_SEGMENT_GET,
	DAY_BLOOM_GET,
	DAY_PACKED_GET,
	DAY_SPAN_FIRST,
	DAY_SPAN_END,
	DAY_SPAN_HOSTS,
	DAY_SMALL,
	DAY_SEGMENT_DELETE,
	DAY_BLOOM_DELETE,
	DAY_PACKED_DELETE,
	DAY_COMPACT_PUT,
	DAY_OLDEST,
	DAY_FREE_PAGES,
	DAY_STATEMENTS
};

/* sqlite_wal.c: the control plane's WAL. */
void wal_watch(struct store *s); /* once it is open */
void wal_tidy(struct store *s);  /* while nobody waits, between transactions */
void wal_limit(struct store *s); /* after a transaction: it does not grow without end */

/* sqlite_events.c: writing the event plane. */
int events_open(struct store *s, bool unclean);
int events_begin(struct store *s);
int events_finish(struct store *s); /* writes the sums, before COMMIT */
int events_segment_put(struct store *s, const struct segment_row *row);
int events_cursor_get(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret);
int events_insert(struct db *db, const struct segment_row *row, uint64_t number);

/* sqlite_scan.c: reading it. */
struct db *scan_day(struct reader *r, uint64_t day);
int scan_segments(struct reader *r, const struct segment_filter *f,
    int (*call)(const struct segment_row *row, const struct segment_position *at, void *ctx),
    void *ctx, struct scan_stats *stats);
int scan_totals(struct reader *r, struct store_totals *ret);
int scan_cursor(struct reader *r, uint32_t host, uint8_t lane, struct ds_cursor *ret);
void scan_close(struct reader *r);

/* sqlite_maintain.c, sqlite_compact.c */
int maintain_step(struct store *s, uint64_t now_us, unsigned budget_ms);
int compact_step(struct store *s, uint64_t now_us, uint64_t deadline_ms);
void compact_close(struct compactor *c);

/* sqlite_control.c, sqlite_control_read.c: the control plane. */
extern const char *const control_sql[];
int control_host_put(struct store *s, struct host_row *row);
int control_host_update(struct store *s, const struct host_row *row);
int control_host_decide(
    struct store *s, const uint8_t id[DS_HOST_ID_SIZE], int status, const char *labels);
int control_host_email(struct store *s, const uint8_t id[DS_HOST_ID_SIZE], const char *email);
int control_token_put(struct store *s, const struct token_row *row);
int control_token_use(struct store *s, const char *id, const uint8_t secret_hash[32],
    const char *peer, uint64_t now_us, struct token_row *ret);
int control_daemon_put(struct store *s, const struct daemon_row *row);
int control_daemon_delete(struct store *s, uint32_t host, const char *name);
int control_profile_put(struct store *s, const struct profile_row *row);
int control_profile_delete(struct store *s, uint32_t host, const char *daemon);
int control_finding_put(struct store *s, const struct finding_row *row);
int control_alert_put(struct store *s, const struct alert_row *row);
int control_alert_by_key(struct store *s, const char *key,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
int control_setting_put(struct store *s, const struct setting_row *row);

int control_each_change(struct reader *r, uint64_t after, unsigned limit,
    int (*call)(const struct change_row *row, void *ctx), void *ctx);
int control_change_span(struct reader *r, uint64_t *ret_oldest, uint64_t *ret_newest);
int control_host_get(struct reader *r, const uint8_t id[DS_HOST_ID_SIZE],
    int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_each_host_like(struct reader *r, const uint8_t pin[32], const char *machine_id,
    int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_each_host(
    struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx);
int control_each_token(
    struct reader *r, int (*call)(const struct token_row *row, void *ctx), void *ctx);
int control_each_daemon(struct reader *r, uint32_t host,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx);
int control_each_profile(struct reader *r, uint32_t host, const char *daemon,
    int (*call)(const struct profile_row *row, void *ctx), void *ctx);
int control_each_alert(struct reader *r, const char *status, const char *before_id, unsigned limit,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
int control_each_alert_brief(struct reader *r, uint64_t since_us,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
int control_alert_get(struct reader *r, const char *id,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx);
int control_each_finding(struct reader *r, const char *alert_id,
    int (*call)(const struct finding_row *row, void *ctx), void *ctx);
int control_setting_get(struct reader *r, const char *key, char *ret, size_t size);
void control_read_token(sqlite3_stmt *st, struct token_row *ret);
void control_read_alert(sqlite3_stmt *st, struct alert_row *ret);

#endif
