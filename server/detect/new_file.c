/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * new_file - a daemon changes a file from which code is started, or reads credentials, for the
 * first time.
 *
 * Where the file is decides (place.h).  A new directory like any other is no finding: below one
 * where the daemon is known to write, or beside three, or in places of temporary files and logs, it
 * is learnt, elsewhere it waits (tier.h).  Programs whose work it is are left alone (keeper.h).
 * Sessions and jobs do to files what they like, but for what has no good reason at all.
 */
#include "lib/clock.h"
#include "server/detect/fact.h"
#include "server/detect/keeper.h"
#include "server/detect/place.h"
#include "server/detect/program.h"
#include "server/detect/version.h"

#include <stdio.h>
#include <string.h>

#define SIBLINGS_MIN 3u /* known directories beside a new one */

static const struct place script_place = { "*", PLACE_WRITE, KEEPER_PACKAGES | KEEPER_LOGIN,
	REACH_DAEMON, "high", 84, "a program that a web server runs", "T1505.003" };

/* .htaccess and the like: which files are programs, and what runs before them. */
static const struct place rule_place = { "*", PLACE_WRITE, KEEPER_PACKAGES | KEEPER_LOGIN,
	REACH_DAEMON, "high", 84, "a file that says what a web server runs", "T1505.003" };

/* The parent of a directory's key, as a length. */
static size_t
parent_len(const uint8_t *key, size_t size)
{
	if (size > 1 && key[size - 1] == '/')
		size--;
	while (size > 1 && key[size - 1] != '/')
		size--;
	return size;
}

/* The daemon is known to write in a directory above, or in several beside it. */
static bool
is_near(const struct sighting *s)
{
	const uint8_t *key = s->key.data;
	size_t parent = parent_len(key, s->key.size);
	unsigned siblings = 0;

	if (parent <= 2)
		return false;
	for (const struct behaviour *b = s->daemon->behaviours; b != NULL; b = b->next) {
		if (!b->learnt || b->key[0] != KEY_PLAIN || key_family(b->kind) != KEY_FILE)
			continue;
		/* Known as it is, by another way of changing it, or above. */
		if (b->key_size > 2 && b->key_size <= s->key.size &&
		    memcmp(b->key, key, b->key_size) == 0)
			return true;
		if (b->key_size > parent && memcmp(b->key, key, parent) == 0 &&
		    ++siblings >= SIBLINGS_MIN)
			return true;
	}
	return false;
}

static enum novelty
judge_plain(const struct sighting *s)
{
	char path[KEY_MAX];

	if (!daemon_is_judged(s->daemon) || s->kind == DS_EVENT_FILE_READ)
		return NOVEL_LEARN;
	snprintf(path, sizeof(path), "%.*s", (int)s->key.size - 1, (const char *)s->key.data + 1);
	return place_is_ordinary(path) || is_near(s) ? NOVEL_LEARN : NOVEL_WAIT;
}

/* The row that makes the event worth telling, or NULL. */
static const struct place *
place_of(const struct sighting *s, unsigned *ret_op, struct ds_str *ret_path)
{
	const struct place *p;

	*ret_op = place_op(s->event, ret_path);
	p = place_find(*ret_path, *ret_op);
	if (p == NULL && (*ret_op & PLACE_WRITE) &&
	    (program_is_web(s->daemon->class) || place_is_web(*ret_path))) {
		const char *ending = place_script(*ret_path);

		if (ending != NULL)
			return ending[0] == '/' ? &rule_place : &script_place;
	}
	return p;
}

static bool
reaches(const struct place *p, const struct daemon_profile *d, bool ready)
{
	switch (p->reach) {
	case REACH_DAEMON:
		return ready && daemon_is_judged(d);
	case REACH_JOB:
		return daemon_is_judged(d) ? ready : daemon_is_job(d);
	case REACH_ANYBODY:
		return !daemon_is_package(d);
	}
	return false;
}

static enum novelty
judge(struct turn *t, const struct sighting *s, bool ready)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE), path;
	unsigned op;
	const struct place *p = place_of(s, &op, &path);
	unsigned keeper;
	char own[KEY_MAX];

	if (p == NULL)
		return ready ? judge_plain(s) : NOVEL_LEARN;
	if (!reaches(p, s->daemon, ready))
		return NOVEL_LEARN;
	keeper = keeper_of(exe) & p->keepers;
	if (keeper != 0 && !(keeper == KEEPER_ARCHIVE && place_is_anybodys(path)))
		return NOVEL_LEARN;
	/* New host keys and the like, in the first days: what the daemon itself reads of its own.
	 */
	if (op == PLACE_READ && version_is_warm(s->daemon, s->time_us) &&
	    daemon_is_own(s->daemon, own, key_path(exe, own, sizeof(own))))
		return NOVEL_LEARN;
	return turn_is_common(t, s) ? NOVEL_LEARN : NOVEL_TELL;
}

static int
tell(struct turn *t, const struct sighting *s)
{
	unsigned op;
	struct ds_str path;
	const struct place *p = place_of(s, &op, &path);
	struct fact f = { .kind = "new_file" };
	char text[200];

	if (p == NULL)
		return 0; /* judged by another version */
	fact_text(path, text, sizeof(text));
	f.severity = p->severity;
	f.score = p->score;
	f.feature = op == PLACE_READ ? "credential file read" : "file changed";
	f.what = p->what;
	f.technique[0] = p->technique;
	f.whoever = p->reach == REACH_ANYBODY;
	f.root = key_hash(14, p->what, strlen(p->what));
	snprintf(f.title, sizeof(f.title), "%s has %s %.150s", s->daemon->class,
	    op == PLACE_READ ? "read" : "changed", text);
	snprintf(f.never, sizeof(f.never), "%s %s", place_done(op), text);
	snprintf(f.did, sizeof(f.did), "has %s %.160s, %s", place_done(op), text, p->what);
	snprintf(f.observed, sizeof(f.observed), "%s", text);
	return fact_tell(t, s, &f);
}

const struct detector detect_new_file = {
	.name = "new_file",
	.kinds = UINT64_C(1) << DS_EVENT_FILE_WRITE | UINT64_C(1) << DS_EVENT_FILE_CREATE |
		 UINT64_C(1) << DS_EVENT_FILE_RENAME | UINT64_C(1) << DS_EVENT_FILE_UNLINK |
		 UINT64_C(1) << DS_EVENT_FILE_CHMOD | UINT64_C(1) << DS_EVENT_FILE_CHOWN |
		 UINT64_C(1) << DS_EVENT_FILE_READ,
	.judge = judge,
	.tell = tell,
};
