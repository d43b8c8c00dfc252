/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite - the backend for one machine: control.db and a file of events a day.
 *
 * Two planes are two transactions; the control plane commits first.  A crash between the two makes
 * the agent resend what the event plane does not have, and every write of the control plane can be
 * repeated.
 */
#include "server/store/sqlite.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "server/store/backends.h"
#include "server/store/sqlite_control.h"
#include "server/store/sqlite_where.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
join(const char *dir, const char *name, char **ret)
{
	return asprintf(ret, "%s/%s", dir, name) < 0 ? -ENOMEM : 0;
}

static int
make_dir(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Whether the file was there already, which is so after an exit that was not clean. */
static int
mark_running(const char *path, bool *ret_unclean)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	*ret_unclean = fd < 0 && errno == EEXIST;
	if (fd < 0 && !*ret_unclean)
		return errno == ENOSPC ? 0 : -errno; /* a full disk is no reason not to answer */
	if (fd >= 0)
		close(fd);
	return 0;
}

static void
sqlite_close(struct store *s)
{
	bool clean;

	if (!s)
		return;
	clean = s->control.handle != NULL && !s->active && !s->damaged;
	compact_close(&s->compactor);
	if (s->control.handle)
		db_try(&s->control, "PRAGMA optimize"); /* a hint only */
	db_close(&s->control);
	db_close(&s->events);
	if (clean && s->running_file)
		unlink(s->running_file);
	free(s->running_file);
	free(s->events_dir);
	free(s->dir);
	free(s);
}

static int
open_control(struct store *s, bool unclean, char *ret_why, size_t why_size)
{
	char *path;
	int r = join(s->dir, "control.db", &path);

	if (r < 0)
		return r;
	r = db_open(&s->control, path, DB_CONTROL, control_sql, false, ret_why, why_size);
	if (r == 0 && unclean) {
		/* Without the control plane nothing works: say so and stop. */
		r = db_check(&s->control, "host");
		if (r < 0)
			snprintf(ret_why, why_size,
			    "%s is damaged; restore a backup, or move it away to start anew", path);
	}
	if (r == 0)
		wal_watch(s);
	free(path);
	return r;
}

