/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * new_child - a ready daemon starts a program that it never started on this host, nor on any other.
 *
 * Not judged: the daemon's own program again (a binary upgrade, a worker that executes itself),
 * what the service manager starts for it, sessions, jobs and package scripts (daemon_is_judged).
 * What starts below an unknown program belongs to the same alert: nginx -> sh -> id is "nginx
 * started /bin/sh".  Programs from memory or from deleted files are facts of their own (kind
 * privilege).
 */
#include "server/detect/new_child.h"

#include "lib/clock.h"
#include "server/detect/explain.h"
#include "server/detect/keeper.h"
#include "server/detect/lineage.h"
#include "server/detect/ready.h"
#include "server/detect/turn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Calls `is` for the parent, then for the programs above, until it says other than 0. */
static int
each_above(const struct ds_event *ev,
    int (*is)(const struct daemon_profile *d, const char *path, size_t len, void *ctx),
    const struct daemon_profile *d, void *ctx)
{
	struct ds_str parent = DS_EVENT_STR(ev, DS_STR_PARENT_EXE);
	struct ds_str all = DS_EVENT_STR(ev, DS_STR_ANCESTORS);
	DS_UNINITIALIZED char path[KEY_MAX];
	size_t len = key_path(parent, path, sizeof(path));
	int r = len > 0 ? is(d, path, len, ctx) : 0;

	for (size_t at = 0; r == 0 && at < all.len;) {
		size_t n = strnlen(all.ptr + at, all.len - at);

		len = key_path((struct ds_str){ all.ptr + at, (uint32_t)n }, path, sizeof(path));
		r = len > 0 ? is(d, path, len, ctx) : 0;
		at += n + 1;
	}
	return r;
}

static int
own_or_manager(const struct daemon_profile *d, const char *path, size_t len, void *ctx)
{
	(void)ctx;
	if (daemon_is_own(d, path, len))
		return KEY_CHILD;
	return program_is_manager(path, len) ? KEY_CONTROL : 0;
}

/* A shell or an interpreter that takes its orders from an internet socket. */
static bool
is_remote(const struct ds_event *ev, const char *path)
{
	uint64_t family = ev->num[DS_NUM_INPUT];

	return (family == AF_INET || family == AF_INET6) && program_is_script(path);
}

static bool
is_script_parent(const struct ds_event *ev)
{
	DS_UNINITIALIZED char path[KEY_MAX];

	(void)key_path(DS_EVENT_STR(ev, DS_STR_PARENT_EXE), path, sizeof(path));
	return program_is_script(path);
}

/* What an interpreter runs is told by its command line: -c, -e, -lc, -ne, --eval. */
static bool
is_code(struct ds_str args)
{
	for (size_t at = args.len > 0 ? strnlen(args.ptr, args.len) + 1 : 0; at < args.len;) {
		const char *arg = args.ptr + at;
		size_t len = strnlen(arg, args.len - at);

		if (len < 2 || arg[0] != '-')
			return false; /* a script, and what it is told */
		if ((len <= 5 && arg[1] != '-' && strchr("ce", arg[len - 1]) != NULL) ||
		    (len == 6 && memcmp(arg, "--eval", 6) == 0))
			return true;
		at += len + 1;
	}
	return false;
}

/* Only itself again: a worker, a binary upgrade.  An interpreter that its daemon starts with code
 * of its own is another program. */
static bool
is_itself(const struct daemon_profile *d, const struct ds_event *ev, const char *path, size_t len)
{
	bool again =
	    ds_str_equal(DS_EVENT_STR(ev, DS_STR_EXE), DS_EVENT_STR(ev, DS_STR_PARENT_EXE));

	if (!daemon_is_own(d, path, len))
		return again;
	return !again || !program_is_script(path) || !is_code(DS_EVENT_STR(ev, DS_STR_ARGS));
}

