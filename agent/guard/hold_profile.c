/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_profile - what daemons may start and must not start while the server is away.
 *
 * Called by hold and order_kind.  The file has for each daemon a line "@VERSION TAB DAEMON" and the
 * lines of its text; it is written whole and renamed.
 */
#include "agent/guard/hold_profile.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (HOLD_PROFILES_MAX * (HOLD_PROFILE_SIZE + 300))

struct profile {
	char daemon[256]; /* "": free */
	uint64_t version;
	char text[HOLD_PROFILE_SIZE];
};

static char file[4096];
static struct profile *profiles; /* HOLD_PROFILES_MAX of them; NULL: closed */

bool
hold_profile_fits(const char *pattern, const char *path)
{
	for (; *pattern != '\0'; pattern++) {
		size_t n;

		if (*pattern != '#') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		n = strspn(path, "0123456789.");
		if (n == 0)
			return false;
		path += n;
	}
	return *path == '\0';
}

static struct profile *
find(const char *daemon)
{
	for (size_t i = 0; profiles != NULL && i < HOLD_PROFILES_MAX; i++)
		if (strcmp(profiles[i].daemon, daemon) == 0)
			return &profiles[i];
	return NULL;
}

/* Only lines that say something; the text ends with a newline, or is empty. */
static bool
is_text(const char *text)
{
	size_t len = strlen(text);

	if (len >= HOLD_PROFILE_SIZE || (len > 0 && text[len - 1] != '\n'))
		return false;
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
		if ((line[0] != '+' && line[0] != '-') || line[1] != '/')
			return false;
	return true;
}

static int
save(void)
{
	struct ds_buf b;
	int r = 0;

	ds_buf_init(&b, FILE_MAX);
	for (size_t i = 0; r == 0 && i < HOLD_PROFILES_MAX; i++) {
		char head[320];
		int n;

		if (profiles[i].daemon[0] == '\0')
			continue;
		n = snprintf(head, sizeof(head), "@%" PRIu64 "\t%s\n", profiles[i].version,
		    profiles[i].daemon);
		r = ds_buf_put(&b, head, (size_t)n);
		if (r == 0)
			r = ds_buf_put(&b, profiles[i].text, strlen(profiles[i].text));
	}
	if (r == 0)
		r = ds_file_replace(file, b.data, b.len, 0600);
	ds_buf_done(&b);
	return r;
}

static void
load_line(char *line, struct profile **at)
{
	size_t len;
	uint64_t version;
	char daemon[256];

	if (line[0] == '@') {
		*at = NULL;
		if (sscanf(line, "@%" SCNu64 "\t%255[^\n]", &version, daemon) == 2)
			*at = find("");
		if (*at == NULL)
			return;
		(*at)->version = version;
		memcpy((*at)->daemon, daemon, sizeof(daemon));
		return;
	}
	if (*at == NULL || (line[0] != '+' && line[0] != '-') || line[1] != '/')
		return;
	len = strlen((*at)->text);
	if (len + strlen(line) + 2 <= HOLD_PROFILE_SIZE)
		(void)snprintf((*at)->text + len, HOLD_PROFILE_SIZE - len, "%s\n", line);
}

int
hold_profile_open(const char *guard_dir)
{
	struct profile *at = NULL;
	char *text, *save_at = NULL;
	size_t size;

	if ((size_t)snprintf(file, sizeof(file), "%s/profiles", guard_dir) >= sizeof(file))
		return -ENAMETOOLONG;
	profiles = calloc(HOLD_PROFILES_MAX, sizeof(*profiles));
	if (profiles == NULL)
		return -ENOMEM;
	if (ds_file_read(file, FILE_MAX, &text, &size) < 0)
		return 0; /* none came yet */
	for (char *line = strtok_r(text, "\n", &save_at); line != NULL;
	     line = strtok_r(NULL, "\n", &save_at))
		load_line(line, &at);
	free(text);
	return 0;
}

void
hold_profile_close(void)
{
	free(profiles);
	profiles = NULL;
}

int
hold_profile_set(const char *daemon, uint64_t version, const char *text)
{
	struct profile *p, before;
	int r;

	if (daemon[0] == '\0' || strpbrk(daemon, "\t\n") != NULL || !is_text(text))
		return -EINVAL;
	p = find(daemon);
	if (p != NULL && p->version >= version)
		return -ESTALE;
	if (p == NULL)
		p = find("");
	if (p == NULL)
		return -ENOSPC;
	before = *p;
	*p = (struct profile){ .version = version };
	(void)snprintf(p->daemon, sizeof(p->daemon), "%s", daemon);
	(void)snprintf(p->text, sizeof(p->text), "%s", text);
	r = save();
	if (r < 0)
		*p = before;
	return r;
}

bool
hold_profile_is(const char *daemon, uint64_t version)
{
	const struct profile *p = daemon[0] != '\0' ? find(daemon) : NULL;

	return p != NULL && p->version == version;
}

/* A line that forbids wins. */
enum hold_word
hold_profile_get(const char *daemon, const char *exe)
{
	const struct profile *p = daemon[0] != '\0' ? find(daemon) : NULL;
	enum hold_word word = HOLD_WORD_NONE;
	char pattern[HOLD_PROFILE_SIZE];

	for (const char *line = p != NULL ? p->text : ""; *line != '\0';
	     line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n");

		memcpy(pattern, line + 1, len - 1);
		pattern[len - 1] = '\0';
		if (!hold_profile_fits(pattern, exe))
			continue;
		if (line[0] == '-')
			return HOLD_WORD_KILL;
		word = HOLD_WORD_ALLOW;
	}
	return word;
}
