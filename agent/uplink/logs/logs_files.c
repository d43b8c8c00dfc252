/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logs_files - which log files are followed: those that were asked for, the usual ones, and those
 * of the filters, whose names may be patterns.
 *
 * Called by logs on the uplink's only thread.
 */
#include "agent/uplink/logs/logs_impl.h"

#include "lib/log.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static const char *const usual_files[] = { "/var/log/auth.log", "/var/log/secure",
	"/var/log/mail.log", "/var/log/maillog", "/var/log/vsftpd.log" };

/* It could be read before it was rotated: as root it can be again.  Once: a file that a root could
 * not hand down is left alone. */
void
logs_ask_for_restart(struct logs *l, struct watched *w)
{
	if (w->is_refused || follow_is_readable(&w->follow))
		return;
	w->is_refused = true;
	if (w->follow.fd >= 0)
		l->ops->restart(l->ctx);
}

/* The file that has the name now; a file that was read to its end is let go one rotation later. */
void
logs_watch_file(struct logs *l, struct watched *w)
{
	int wd;

	if (l->inotify < 0)
		return;
	wd = inotify_add_watch(l->inotify, w->follow.path, IN_MODIFY);
	if (wd < 0 && errno == EACCES && l->ops != NULL)
		logs_ask_for_restart(l, w);
	if (wd < 0 || wd == w->wd)
		return; /* not there, or not for us */
	if (w->wd_before >= 0)
		(void)inotify_rm_watch(l->inotify, w->wd_before); /* may be gone by itself */
	w->wd_before = w->wd;
	w->wd = wd;
}

static void
watch_directory(struct logs *l, const char *path)
{
	char dir[FOLLOW_PATH];
	const char *slash = strrchr(path, '/');

	if (l->inotify < 0 || slash == NULL)
		return;
	snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	(void)inotify_add_watch(l->inotify, dir, IN_CREATE | IN_MOVED_TO); /* else the poll */
}

static void
leave(struct logs *l, const struct follow *f)
{
	l->left[l->left_len++ % LOGS_LEFT] = (struct left){ .inode = f->inode,
		.offset = f->offset,
		.head_hash = f->head_hash,
		.head_size = f->head_size,
		.is_skipping = f->is_skipping };
}

/* Of those that patterns found, the one that nobody has written to for longest makes room. */
static struct watched *
make_room(struct logs *l, const char *path)
{
	struct watched *oldest = NULL;
	time_t when = 0;
	struct stat st;

	if (l->len < LOGS_FILES_MAX)
		return &l->files[l->len];
	for (size_t i = 0; i < l->len && l->ops != NULL; i++) {
		time_t t = stat(l->files[i].follow.path, &st) == 0 ? st.st_mtime : 0;

		if (l->files[i].is_found && (oldest == NULL || t < when)) {
			oldest = &l->files[i];
			when = t;
		}
	}
	if (oldest == NULL || stat(path, &st) < 0 || st.st_mtime <= when)
		return NULL;
	if (oldest->wd >= 0)
		(void)inotify_rm_watch(l->inotify, oldest->wd); /* may be gone by itself */
	if (oldest->wd_before >= 0)
		(void)inotify_rm_watch(l->inotify, oldest->wd_before);
	leave(l, &oldest->follow);
	follow_done(&oldest->follow);
	return oldest;
}

static struct watched *
add_file(struct logs *l, const char *path)
{
	struct watched *w = strlen(path) < FOLLOW_PATH ? make_room(l, path) : NULL;

	if (w != NULL)
		*w = (struct watched){ .wd = -1, .wd_before = -1 };
	if (w == NULL || follow_init(&w->follow, path) < 0) {
		if (!l->is_full)
			ds_log(WARN, "cannot follow this log, leaving it out", "log=\"%s\"", path);
		l->is_full = true;
		return NULL;
	}
	if (w == &l->files[l->len])
		l->len++;
	watch_directory(l, path);
	logs_watch_file(l, w);
	return w;
}

void
logs_keep_inode(struct watched *w)
{
	if (w->follow.inode == w->inodes[0])
		return;
	memmove(w->inodes + 1, w->inodes, sizeof(w->inodes) - sizeof(w->inodes[0]));
	w->inodes[0] = w->follow.inode;
}