enum key_sort
new_child_sort(const struct daemon_profile *d, const struct ds_event *ev)
{
	DS_UNINITIALIZED char path[KEY_MAX];
	size_t len = key_path(DS_EVENT_STR(ev, DS_STR_EXE), path, sizeof(path));
	int above;

	if (ev->kind == DS_EVENT_EXEC && is_remote(ev, path))
		return KEY_REMOTE;
	/* A program outside of any file is never only "itself again". */
	if (ev->kind == DS_EVENT_EXEC && is_itself(d, ev, path, len))
		return KEY_SELF;
	/* The main process turning into something else is no start by the manager. */
	if (d->pid != 0 && ev->num[DS_NUM_PID] == d->pid && ev->num[DS_NUM_PPID] == 1)
		return KEY_CHILD;
	above = each_above(ev, own_or_manager, d, NULL);
	/* A script that the manager runs to start the daemon is, for so long, its main program. */
	if (above == KEY_CHILD && ev->time_us < d->start_until_us && is_script_parent(ev))
		return KEY_CONTROL;
	if (above != 0)
		return (enum key_sort)above;
	return ev->num[DS_NUM_PPID] == 1 ? KEY_CONTROL : KEY_CHILD;
}

/* In the daemon's own directory below /usr/lib, where only packages put programs: part of it, as
 * postfix's bounce is of postfix, whenever it is first needed. */
static bool
is_sibling(const struct daemon_profile *d, const char *path)
{
	static const char *const packaged[] = { "/usr/lib/", "/usr/libexec/", "/lib/" };
	const char *slash = strrchr(path, '/'), *own = daemon_text(d, TEXT_EXE);
	const char *own_slash = strrchr(own, '/');
	char own_dir[KEY_MAX];
	size_t dir;

	if (slash == NULL || own_slash == NULL || program_info(path).sort != PROGRAM_OTHER)
		return false;
	dir = key_path(
	    (struct ds_str){ own, (uint32_t)(own_slash - own + 1) }, own_dir, sizeof(own_dir));
	if (dir != (size_t)(slash - path) + 1 || memcmp(own_dir, path, dir) != 0)
		return false;
	for (size_t i = 0; i < DS_LEN(packaged); i++)
		if (strncmp(path, packaged[i], strlen(packaged[i])) == 0)
			return true;
	return false;
}

/* A key's path, terminated. */
static void
path_of(const struct key *key, char ret[KEY_MAX])
{
	size_t len = key->size - 1 < KEY_MAX - 1 ? key->size - 1 : KEY_MAX - 1;

	memcpy(ret, key->data + 1, len);
	ret[len] = '\0';
}

/* Of sessions and jobs only this counts: a program that was never in any file.  Container runtimes
 * start themselves so. */
static bool
is_from_memory(const struct sighting *s)
{
	return s->kind == DS_EVENT_EXEC_MEMORY &&
	       !(keeper_of(DS_EVENT_STR(s->event, DS_STR_PARENT_EXE)) & KEEPER_RUNTIME);
}

/* The weekly rotation, the renewal every two months: a program of the system that nobody needs to
 * reach out, in a service that comes and goes. */
static bool
is_of_its_time(const struct sighting *s, const char *path)
{
	enum program_sort sort = program_info(path).sort;

	return s->kind == DS_EVENT_EXEC && daemon_is_episodic(s->daemon, s->time_us) &&
	       sort != PROGRAM_FETCHER && sort != PROGRAM_RELAY && !program_is_anybodys(path) &&
	       (strncmp(path, "/usr/", 5) == 0 || strncmp(path, "/bin/", 5) == 0 ||
		   strncmp(path, "/sbin/", 6) == 0 || strncmp(path, "/lib/", 5) == 0);
}

