/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logs - the login sensor: follows logs, makes LOGIN events of what tells of one.
 *
 * Called by main on the uplink's only thread.  Owns the inotify descriptor and the followed files
 * (logs_files).
 */
#include "agent/uplink/logs/logs_impl.h"

#include "agent/uplink/logs/journal.h"
#include "agent/uplink/logs/login.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TURN_BYTES    (256u << 10) /* of one file before others get their turn */
#define TURN_LINES    1000u
#define POLL_S        10 /* for file systems without inotify, and directories that came late */
#define POLLS_A_LOOK  6u /* at the patterns of names */
#define MESSAGE_MAX   512u
#define NOTES_VERSION 1u

static void
set_str(struct ds_event *ev, enum ds_str_field field, struct ds_str s)
{
	ds_event_set_str(ev, field, s.len > 0 ? s.ptr : NULL, s.len);
}

static void
on_log_line(const struct log_line *line, void *ctx)
{
	struct logs *l = ctx;
	struct ds_event ev = { .kind = DS_EVENT_LOGIN };
	struct login login;
	char daemon[DS_DAEMON_MAX + 1];

	if (!login_parse(line, &login))
		return;
	login_daemon("", login.program, daemon, sizeof(daemon));
	ev.time_us = line->time_us != 0 ? line->time_us : ds_clock_wall_us();
	ev.count = login.count;
	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	ev.num[DS_NUM_PID] = line->pid;
	ev.num[DS_NUM_OUTCOME] = login.outcome;
	ev.num[DS_NUM_SPORT] = login.port;
	set_str(&ev, DS_STR_USER, login.user);
	set_str(&ev, DS_STR_METHOD, login.method);
	ds_event_set_str(
	    &ev, DS_STR_SADDR, login.address_size ? login.address : NULL, login.address_size);
	ds_event_set_str(&ev, DS_STR_SOURCE, l->source, strlen(l->source));
	ds_event_set_str(
	    &ev, DS_STR_MESSAGE, line->message.ptr, DS_MIN(line->message.len, MESSAGE_MAX));
	if (line->message.len > MESSAGE_MAX)
		ev.flags |= DS_FLAG_TRUNCATED;
	l->ops->event(&ev, l->ctx);
}

/* A failure of any daemon that there is a filter for. */
static void
on_failure(
    struct logs *l, const struct log_line *line, const struct filter_hit *hit, const char *unit)
{
	struct ds_event ev = { .kind = DS_EVENT_LOGIN, .count = line->count };
	char daemon[DS_DAEMON_MAX + 1];
	uint8_t address[16];
	size_t size = inet_pton(AF_INET, hit->host, address) == 1    ? 4
		      : inet_pton(AF_INET6, hit->host, address) == 1 ? 16
								     : 0;

	ev.time_us = line->time_us != 0 ? line->time_us : ds_clock_wall_us();
	login_filter_daemon("", hit->filter, unit, daemon, sizeof(daemon));
	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	ev.num[DS_NUM_PID] = line->pid;
	ev.num[DS_NUM_OUTCOME] = LOGIN_FAILURE;
	ds_event_set_str(&ev, DS_STR_USER, hit->user[0] ? hit->user : NULL, strlen(hit->user));
	ds_event_set_str(&ev, DS_STR_METHOD, "log", 3);
	ds_event_set_str(&ev, DS_STR_SADDR, size ? address : NULL, size);
	ds_event_set_str(&ev, DS_STR_SOURCE, l->source, strlen(l->source));
	ds_event_set_str(
	    &ev, DS_STR_MESSAGE, line->message.ptr, DS_MIN(line->message.len, MESSAGE_MAX));
	l->ops->event(&ev, l->ctx);
}

/* How often an expression ran away is told now and then. */
static void
tell_runaways(const struct logs *l, uint64_t before)
{
	static struct ds_log_rate rate;

	if (filters_runaways(l->filters) > before && ds_log_pass(&rate, 5))
		ds_log(WARN,
		    "an expression of a filter ran away and was stopped, its line is no failure",
		    "log=\"%s\" times=%llu", l->source,
		    (unsigned long long)filters_runaways(l->filters));
}

