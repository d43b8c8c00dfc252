/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_judge - what a change of a watched file means, and its event.
 *
 * A change is explained when the package database has a digest for the file and it is that of the
 * new contents, under a version other than before: a database that was changed together with the
 * file explains nothing.  While a package manager is at work its database lags behind the files, so
 * its changes wait until it has finished.
 */
#include "agent/guard/integrity_judge.h"

#include "agent/guard/emit.h"
#include "agent/guard/package_digest.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "lib/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MS   60000u
#define WINDOW_MAX  60u /* events of one file in a window; more are folded into the last */
#define MANAGER_MS  250u
#define MANAGER_MAX 600000u /* a package manager that takes longer explains nothing */
#define OWNER_MS    20u
#define OWNER_MAX   60000u /* the pass over the packages takes a second, but not while a host boots \
			    */
#define PARENTS_MAX 8u

enum outcome { OUTCOME_UNKNOWN, OUTCOME_AGREES, OUTCOME_DIFFERS };

struct word {
	enum outcome outcome;
	const char *explanation; /* "" : none */
	const char *why;
};

static bool
is_manager(const char *exe)
{
	static const char *const names[] = { "dpkg", "dpkg-deb", "apt", "apt-get", "rpm", "dnf5",
		"packagekitd", "zypper" };

	for (size_t i = 0; i < DS_LEN(names) && !program_is_temporary(exe); i++)
		if (strcmp(program_base(exe), names[i]) == 0)
			return true;
	return false;
}

static bool
below_manager(pid_t pid)
{
	char exe[PROCESS_PATH_MAX];
	struct process_stat st;

	for (unsigned i = 0; i < PARENTS_MAX && pid > 1; i++) {
		if (process_exe(pid, exe, sizeof(exe), NULL) == 0 && is_manager(exe))
			return true;
		if (process_stat(pid, &st) < 0)
			return false;
		pid = st.ppid;
	}
	return false;
}

void
integrity_note_changer(struct watched_file *f, pid_t pid)
{
	char exe[PROCESS_PATH_MAX];
	const struct daemon *d;

	if (f->changer == NULL)
		f->changer = calloc(1, sizeof(*f->changer));
	if (f->changer == NULL || pid <= 0 || pid == f->changer->pid)
		return;
	if (process_exe(pid, exe, sizeof(exe), NULL) < 0) {
		if (f->changer->exe[0] == '\0')
			f->changer->pid = pid; /* at least its number */
		return;
	}
	*f->changer = (struct file_changer){ .pid = pid, .managed = below_manager(pid) };
	(void)snprintf(f->changer->exe, sizeof(f->changer->exe), "%s", exe);
	if (process_uid(pid, &f->changer->uid) < 0)
		f->changer->uid = 0;
	d = daemon_of_process(pid);
	f->changer->daemon = d != NULL ? d->number : 0;
}

static void
set_version(struct watched_file *f)
{
	char version[128];

	free(f->version);
	f->version = NULL;
	if (package_version("", f->package, version, sizeof(version)) == 0)
		f->version = strdup(version);
}

void
integrity_ask_package(struct watched_file *f, int fd)
{
	if (f->package == NULL || f->dir->root != 0)
		return;
	f->agreed = package_verify("", f->package, f->path, fd) == PACKAGE_AGREES;
	set_version(f);
}