static enum novelty
judge(struct turn *t, const struct sighting *s, bool ready)
{
	char path[KEY_MAX];
	enum attack_sort sort;

	if (s->key.data[0] == KEY_REMOTE)
		return NOVEL_TELL;
	if (!daemon_is_judged(s->daemon))
		return is_from_memory(s) ? NOVEL_TELL : NOVEL_LEARN;
	if (s->key.data[0] != KEY_CHILD)
		return NOVEL_LEARN;
	if (!ready)
		return NOVEL_LEARN;
	path_of(&s->key, path);
	if (s->kind == DS_EVENT_EXEC && is_sibling(s->daemon, path))
		return NOVEL_LEARN;
	if (turn_is_common(t, s))
		return NOVEL_LEARN;
	return is_of_its_time(s, path) && turn_attack(t, s, &sort) == NULL ? NOVEL_WAIT
									   : NOVEL_TELL;
}

/* ---- which alert it belongs to */

struct ancestry {
	const struct profiles *profiles;
	uint64_t root;
};

/* The unknown program nearest to the daemon itself; 1 when the daemon is reached. */
static int
find_unknown(const struct daemon_profile *d, const char *path, size_t len, void *ctx)
{
	struct ancestry *a = ctx;
	struct behaviour *b;
	struct key key;

	if (daemon_is_own(d, path, len) || program_is_manager(path, len))
		return 1;
	key_of_program((struct ds_str){ path, (uint32_t)len }, KEY_CHILD, &key);
	b = profiles_find(a->profiles, d, DS_EVENT_EXEC, &key);
	if (b != NULL && !b->learnt)
		a->root = key_hash(2, key.data, key.size);
	return 0;
}

static uint64_t
root_of(struct turn *t, const struct sighting *s)
{
	struct ancestry a = { &t->detect->profiles, 0 };
	uint64_t root = lineage_find(
	    s->daemon, s->event->num[DS_NUM_PID], s->event->num[DS_NUM_PPID], s->time_us);

	if (root != 0)
		return root;
	(void)each_above(s->event, find_unknown, s->daemon, &a);
	return a.root != 0 ? a.root : key_hash(2, s->key.data, s->key.size);
}

/* ---- what is said */

/* People say /bin/sh: the kernel says dash. */
static void
shown_name(const struct sighting *s, const char *path, char *ret, size_t size)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	struct ds_str args = DS_EVENT_STR(s->event, DS_STR_ARGS);
	const char *slash = strrchr(path, '/');
	size_t len = args.len > 0 ? strnlen(args.ptr, args.len) : 0;

	if (slash != NULL && program_info(path).sort == PROGRAM_SHELL && len >= 2 &&
	    memcmp(args.ptr + len - 2, "sh", 2) == 0 && (len == 2 || args.ptr[len - 3] == '/')) {
		snprintf(ret, size, "/bin/sh");
		return;
	}
	explain_command(exe, ret, size);
}

static void
weigh(const struct sighting *s, const struct explained_program *p, struct finding *f)
{
	double sure = daemon_watched_us(s->daemon, s->time_us) >= 86400 * DS_US_PER_S ? 1 : 0.95;
	double score = 65;

	f->severity = "medium";
	if (p->info.sort != PROGRAM_OTHER && p->info.sort != PROGRAM_TOOL) {
		f->severity = "high";
		score = 88;
	}
	if (p->info.sort == PROGRAM_FETCHER || p->info.sort == PROGRAM_RELAY)
		score = 90;
	if (program_is_anybodys(p->path)) {
		f->severity = "high";
		score = 92;
	}
	if (s->kind != DS_EVENT_EXEC || s->key.data[0] == KEY_REMOTE) {
		f->severity = "critical";
		score = 96;
	}
	if (p->peers_of > 0 && p->peers.seen == 0)
		score += 3;
	f->score = score * sure;
	/* Others' word, not the host's own. */
	if (!s->daemon->ready && stand_confidence(s->daemon) > 0)
		f->score *= stand_confidence(s->daemon);
}

