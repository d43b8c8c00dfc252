/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_known - which programs a daemon has started before.
 *
 * Called by hold.  Lines "daemon TAB program" in guard_dir/known, root's own: what is in there runs
 * without a question.  Names that would break a line are not kept, and asked for each time.
 */
#include "agent/guard/hold_known.h"
#include "agent/guard/daemon.h"
#include "agent/guard/hold_perm.h"
#include "agent/guard/probe.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_MAX    (8u << 20)
#define KEY_MAX     (DS_DAEMON_MAX + DS_PATH_MAX + 2)
#define PENDING_MAX (1u << 20)

static char path[4096];
static struct ds_map *known; /* "daemon\texe" -> itself */
static struct ds_buf pending;

static size_t
key_of(const char *daemon, const char *exe, char *ret, size_t size)
{
	int n;

	if (daemon[0] == '\0' || exe[0] == '\0' || strpbrk(daemon, "\t\n") != NULL ||
	    strpbrk(exe, "\t\n") != NULL)
		return 0;
	n = snprintf(ret, size, "%s\t%s", daemon, exe);
	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

static bool
put(const char *key, size_t len)
{
	char *copy = strndup(key, len);

	if (copy == NULL)
		return false;
	if (ds_map_put(known, key, len, copy, NULL) == 0)
		return true;
	free(copy); /* full: the rest is asked for */
	return false;
}

static void
load(void)
{
	char *text, *line, *next;
	size_t size;

	if (ds_file_read(path, FILE_MAX, &text, &size) < 0)
		return;
	for (line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next == NULL)
			break; /* half a line */
		*next++ = '\0';
		if (strchr(line, '\t') != NULL && ds_map_get(known, line, strlen(line)) == NULL)
			(void)put(line, strlen(line));
	}
	free(text);
}

int
hold_known_open(const char *guard_dir)
{
	if ((size_t)snprintf(path, sizeof(path), "%s/known", guard_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	known = ds_map_new(HOLD_KNOWN_MAX);
	if (known == NULL)
		return -ENOMEM;
	ds_buf_init(&pending, PENDING_MAX);
	load();
	return 0;
}

void
hold_known_close(void)
{
	hold_known_flush();
	if (known != NULL)
		ds_map_free(known, free);
	known = NULL;
	ds_buf_done(&pending);
}

bool
hold_known_has(const char *daemon, const char *exe)
{
	char key[KEY_MAX];
	size_t len = key_of(daemon, exe, key, sizeof(key));

	return known != NULL && len > 0 && ds_map_get(known, key, len) != NULL;
}

/* By device and inode, as the kernel sees them in an exec. */
static void
push(const char *daemon, const char *exe)
{
	const struct daemon *d = daemon_find(daemon);
	struct stat st;

	if (d == NULL || exe[0] != '/' || stat(exe, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	probe_hold_know(probe_hold_key(d->number,
			    (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev), st.st_ino),
	    true);
}

bool
hold_known_note(const char *daemon, const char *exe)
{
	char key[KEY_MAX];
	size_t len = key_of(daemon, exe, key, sizeof(key));

	return known != NULL && len > 0 && ds_map_get(known, key, len) == NULL && put(key, len);
}

void
hold_known_add(const char *daemon, const char *exe)
{
	char key[KEY_MAX];
	size_t len = key_of(daemon, exe, key, sizeof(key));

	if (!hold_known_note(daemon, exe))
		return;
	push(daemon, exe);
	hold_perm_know(daemon, exe);
	if (ds_buf_put(&pending, key, len) < 0 || ds_buf_put(&pending, "\n", 1) < 0)
		hold_known_flush();
}

struct of_daemon {
	const char *daemon;
	size_t len;
	void (*call)(const char *exe, void *ctx);
	void *ctx;
};

static int
see_one(const void *key, size_t len, void *value, void *ctx)
{
	const struct of_daemon *o = ctx;
	const char *text = value;

	(void)key;
	if (len > o->len && text[o->len] == '\t' && strncmp(text, o->daemon, o->len) == 0)
		o->call(text + o->len + 1, o->ctx);
	return 0;
}

void
hold_known_each(const char *daemon, void (*call)(const char *exe, void *ctx), void *ctx)
{
	struct of_daemon o = { daemon, strlen(daemon), call, ctx };

	if (known != NULL)
		(void)ds_map_each(known, see_one, &o);
}

static void
push_one(const char *exe, void *ctx)
{
	push(ctx, exe);
}

void
hold_known_push(const char *daemon)
{
	hold_known_each(daemon, push_one, (void *)(uintptr_t)daemon);
}

void
hold_known_flush(void)
{
	int fd;

	if (pending.len == 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, pending.data, pending.len) != (ssize_t)pending.len)
		ds_log(WARN, "cannot keep which programs are known, going on",
		    "path=\"%s\" error=\"%s\"", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	ds_buf_clear(&pending);
}