/* The package database's word on the new contents. */
static void
ask(struct watched_file *f, const struct integrity_change *change, unsigned what, struct word *ret)
{
	bool agreed = f->agreed;
	char before[128];
	enum package_word word;

	*ret = (struct word){ OUTCOME_UNKNOWN, "", "no package owns it" };
	if (f->dir->root != 0)
		ret->why = "it is in a container";
	if (f->package == NULL || f->dir->root != 0)
		return;
	(void)snprintf(before, sizeof(before), "%s", f->version != NULL ? f->version : "");
	word = package_verify("", f->package, f->path, change->fd);
	set_version(f);
	f->agreed = word == PACKAGE_AGREES;
	if (word == PACKAGE_UNKNOWN)
		ret->why = "its package has no digest of it";
	else if (word == PACKAGE_DIFFERS)
		*ret = (struct word){ OUTCOME_DIFFERS, "", "its package does not have it so" };
	else if (agreed && (what & FILE_CHANGED_CONTENT) != 0 && f->version != NULL &&
		 strcmp(before, f->version) == 0)
		*ret = (struct word){ OUTCOME_DIFFERS, "",
			"the package database was changed with it" };
	else if ((what & ~(unsigned)(FILE_CHANGED_CONTENT | FILE_CHANGED_LINKS |
				     FILE_CHANGED_TYPE)) != 0 &&
		 (f->changer == NULL || !f->changer->managed))
		*ret = (struct word){ OUTCOME_UNKNOWN, "",
			"its package has its contents so; it has no word on the rest" };
	else
		*ret = (struct word){ OUTCOME_AGREES, "package", "its package has it so" };
}

static bool
is_own(const struct watched_file *f)
{
	return f->changer != NULL && f->changer->daemon != 0 &&
	       integrity_uses(f, f->changer->daemon);
}

/* The server remembers what people write as well, but what repeats itself comes late. */
static bool
is_by_person(const struct watched_file *f)
{
	const struct daemon *d = f->changer != NULL ? daemon_get(f->changer->daemon) : NULL;

	return d != NULL && d->role == DAEMON_SESSION;
}

static bool
postpone(struct watched_file *f, uint64_t now_ms, uint64_t delay_ms, uint64_t max_ms)
{
	if (f->first_ms == 0)
		f->first_ms = now_ms;
	if (now_ms - f->first_ms > max_ms)
		return false;
	f->phase = FILE_DUE;
	f->due_ms = now_ms + delay_ms;
	return true;
}

static void
set_text(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	if (text != NULL && text[0] != '\0')
		ds_event_set_str(ev, field, text, strlen(text));
}

static void
set_states(struct ds_event *ev, const struct integrity_change *change)
{
	const struct file_state *before = change->before, *now = change->now;

	ev->num[DS_NUM_MODE_BEFORE] = before->mode;
	ev->num[DS_NUM_FILE_UID_BEFORE] = before->uid;
	if (before->hashed)
		ds_event_set_str(ev, DS_STR_SHA256_BEFORE, before->sha256, HASH_SIZE);
	if (now->type == FILE_ABSENT)
		return;
	ev->num[DS_NUM_INODE] = now->key.inode;
	ev->num[DS_NUM_DEVICE] = now->key.device;
	ev->num[DS_NUM_SIZE] = now->key.size;
	ev->num[DS_NUM_MODE] = now->mode;
	ev->num[DS_NUM_FILE_UID] = now->uid;
	ev->num[DS_NUM_FILE_GID] = now->gid;
	if (now->hashed)
		ds_event_set_str(ev, DS_STR_SHA256, now->sha256, HASH_SIZE);
	else if (now->type == FILE_REGULAR)
		ev->flags |= DS_FLAG_PARTIAL;
}

static const char *
verb_of(const struct integrity_change *change)
{
	static const char *const into[] = { [FILE_UNKNOWN] = "changed",
		[FILE_ABSENT] = "removed",
		[FILE_REGULAR] = "replaced by a file",
		[FILE_LINK] = "replaced by a symbolic link",
		[FILE_DIRECTORY] = "replaced by a directory",
		[FILE_OTHER] = "replaced by a device, socket or pipe" };

	if (change->before->type == FILE_ABSENT)
		return "created";
	return change->before->type == change->now->type ? "changed" : into[change->now->type];
}

