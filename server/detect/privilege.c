/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privilege - a daemon does what only a few have a reason for: changes its user or capabilities,
 * attaches to other processes, loads kernel code, mounts, enters namespaces.
 *
 * A row a kind.  Service manager, package tools and container runtimes do such things for a living
 * (keeper.h); a daemon does them while it is started.  Programs from memory and from deleted files
 * are told by new_child, in the alert of their lineage.
 */
#include "server/detect/fact.h"
#include "server/detect/keeper.h"
#include "server/detect/program.h"
#include "server/detect/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	uint8_t kind;
	unsigned keepers;
	bool at_start;   /* ordinary while the daemon is started */
	bool once_known; /* who is known to do it at all may do it in another way */
	const char *severity;
	double score;
	const char *technique;
	const char *never, *did, *what;
};

static const struct row rows[] = {
	{ DS_EVENT_PTRACE, 0, false, true, "high", 90, "T1055.008", "attached to another process",
	    "attached to process", "a way to read and change another program" },
	{ DS_EVENT_VM_WRITE, 0, false, true, "high", 92, "T1055",
	    "written into the memory of another process", "wrote into the memory of process",
	    "a way to change another program" },
	{ DS_EVENT_MODULE_LOAD, KEEPER_SYSTEM | KEEPER_RUNTIME | KEEPER_PACKAGES, false, false,
	    "high", 92, "T1547.006", "loaded a kernel module", "loaded a kernel module",
	    "code that runs in the kernel" },
	{ DS_EVENT_BPF_LOAD, KEEPER_SYSTEM | KEEPER_RUNTIME, true, true, "medium", 74, "T1014",
	    "loaded a BPF program", "loaded a BPF program", "code that runs in the kernel" },
	{ DS_EVENT_MOUNT, KEEPER_SYSTEM | KEEPER_RUNTIME | KEEPER_PACKAGES, true, true, "medium",
	    70, "T1611", "mounted a file system", "mounted a file system",
	    "a change of what programs see" },
	{ DS_EVENT_NAMESPACE, KEEPER_SYSTEM | KEEPER_RUNTIME | KEEPER_PACKAGES, true, true,
	    "medium", 66, "T1611", "entered or made a namespace", "entered or made a namespace",
	    "a change of what programs see" },
	{ DS_EVENT_SETUID, KEEPER_LOGIN | KEEPER_SYSTEM | KEEPER_RUNTIME, true, false, "high", 90,
	    "T1548", "become root", "became root", "the power over everything" },
	{ DS_EVENT_CAPSET, KEEPER_LOGIN | KEEPER_SYSTEM | KEEPER_RUNTIME, true, false, "high", 88,
	    "T1548", "had such capabilities", "took capabilities",
	    "capabilities that are as good as root" },
};

/* CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_BPF */
#define MIGHTY                                                                           \
	(UINT64_C(1) << 16 | UINT64_C(1) << 17 | UINT64_C(1) << 19 | UINT64_C(1) << 21 | \
	    UINT64_C(1) << 39)

