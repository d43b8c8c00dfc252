/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_days - the day files: their names, sizes, statements, and getting damaged ones out of the
 * way. */
#include "lib/array.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "server/store/sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAYS_MAX 20000 /* a directory with more is not ours */
#define INDEX_COLUMNS                                                            \
	"number, host, received_us, time_min_us, time_max_us, len, kinds, lane," \
	" epoch, seq, daemons"
#define SEGMENT_INSERT " INTO segment(" INDEX_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_Static_assert((int)DAY_STATEMENTS <= DB_STATEMENTS_MAX, "too many statements");

const char *const days_sql[] = {
	[DAY_SUMS] = "SELECT generation, next_number, segments, events, time_min_us, time_max_us,"
		     " compact_from FROM day",
	[DAY_SUMS_PUT] = "UPDATE day SET generation = ?, next_number = ?, segments = ?, events = ?,"
			 " time_min_us = ?, time_max_us = ?, compact_from = ?",
	[DAY_SEGMENT_PUT] = "INSERT" SEGMENT_INSERT,
	[DAY_BLOOM_PUT] = "INSERT INTO bloom(number, bits) VALUES (?, ?)",
	[DAY_PACKED_PUT] = "INSERT INTO packed(number, bytes) VALUES (?, ?)",
	[DAY_CURSOR_GET] = "SELECT epoch, seq FROM cursor WHERE host = ? AND lane = ?",
	[DAY_CURSOR_PUT] =
	    "INSERT OR REPLACE INTO cursor(host, lane, epoch, seq) VALUES (?, ?, ?, ?)",
	[DAY_CURSORS] = "SELECT host, lane, epoch, seq FROM cursor",
	[DAY_SCAN_UP] = "SELECT " INDEX_COLUMNS " FROM segment WHERE number > ? ORDER BY number",
	[DAY_SCAN_DOWN] =
	    "SELECT " INDEX_COLUMNS " FROM segment WHERE number < ? ORDER BY number DESC",
	[DAY_SEGMENT_GET] = "SELECT " INDEX_COLUMNS " FROM segment WHERE number = ?",
	[DAY_BLOOM_GET] = "SELECT bits FROM bloom WHERE number = ?",
	[DAY_PACKED_GET] = "SELECT bytes FROM packed WHERE number = ?",
	[DAY_SPAN_FIRST] =
	    "SELECT number, received_us FROM segment WHERE number >= ? ORDER BY number LIMIT 1",
	[DAY_SPAN_END] = "SELECT number FROM segment WHERE number > ?1 AND received_us >= ?2"
			 " ORDER BY number LIMIT 1",
	[DAY_SPAN_HOSTS] =
	    "SELECT host FROM segment WHERE number >= ? AND number < ? AND len < ? AND host > ?"
	    " GROUP BY host HAVING count(*) > 1 ORDER BY host LIMIT ?",
	[DAY_SMALL] = "SELECT number, received_us FROM segment WHERE host = ? AND number >= ?"
		      " AND number < ? AND len < ? ORDER BY number",
	[DAY_SEGMENT_DELETE] = "DELETE FROM segment WHERE number = ?",
	[DAY_BLOOM_DELETE] = "DELETE FROM bloom WHERE number = ?",
	[DAY_PACKED_DELETE] = "DELETE FROM packed WHERE number = ?",
	[DAY_COMPACT_PUT] = "UPDATE day SET compact_from = ?, segments = segments - ?",
	[DAY_FREE_PAGES] = "PRAGMA freelist_count",
	[DAY_OLDEST] = "SELECT number, len FROM segment ORDER BY number LIMIT 1",
};

int
days_path(const char *events_dir, uint64_t day, char ret[PATH_SIZE])
{
	time_t seconds = (time_t)(day * 86400);
	struct tm tm;
	int n;

	if (!gmtime_r(&seconds, &tm) || tm.tm_year > 8099)
		return -ERANGE;
	n = snprintf(ret, PATH_SIZE, "%s/%04d-%02d-%02d.db", events_dir, tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday);
	return n < 0 || n >= PATH_SIZE - 32 ? -ENAMETOOLONG : 0;
}