static void
tell(struct watched_file *f, const struct integrity_change *change, unsigned what,
    const struct word *word)
{
	static char message[512];
	const struct file_changer *who = f->changer;
	struct ds_event ev = { .kind = DS_EVENT_INTEGRITY, .time_us = ds_clock_wall_us() };
	char text[96];

	file_change_text(what, text, sizeof(text));
	(void)snprintf(message, sizeof(message), "%s %s (%s)%s%s; %s", file_class_name(f->class),
	    verb_of(change), text, who != NULL && who->exe[0] != '\0' ? " by " : "",
	    who != NULL ? who->exe : "", word->why);
	ev.count = f->folded + 1;
	ev.flags = change->initial ? DS_FLAG_INITIAL : 0;
	set_states(&ev, change);
	ev.num[DS_NUM_OUTCOME] = word->outcome;
	set_text(&ev, DS_STR_PATH, f->path);
	set_text(&ev, DS_STR_PACKAGE, f->package);
	set_text(&ev, DS_STR_PACKAGE_VERSION, f->version);
	set_text(&ev, DS_STR_FILE_CLASS, file_class_name(f->class));
	set_text(&ev, DS_STR_CHANGE, text);
	set_text(&ev, DS_STR_EXPLANATION, word->explanation);
	set_text(&ev, DS_STR_MESSAGE, message);
	if (who != NULL) {
		ev.num[DS_NUM_PID] = (uint64_t)who->pid;
		ev.num[DS_NUM_UID] = who->uid;
		set_text(&ev, DS_STR_EXE, who->exe);
	}
	for (size_t i = 0; i < INTEGRITY_USERS_MAX && f->daemon[i] != 0; i++) {
		const struct daemon *d = daemon_get(f->daemon[i]);

		if (d == NULL || !d->watched)
			continue;
		ev.daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
		emit_event(&ev);
	}
}

/* A file that changes without end is told so many times a minute; the rest is counted. */
static bool
is_too_often(struct watched_file *f, uint64_t now_ms)
{
	if (now_ms - f->window_ms >= WINDOW_MS) {
		f->window_ms = now_ms;
		f->told = 0;
	}
	if (f->told < WINDOW_MAX)
		return false;
	f->folded++;
	f->phase = FILE_DUE;
	f->due_ms = f->window_ms + WINDOW_MS;
	return true;
}

static void
forget_change(struct watched_file *f)
{
	free(f->changer);
	f->changer = NULL;
	f->first_ms = 0;
	f->folded = 0;
}

enum integrity_verdict
integrity_judge(struct watched_file *f, const struct integrity_change *change, uint64_t now_ms)
{
	unsigned what = file_state_compare(change->before, change->now);
	struct word word;
	bool explained;
	bool works; /* before the database is asked: it is whole once nobody works on it */

	if (what == 0) {
		forget_change(f);
		return INTEGRITY_SAME;
	}
	if (is_too_often(f, now_ms))
		return INTEGRITY_POSTPONED;
	works = f->dir->root == 0 && package_worker("") != 0;
	/* What a package manager brought is in its lists once it has finished. */
	if (f->owner_again && !works) {
		f->owner_again = f->owner_known = false;
		f->first_ms = 0;
	}
	if (!f->owner_known && f->dir->root == 0 && postpone(f, now_ms, OWNER_MS, OWNER_MAX))
		return INTEGRITY_POSTPONED;
	/* Before it is asked: while dpkg works its digests may be new and its versions old, and
	 * what was learnt then would explain a later change that nobody installed. */
	if (works && (f->changer == NULL || f->changer->exe[0] == '\0' || f->changer->managed) &&
	    postpone(f, now_ms, MANAGER_MS, MANAGER_MAX)) {
		f->owner_again = f->package == NULL;
		return INTEGRITY_POSTPONED;
	}
	ask(f, change, what, &word);
	if (word.outcome != OUTCOME_AGREES && f->class == FILE_CONFIG && is_own(f))
		word.explanation = "daemon";
	explained = word.explanation[0] != '\0';
	if (!explained && is_by_person(f))
		word.explanation = "person";
	tell(f, change, what, &word);
	f->told++;
	forget_change(f);
	return explained ? INTEGRITY_EXPLAINED : INTEGRITY_TOLD;
}