static const struct row *
row_of(uint8_t kind)
{
	for (size_t i = 0; i < DS_LEN(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

static bool
is_known(const struct daemon_profile *d, uint8_t kind)
{
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		if (b->learnt && b->kind == kind)
			return true;
	return false;
}

/* The capabilities that the daemon is known to have had. */
static uint64_t
known_capabilities(const struct daemon_profile *d)
{
	uint64_t all = 0;
	char text[24];

	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next) {
		if (!b->learnt || b->kind != DS_EVENT_CAPSET || b->key_size >= sizeof(text))
			continue;
		snprintf(text, sizeof(text), "%.*s", b->key_size - 1, (const char *)b->key + 1);
		all |= strtoull(text, NULL, 10);
	}
	return all;
}

/* A module that did not come with a package is told of anybody. */
static bool
is_foreign_module(const struct sighting *s)
{
	struct ds_str path = DS_EVENT_STR(s->event, DS_STR_PATH);
	static const char *const homes[] = { "/lib/modules/", "/usr/lib/modules/" };

	if (s->kind != DS_EVENT_MODULE_LOAD || path.len == 0 || path.ptr[0] != '/')
		return false;
	for (size_t i = 0; i < DS_LEN(homes); i++)
		if (path.len > strlen(homes[i]) &&
		    memcmp(path.ptr, homes[i], strlen(homes[i])) == 0)
			return false;
	return true;
}

/* Of changes of user and capabilities only those upwards count, of those who are not root. */
static bool
is_upwards(const struct sighting *s)
{
	uint64_t caps = s->event->num[DS_NUM_CAPABILITIES] & MIGHTY;

	switch (s->kind) {
	case DS_EVENT_SETUID:
		return s->event->num[DS_NUM_NEW_UID] == 0 && s->daemon->uid != 0;
	case DS_EVENT_CAPSET:
		return s->daemon->uid != 0 && (caps & ~known_capabilities(s->daemon)) != 0;
	case DS_EVENT_SETGID:
		return false;
	default:
		return true;
	}
}

static enum novelty
judge(struct turn *t, const struct sighting *s, bool ready)
{
	const struct row *row = row_of(s->kind);

	if (row == NULL || daemon_is_package(s->daemon))
		return NOVEL_LEARN;
	if (is_foreign_module(s))
		return NOVEL_TELL;
	if (!ready || !daemon_is_judged(s->daemon) || !is_upwards(s))
		return NOVEL_LEARN;
	if ((keeper_of(DS_EVENT_STR(s->event, DS_STR_EXE)) & row->keepers) ||
	    (row->at_start &&
		(s->time_us < s->daemon->start_until_us || version_is_warm(s->daemon, s->time_us))))
		return NOVEL_LEARN;
	if (row->once_known && is_known(s->daemon, s->kind))
		return NOVEL_WAIT;
	return turn_is_common(t, s) ? NOVEL_LEARN : NOVEL_TELL;
}

static void
say_what(const struct sighting *s, const struct row *row, char *ret, size_t size)
{
	const struct ds_event *ev = s->event;
	char path[160];

	fact_text(DS_EVENT_STR(ev, s->kind == DS_EVENT_MOUNT ? DS_STR_TARGET_PATH : DS_STR_PATH),
	    path, sizeof(path));
	if (path[0] != '\0')
		snprintf(ret, size, "%s %s", row->did, path);
	else if (ev->num[DS_NUM_TARGET_PID] != 0)
		snprintf(
		    ret, size, "%s %llu", row->did, (unsigned long long)ev->num[DS_NUM_TARGET_PID]);
	else if (s->kind == DS_EVENT_CAPSET)
		snprintf(ret, size, "%s %#llx", row->did,
		    (unsigned long long)ev->num[DS_NUM_CAPABILITIES]);
	else
		snprintf(ret, size, "%s", row->did);
}

static int
tell(struct turn *t, const struct sighting *s)
{
	const struct row *row = row_of(s->kind);
	struct fact f = { .kind = "privilege" };

	if (row == NULL)
		return 0;
	f.severity = is_foreign_module(s) ? "critical" : row->severity;
	f.score = is_foreign_module(s) ? 96 : row->score;
	f.feature = ds_kind_table[s->kind].action;
	f.what = row->what;
	f.technique[0] = row->technique;
	f.whoever = is_foreign_module(s);
	say_what(s, row, f.observed, sizeof(f.observed));
	snprintf(f.title, sizeof(f.title), "%s %.150s", s->daemon->class, f.observed);
	snprintf(f.never, sizeof(f.never), "%s", row->never);
	snprintf(f.did, sizeof(f.did), "%s, %s", f.observed, row->what);
	return fact_tell(t, s, &f);
}

const struct detector detect_privilege = {
	.name = "privilege",
	.kinds = UINT64_C(1) << DS_EVENT_SETUID | UINT64_C(1) << DS_EVENT_SETGID |
		 UINT64_C(1) << DS_EVENT_CAPSET | UINT64_C(1) << DS_EVENT_PTRACE |
		 UINT64_C(1) << DS_EVENT_MODULE_LOAD | UINT64_C(1) << DS_EVENT_BPF_LOAD |
		 UINT64_C(1) << DS_EVENT_MOUNT | UINT64_C(1) << DS_EVENT_NAMESPACE |
		 UINT64_C(1) << DS_EVENT_VM_WRITE,
	.judge = judge,
	.tell = tell,
};