bool
logs_want_auto(const struct agent_config *cfg)
{
	const struct ds_conf_list *list = &cfg->log_files;

	return list->len == 1 && strcmp(list->items[0], "auto") == 0;
}

void
logs_add_files(struct logs *l, const struct agent_config *cfg)
{
	bool is_auto = logs_want_auto(cfg);

	for (size_t i = 0; i < DS_LEN(usual_files) && is_auto && !l->wants_journal; i++)
		(void)add_file(l, usual_files[i]); /* told */
	for (size_t i = 0; i < cfg->log_files.len && !is_auto; i++)
		(void)add_file(l, cfg->log_files.items[i]); /* told */
}

/* Followed already; or in the journal, which has what is in the usual ones. */
static bool
is_known(const struct logs *l, const char *path)
{
	for (size_t i = 0; l->wants_journal && i < DS_LEN(usual_files); i++)
		if (strcmp(path, usual_files[i]) == 0)
			return true;
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(path, l->files[i].follow.path) == 0)
			return true;
	return false;
}

/* access.log.1, access.log-20260131: beside what is followed. */
static bool
has_rotated_name(const struct logs *l, const char *path)
{
	for (size_t i = 0; i < l->len; i++) {
		const char *name = l->files[i].follow.path;
		size_t len = strlen(name);

		if (strncmp(path, name, len) == 0 && (path[len] == '.' || path[len] == '-') &&
		    path[len + 1] >= '0' && path[len + 1] <= '9')
			return true;
	}
	return false;
}

static bool
was_followed(const struct logs *l, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < l->len; i++)
		for (size_t k = 0; k < LOGS_INODES; k++)
			if ((uint64_t)st.st_ino == l->files[i].inodes[k])
				return true;
	return false;
}

/* Goes on in a file that had to make room before. */
static bool
take_up(struct logs *l, struct follow *f)
{
	struct stat st;

	if (stat(f->path, &st) < 0)
		return false;
	for (size_t i = 0; i < LOGS_LEFT; i++) {
		struct left *left = &l->left[i];
		const struct follow place = { .inode = left->inode,
			.offset = left->offset,
			.head_hash = left->head_hash,
			.head_size = left->head_size,
			.is_skipping = left->is_skipping };

		if (left->inode == 0 || (uint64_t)st.st_ino != left->inode)
			continue;
		follow_take_place(f, &place);
		left->inode = 0;
		return true;
	}
	return false;
}

/* A log that came while we run is read from its beginning; what was rotated away has been read. */
static void
add_found(struct logs *l, const char *path)
{
	bool is_running = l->ops != NULL, is_old;
	struct watched *w;

	if (is_known(l, path) || (is_running && has_rotated_name(l, path)))
		return;
	is_old = is_running && was_followed(l, path);
	w = add_file(l, path);
	if (w == NULL)
		return;
	w->is_found = true;
	if (!is_running)
		return;
	ds_log(INFO, "another log is followed", "log=\"%s\"", path);
	if (!follow_is_readable(&w->follow)) {
		w->is_refused = true;
		if (l->left_len == 0) /* else there is no room for it then, either */
			l->ops->restart(l->ctx);
	} else if (!take_up(l, &w->follow) && is_old && follow_begin(&w->follow) < 0) {
		ds_log(WARN, "cannot read this log", "log=\"%s\"", path);
	}
}

static int
find_files(const char *path, void *ctx)
{
	struct logs *l = ctx;
	glob_t found;

	if (strpbrk(path, "*?[") == NULL) {
		if (l->ops == NULL && !is_known(l, path))
			(void)add_file(l, path); /* told */
		return 0;
	}
	l->has_patterns = true;
	if (glob(path, 0, NULL, &found) != 0) {
		if (l->ops == NULL)
			ds_log(INFO, "no log has a name like this yet", "log=\"%s\"", path);
		return 0;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		add_found(l, found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

void
logs_find_files(struct logs *l)
{
	l->polls = 0;
	if (l->filters != NULL && (l->has_patterns || l->ops == NULL))
		(void)filters_each_log(l->filters, find_files, l); /* 0 always */
}