/* "2026-11-24.db" -> days since the epoch; false for other names. */
static bool
parse_name(const char *name, uint64_t *ret)
{
	char stamp[40];
	uint64_t us;

	if (strlen(name) != 13 || strcmp(name + 10, ".db") != 0)
		return false;
	snprintf(stamp, sizeof(stamp), "%.10sT00:00:00Z", name);
	if (ds_clock_parse(stamp, &us) < 0)
		return false;
	*ret = us / DAY_US;
	return true;
}

static int
compare_days(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int
days_list(const char *events_dir, uint64_t **ret, size_t *ret_len)
{
	uint64_t *days = NULL, *grown, day;
	size_t len = 0, cap = 0;
	struct dirent *e;
	DIR *d = opendir(events_dir);

	if (!d)
		return -errno;
	while ((e = readdir(d)) && len < DAYS_MAX) {
		if (!parse_name(e->d_name, &day))
			continue;
		grown = ds_array_grow(days, len, &cap, sizeof(*days));
		if (!grown) {
			free(days);
			closedir(d);
			return -ENOMEM;
		}
		days = grown;
		days[len++] = day;
	}
	closedir(d);
	if (len > 0)
		qsort(days, len, sizeof(*days), compare_days);
	*ret = days;
	*ret_len = len;
	return 0;
}

static const char *const suffixes[] = { "", "-wal", "-shm" };

uint64_t
days_size(const char *events_dir, uint64_t day)
{
	char path[PATH_SIZE];
	uint64_t size = 0;
	struct stat st;
	size_t len;

	if (days_path(events_dir, day, path) < 0)
		return 0;
	len = strlen(path);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path + len, sizeof(path) - len, "%s", suffixes[i]);
		if (stat(path, &st) == 0)
			size += (uint64_t)st.st_size;
	}
	return size;
}

void
days_checkpoint(struct db *db)
{
	sqlite3_busy_timeout(db->handle, 0);
	db_try(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
}

int
days_unlink(const char *events_dir, uint64_t day)
{
	char path[PATH_SIZE];
	int r = days_path(events_dir, day, path);
	size_t len;

	if (r < 0)
		return r;
	len = strlen(path);
	for (size_t i = 0; i < DS_LEN(suffixes); i++) {
		snprintf(path + len, sizeof(path) - len, "%s", suffixes[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r;
}

void
days_set_aside(const char *events_dir, uint64_t day, const char *why)
{
	char from[PATH_SIZE], to[PATH_SIZE + 64];
	size_t len;

	if (days_path(events_dir, day, from) < 0)
		return;
	len = strlen(from);
	snprintf(to, sizeof(to), "%s.damaged-%llu", from,
	    (unsigned long long)(ds_clock_wall_us() / DS_US_PER_S));
	ds_log(ERROR, "a file of events is damaged; it is set aside and its events are not served",
	    "file=\"%s\" now=\"%s\" why=\"%s\"", from, to, why);
	if (rename(from, to) < 0)
		ds_log(ERROR, "it could not be renamed", "why=\"%s\"", strerror(errno));
	for (size_t i = 1; i < DS_LEN(suffixes); i++) {
		size_t to_len = strlen(to);

		snprintf(from + len, sizeof(from) - len, "%s", suffixes[i]);
		snprintf(to + to_len, sizeof(to) - to_len, "%s", suffixes[i]);
		(void)rename(from, to); /* often not there */
		to[to_len] = '\0';
	}
}

int
days_read_sums(struct db *db, struct day_sums *ret)
{
	sqlite3_stmt *st = db_prepare(db, DAY_SUMS, "");
	int r = db_step(db, st);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret = (struct day_sums){ db_u64(st, 0), db_u64(st, 1), db_u64(st, 2), db_u64(st, 3),
		db_u64(st, 4), db_u64(st, 5), db_u64(st, 6) };
	sqlite3_reset(st);
	return 0;
}