static void
on_text(const char *text, size_t len, void *ctx)
{
	struct logs *l = ctx;
	struct filter_hit hit;
	struct log_line line;
	struct login login;
	uint64_t before;

	log_line_parse(text, len, ds_clock_wall_us(), &line);
	on_log_line(&line, ctx);
	if (l->filters == NULL || login_parse(&line, &login))
		return;
	before = filters_runaways(l->filters);
	if (filters_match(l->filters, l->source, text, len, &hit))
		on_failure(l, &line, &hit, "");
	tell_runaways(l, before);
}

static bool
entry_has(const char *match, size_t len, void *ctx)
{
	struct logs *l = ctx;

	return journal_has(l->journal, match, len);
}

/* As fail2ban's users' expressions know it: "host sshd[123]: text". */
static void
on_journal_line(const struct log_line *line, void *ctx)
{
	struct logs *l = ctx;
	const struct filter_entry entry = { entry_has, l, line->by_person };
	struct filter_hit hit;
	struct login login;
	char text[FILTER_LINE_MAX], unit[DS_DAEMON_MAX + 1];
	uint64_t before;
	int n;

	on_log_line(line, ctx);
	if (l->filters == NULL || login_parse(line, &login))
		return;
	n = snprintf(text, sizeof(text), "localhost %.*s[%llu]: %.*s", (int)line->program.len,
	    line->program.ptr, (unsigned long long)line->pid,
	    (int)DS_MIN(line->message.len, FILTER_LINE_MAX), line->message.ptr);
	before = filters_runaways(l->filters);
	if (filters_match_entry(
		l->filters, &entry, text, DS_MIN((size_t)n, sizeof(text) - 1), &hit)) {
		journal_unit(l->journal, unit, sizeof(unit));
		on_failure(l, line, &hit, unit);
	}
	tell_runaways(l, before);
}

static void
on_lost(const char *why, void *ctx)
{
	struct logs *l = ctx;
	struct ds_event ev = { .kind = DS_EVENT_GAP, .time_us = ds_clock_wall_us(), .count = 1 };

	ds_log(WARN, "lines of a log may have been lost", "log=%s why=\"%s\"", l->source, why);
	ev.daemon = (struct ds_str){ "daemonsec", 9 };
	ev.num[DS_NUM_LOST] = 1;
	ds_event_set_str(&ev, DS_STR_SOURCE, l->source, strlen(l->source));
	ds_event_set_str(&ev, DS_STR_MESSAGE, why, strlen(why));
	l->ops->event(&ev, l->ctx);
}

static void
load_filters(struct logs *l, const char *path)
{
	char why[300];

	if (path[0] == '\0')
		return;
	if (filters_load(path, &l->filters, why, sizeof(why)) < 0) {
		ds_log(WARN, "the filters cannot be used", "file=\"%s\" why=\"%s\"", path, why);
		return;
	}
	logs_find_files(l);
	ds_log(INFO, "failures are found by filters", "filters=%zu", filters_len(l->filters));
}

struct logs *
logs_new(const struct agent_config *cfg)
{
	struct logs *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->inotify = -1;
	/* Files that were asked for by name are read instead of the journal: both would tell the
	 * same logins twice. */
	l->wants_journal = cfg->journal && logs_want_auto(cfg) && journal_is_here();
	l->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (l->inotify < 0)
		ds_log(WARN, "no inotify, looking at the logs every 10 s", "error=\"%s\"",
		    strerror(errno));
	logs_add_files(l, cfg);
	load_filters(l, cfg->log_filters);
	return l;
}