static int
sqlite_open(const struct store_config *cfg, struct store **ret, char *ret_why, size_t why_size)
{
	struct store *s = calloc(1, sizeof(*s));
	bool unclean = false;
	int r;

	if (!s)
		return -ENOMEM;
	ret_why[0] = '\0';
	s->cfg = *cfg;
	if (!s->cfg.clock)
		s->cfg.clock = ds_clock_wall_us;
	s->dir = strdup(cfg->dir);
	r = s->dir ? make_dir(s->dir) : -ENOMEM;
	if (r == 0)
		r = join(s->dir, "events", &s->events_dir);
	if (r == 0)
		r = join(s->dir, "running", &s->running_file);
	if (r == 0)
		r = make_dir(s->events_dir);
	if (r == 0)
		r = mark_running(s->running_file, &unclean);
	if (r == 0)
		r = open_control(s, unclean, ret_why, why_size);
	if (r == 0)
		r = events_open(s, unclean);
	if (r < 0) {
		if (!ret_why[0])
			snprintf(ret_why, why_size, "%s: %s", cfg->dir, strerror(-r));
		sqlite_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int
sqlite_begin(struct store *s)
{
	int r = events_begin(s);

	if (r < 0)
		return r;
	r = db_begin(&s->control);
	if (r < 0)
		db_try(&s->events, "ROLLBACK"); /* nothing was written */
	s->active = r == 0;
	return r;
}

static void
sqlite_rollback(struct store *s)
{
	/* SQLite may have rolled back by itself (disk full): then these have nothing to do. */
	db_try(&s->control, "ROLLBACK");
	db_try(&s->events, "ROLLBACK");
	s->sums = s->sums_begin;
	s->active = false;
}

/* Remembers that the day file is damaged, from any of its operations. */
static int
note(struct store *s, int r)
{
	if (r == -EBADMSG)
		s->damaged = true;
	return r;
}

static int
sqlite_commit_control(struct store *s)
{
	int r = note(s, events_finish(s));

	if (r == 0)
		r = db_commit(&s->control);
	if (r < 0)
		sqlite_rollback(s);
	s->control_done = r == 0;
	return r;
}

static int
sqlite_commit(struct store *s)
{
	int r = s->control_done ? 0 : sqlite_commit_control(s);

	s->control_done = false;
	if (r == 0)
		r = note(s, db_commit(&s->events));
	if (r < 0)
		sqlite_rollback(s);
	s->active = false;
	wal_limit(s);
	return r;
}

static int
sqlite_mark(struct store *s)
{
	int r = db_mark(&s->control);

	if (r == 0)
		r = db_mark(&s->events);
	s->sums_mark = s->sums;
	return r;
}

static int
sqlite_unmark(struct store *s, bool keep)
{
	int r = db_unmark(&s->control, keep), q = db_unmark(&s->events, keep);

	if (!keep)
		s->sums = s->sums_mark;
	return r < 0 ? r : q;
}

static int
sqlite_segment_put(struct store *s, const struct segment_row *row)
{
	return note(s, events_segment_put(s, row));
}

static int
sqlite_cursor_get(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret)
{
	return note(s, events_cursor_get(s, host, lane, ret));
}

static void
sqlite_reader_close(struct reader *r)
{
	if (!r)
		return;
	scan_close(r);
	db_close(&r->control);
	free(r->events_dir);
	free(r->dir);
	free(r);
}

static int
sqlite_reader_open(const struct store_config *cfg, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof(*r));
	char *path = NULL;
	int result;

	if (!r)
		return -ENOMEM;
	r->dir = strdup(cfg->dir);
	result = r->dir ? join(r->dir, "events", &r->events_dir) : -ENOMEM;
	if (result == 0)
		result = join(r->dir, "control.db", &path);
	if (result == 0)
		result = db_open(&r->control, path, DB_CONTROL, control_sql, true, NULL, 0);
	if (result == 0 && !where_prepare(r->control.handle))
		result = -ENOMEM;
	free(path);
	if (result < 0) {
		sqlite_reader_close(r);
		return result;
	}
	*ret = r;
	return 0;
}

static int
sqlite_totals(struct reader *r, struct store_totals *ret)
{
	struct stat st;
	char *path;
	int result = scan_totals(r, ret);

	if (result == 0)
		result = join(r->dir, "control.db", &path);
	if (result < 0)
		return result;
	ret->control_bytes = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	free(path);
	return 0;
}

const struct store_backend store_sqlite = {
	.name = "sqlite",
	.access = &access_sqlite,
	.messages = &messages_sqlite,
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.commit_control = sqlite_commit_control,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.mark = sqlite_mark,
	.unmark = sqlite_unmark,
	.host_put = control_host_put,
	.host_update = control_host_update,
	.host_decide = control_host_decide,
	.host_email = control_host_email,
	.token_put = control_token_put,
	.token_use = control_token_use,
	.daemon_put = control_daemon_put,
	.daemon_delete = control_daemon_delete,
	.profile_put = control_profile_put,
	.profile_delete = control_profile_delete,
	.finding_put = control_finding_put,
	.alert_put = control_alert_put,
	.alert_by_key = control_alert_by_key,
	.setting_put = control_setting_put,
	.segment_put = sqlite_segment_put,
	.cursor_get = sqlite_cursor_get,
	.maintain = maintain_step,
	.reader_open = sqlite_reader_open,
	.reader_close = sqlite_reader_close,
	.host_get = control_host_get,
	.each_host_like = control_each_host_like,
	.each_host = control_each_host,
	.each_token = control_each_token,
	.each_daemon = control_each_daemon,
	.each_host_after = control_each_host_after,
	.each_daemon_after = control_each_daemon_after,
	.fleet_counts = control_fleet_counts,
	.has_change = control_has_change,
	.each_profile = control_each_profile,
	.each_alert = control_each_alert,
	.each_alert_brief = control_each_alert_brief,
	.alert_get = control_alert_get,
	.each_finding = control_each_finding,
	.setting_get = control_setting_get,
	.each_change = control_each_change,
	.change_span = control_change_span,
	.reader_cursor = scan_cursor,
	.each_segment = scan_segments,
	.totals = sqlite_totals,
	.reactions = &store_sqlite_reactions,
	.model_state = &store_sqlite_model_state,
	.identity = &store_sqlite_identity,
	.learning = &store_sqlite_learning,
	.hooks = &store_sqlite_hooks,
	.models = &store_sqlite_models,
	.versions = &store_sqlite_profile_versions,
	.lists = &store_sqlite_lists,
};