static void
say_title(const struct sighting *s, const struct explained_program *p, struct finding *f)
{
	const char *from = s->kind == DS_EVENT_EXEC_MEMORY    ? " from memory"
			   : s->kind == DS_EVENT_EXEC_DELETED ? " from a deleted file"
			   : s->key.data[0] == KEY_REMOTE     ? ", controlled over the network"
							      : "";

	snprintf(
	    f->title, sizeof(f->title), "%s started %.140s%s", s->daemon->class, p->shown, from);
}

static void
say_reason(
    struct turn *t, const struct sighting *s, const struct explained_program *p, struct finding *f)
{
	char age[40], peers[120] = "", who[64], clock[32], caveat[240];

	explain_duration(daemon_watched_us(s->daemon, s->time_us), age, sizeof(age));
	if (p->peers_of > 0 && p->peers.seen == 0)
		snprintf(peers, sizeof(peers), ", and none of %u peers has", p->peers_of);
	else if (p->peers_of > 0)
		snprintf(peers, sizeof(peers),
		    "; %u of %u peers did so as well, also for the first time", p->peers.seen,
		    p->peers_of);
	explain_user(s->event, who, sizeof(who));
	ds_clock_format(s->time_us, clock, sizeof(clock));
	stand_caveat(s->daemon, caveat, sizeof(caveat));
	snprintf(f->reason, sizeof(f->reason),
	    "%s has never started %s in %s on %s%s%s; at %.8s UTC process %llu (%s) "
	    "ran %s",
	    s->daemon->class, p->known == 0 ? "a program" : p->shown, age,
	    t->from->host_name != NULL ? t->from->host_name : "this host", peers, caveat,
	    clock + 11, (unsigned long long)s->event->num[DS_NUM_PID], who, p->command);
}

static void
explained(struct turn *t, const struct sighting *s, const char *path, struct explained_program *ret)
{
	const struct daemon_profile *d = s->daemon;

	*ret = (struct explained_program){ .path = path, .info = program_info(path) };
	ret->repeated = s->behaviour != NULL && s->behaviour->told;
	ret->peers = turn_compared(t, d, s->kind, &s->key, ret->repeated);
	ret->peers_of = ret->peers.of;
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		ret->known +=
		    b->learnt && key_family(b->kind) == KEY_PROCESS && b->key[0] == KEY_CHILD;
	shown_name(s, path, ret->shown, sizeof(ret->shown));
	explain_command(DS_EVENT_STR(s->event, DS_STR_ARGS), ret->command, sizeof(ret->command));
	if (ret->command[0] == '\0')
		snprintf(ret->command, sizeof(ret->command), "%.200s", ret->shown);
}

static int
tell(struct turn *t, const struct sighting *s)
{
	struct explained_program p;
	char path[KEY_MAX];
	uint64_t root = s->behaviour != NULL ? root_of(t, s) : LINEAGE_FLOOD;
	struct finding *f;

	if (s->behaviour != NULL)
		lineage_remember(s->daemon, s->event->num[DS_NUM_PID], root, s->time_us);
	if (lineage_joins(t, s))
		return 0;
	path_of(&s->key, path);
	explained(t, s, path, &p);
	if (root != LINEAGE_FLOOD)
		root = lineage_bounded(s->daemon, root, s->time_us);
	f = verdict_finding(
	    t, s, s->kind == DS_EVENT_EXEC ? "new_child" : "privilege", root, "child");
	if (f == NULL)
		return -ENOMEM;
	if (root != LINEAGE_FLOOD && s->kind != DS_EVENT_EXEC)
		verdict_group(t, f, "new_child", root);
	lineage_told(t, s);
	weigh(s, &p, f);
	say_title(s, &p, f);
	say_reason(t, s, &p, f);
	f->json = explain_program(t, s, &p);
	return f->json != NULL ? 0 : -ENOMEM;
}

const struct detector detect_new_child = {
	.name = "new_child",
	.kinds = UINT64_C(1) << DS_EVENT_EXEC | UINT64_C(1) << DS_EVENT_EXEC_MEMORY |
		 UINT64_C(1) << DS_EVENT_EXEC_DELETED,
	.judge = judge,
	.tell = tell,
};