/* 1: there is more. */
static int
read_file(struct logs *l, struct watched *w)
{
	const struct follow_ops ops = { .line = on_text, .lost = on_lost, .ctx = l };
	int r;

	l->source = w->follow.path;
	r = follow_read(&w->follow, TURN_BYTES, &ops);
	logs_keep_inode(w);
	if (r >= 0)
		return r;
	if (!w->is_refused)
		ds_log(WARN, "cannot read this log", "log=%s error=\"%s\"", w->follow.path,
		    strerror(-r));
	if (r == -EACCES)
		logs_ask_for_restart(l, w);
	w->is_refused = true;
	return 0;
}

static void
read_all(struct logs *l)
{
	const struct timeval now = { 0, 0 };
	bool more = false;

	for (size_t i = 0; i < l->len; i++)
		more |= read_file(l, &l->files[i]) == 1;
	if (more)
		(void)evtimer_add(l->again, &now); /* else the poll */
}

static void
on_inotify(evutil_socket_t fd, short what, void *ctx)
{
	struct logs *l = ctx;
	char events[4096] __attribute__((aligned(8)));

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	for (size_t i = 0; i < l->len; i++)
		logs_watch_file(l, &l->files[i]);
	read_all(l);
}

static void
on_poll(evutil_socket_t fd, short what, void *ctx)
{
	struct logs *l = ctx;

	(void)fd;
	(void)what;
	if (++l->polls >= POLLS_A_LOOK)
		logs_find_files(l);
	for (size_t i = 0; i < l->len; i++)
		logs_watch_file(l, &l->files[i]);
	read_all(l);
}

static void
on_again(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	read_all(ctx);
}

static void
on_journal(evutil_socket_t fd, short what, void *ctx)
{
	struct logs *l = ctx;
	static struct ds_log_rate rate;
	int r;

	(void)fd;
	(void)what;
	l->source = "journal";
	r = journal_read(l->journal, TURN_LINES, on_journal_line, l);
	if (r < 0 && ds_log_pass(&rate, 5))
		ds_log(WARN, "cannot read the journal", "error=\"%s\"", strerror(-r));
	if (r == 1)
		event_active(l->journal_readable, EV_READ, 0);
}

static int
add_journal_match(const char *match, void *ctx)
{
	struct journal_matches *m = ctx;

	for (size_t i = 0; i < m->len; i++)
		if (strcmp(m->at[i], match) == 0)
			return 0;
	if (*match != '\0' && m->len < JOURNAL_MATCHES_MAX)
		m->at[m->len++] = match;
	return 0;
}

static int
start_journal(struct logs *l, struct event_base *base, const char *cursor)
{
	struct journal_matches matches = { .len = 0 };
	char why[256];
	int r;

	if (l->filters != NULL)
		(void)filters_each_journal(l->filters, add_journal_match, &matches); /* 0 always */
	r = journal_open(&l->journal, &matches, why, sizeof(why));

	if (r < 0) {
		ds_log(WARN, "there is a journal that cannot be read, so logins are not seen",
		    "why=\"%s\"", why);
		return 0;
	}
	l->source = "journal";
	r = journal_seek(l->journal, cursor);
	if (r == 1)
		on_lost("the place in the journal has been rotated away", l);
	if (r < 0)
		return r;
	l->journal_readable =
	    event_new(base, journal_fd(l->journal), EV_READ | EV_PERSIST, on_journal, l);
	if (l->journal_readable == NULL || event_add(l->journal_readable, NULL) < 0)
		return -ENOMEM;
	event_active(l->journal_readable, EV_READ, 0); /* what came while we were away */
	return 0;
}

static int
start_files(struct logs *l, struct event_base *base)
{
	const struct timeval every = { POLL_S, 0 }, now = { 0, 0 };

	if (l->inotify >= 0) {
		l->readable = event_new(base, l->inotify, EV_READ | EV_PERSIST, on_inotify, l);
		if (l->readable == NULL || event_add(l->readable, NULL) < 0)
			return -ENOMEM;
	}
	l->poll = event_new(base, -1, EV_PERSIST, on_poll, l);
	l->again = evtimer_new(base, on_again, l);
	if (l->poll == NULL || l->again == NULL || event_add(l->poll, &every) < 0 ||
	    evtimer_add(l->again, &now) < 0)
		return -ENOMEM;
	return 0;
}

static struct watched *
find_file(struct logs *l, const char *path)
{
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(l->files[i].follow.path, path) == 0)
			return &l->files[i];
	return NULL;
}

/* Notes that are damaged or from the future are as good as none. */
static void
read_notes(struct logs *l, const void *notes, size_t size, char cursor[JOURNAL_CURSOR_MAX],
    bool has_place[LOGS_FILES_MAX])
{
	const uint8_t *text;
	uint8_t version, len;
	struct follow place;
	struct ds_buf b;
	size_t n;

	cursor[0] = '\0';
	ds_buf_view(&b, notes, size);
	if (ds_buf_get_u8(&b, &version) < 0 || version != NOTES_VERSION ||
	    ds_buf_get_bytes(&b, JOURNAL_CURSOR_MAX - 1, &text, &n) < 0)
		return;
	memcpy(cursor, text, n);
	cursor[n] = '\0';
	if (ds_buf_get_u8(&b, &len) < 0)
		return;
	while (len-- > 0 && follow_get(&b, &place) == 0) {
		struct watched *w = find_file(l, place.path);

		if (w == NULL)
			continue;
		follow_take_place(&w->follow, &place);
		has_place[w - l->files] = true;
	}
}

int
logs_start(struct logs *l, struct event_base *base, const void *notes, size_t size,
    const struct logs_ops *ops, void *ctx)
{
	char cursor[JOURNAL_CURSOR_MAX];
	bool has_place[LOGS_FILES_MAX] = { false };
	int r;

	l->ops = ops;
	l->ctx = ctx;
	read_notes(l, notes, size, cursor, has_place);
	r = l->wants_journal ? start_journal(l, base, cursor) : 0;
	if (r < 0 || (l->wants_journal && l->len == 0 && !l->has_patterns))
		return r;
	for (size_t i = 0; i < l->len; i++) {
		if (has_place[i])
			continue;
		r = follow_begin(&l->files[i].follow);
		if (r < 0)
			ds_log(WARN, "cannot read this log", "log=%s error=\"%s\"",
			    l->files[i].follow.path, strerror(-r));
	}
	return start_files(l, base);
}

void
logs_look_again(struct logs *l)
{
	if (l->again == NULL)
		return; /* only the journal is read */
	logs_find_files(l);
	read_all(l);
}

int
logs_notes(const struct logs *l, struct ds_buf *b)
{
	size_t start = b->len;
	int r = ds_buf_put_u8(b, NOTES_VERSION);

	if (r == 0)
		r = ds_buf_put_str(b, l->journal != NULL ? journal_cursor(l->journal) : "");
	if (r == 0)
		r = ds_buf_put_u8(b, (uint8_t)l->len);
	for (size_t i = 0; r == 0 && i < l->len; i++)
		r = follow_put(&l->files[i].follow, b);
	if (r < 0)
		b->len = start;
	return r;
}

void
logs_describe(const struct logs *l, char *ret, size_t size)
{
	size_t used = 0;

	snprintf(ret, size, "%s", l->journal != NULL ? "journal" : "");
	for (size_t i = 0; i < l->len && used < size; i++)
		if (access(l->files[i].follow.path, F_OK) == 0)
			used += (size_t)snprintf(ret + used, size - used, "%s%s",
			    used > 0 ? ", " : "", l->files[i].follow.path);
}

void
logs_free(struct logs *l)
{
	if (l == NULL)
		return;
	struct event *const events[] = { l->readable, l->poll, l->again, l->journal_readable };

	for (size_t i = 0; i < DS_LEN(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	for (size_t i = 0; i < l->len; i++)
		follow_done(&l->files[i].follow);
	if (l->inotify >= 0)
		close(l->inotify);
	journal_close(l->journal);
	filters_free(l->filters);
	free(l);
}
