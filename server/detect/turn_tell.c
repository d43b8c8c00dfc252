/* SPDX-License-Identifier: GPL-2.0-or-later */
/* turn_tell - what is told, and what people said beforehand about it. */
#include "server/detect/allowance.h"
#include "server/detect/sequence.h"
#include "server/detect/turn.h"
#include "server/detect/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_P    1e-6                      /* of a fact that is told by itself */
#define PLUGIN_US (UINT64_C(120) * 1000000) /* longer than [plugins] timeout can be */

const struct allowances *
turn_allowances(struct turn *t)
{
	struct ds_snapshot *from = t->detect->profiles.cfg.allowed;

	if (!t->allowed_asked && from != NULL)
		t->allowed = ds_snapshot_acquire(from);
	t->allowed_asked = true;
	return t->allowed != NULL ? ds_version_value(t->allowed) : NULL;
}

/* A deployment was declared and the finding is not grave: it is part of one quiet notice, and of
 * what is normal. */
static void
fold_deployed(struct turn *t, struct sighting *s, size_t first)
{
	uint64_t number =
	    allowances_deployment(turn_allowances(t), s->daemon->class, t->from->host, s->time_us);

	for (size_t i = first; number != 0 && i < t->verdict->findings_len; i++) {
		struct finding *f = &t->verdict->findings[i];

		if (f->score >= DEPLOYMENT_SCORE || strcmp(f->severity, "medium") != 0)
			continue;
		f->notice = true;
		f->severity = "low";
		f->score = 5;
		snprintf(f->group, sizeof(f->group), "deploy:%llu", (unsigned long long)number);
		if (s->behaviour != NULL)
			profiles_accept(&t->detect->profiles, s->behaviour);
	}
}

/* What several hosts tell at once is more than each of them (server/fleet/waves.h). */
static void
tell_fleet(struct turn *t, const struct sighting *s, const struct finding *f)
{
	struct ds_mailbox *to = t->detect->profiles.cfg.fleet_mail;
	struct told_news *n = to != NULL ? calloc(1, sizeof(*n)) : NULL;
	const char *host = t->from->host_name != NULL ? t->from->host_name : "a host";

	if (n == NULL)
		return;
	n->news.sort = NEWS_TOLD;
	n->fact = knowledge_fact(s->daemon->class, key_kind(s->kind), s->key.data, s->key.size);
	n->class_fact = knowledge_fact(s->daemon->class, 0, "", 0);
	n->behaviour = attack_behaviour(key_kind(s->kind), s->key.data, s->key.size);
	n->host = t->from->host;
	n->time_us = s->time_us;
	n->severity = f->severity;
	snprintf(n->host_name, sizeof(n->host_name), "%.63s", host);
	snprintf(n->class, sizeof(n->class), "%.63s", s->daemon->class);
	snprintf(n->daemon, sizeof(n->daemon), "%.63s", s->daemon->name);
	snprintf(n->title, sizeof(n->title), "%.159s", f->title);
	if (ds_mailbox_put(to, &n->news.mail) < 0) {
		t->detect->news_refused++;
		free(n);
	}
}

/* What else is unusual about the daemon meanwhile is part of this, and not learnt. */
static int
tell_fusion(struct turn *t, const struct sighting *s, const char *group)
{
	static const struct evidence_model model = { "novelty", EVIDENCE_NOVELTY, "new_child",
		"does what it never did", 0 };
	const struct evidence e = { .model = &model,
		.host = t->from->host,
		.host_name = t->from->host_name,
		.daemon = s->daemon->name,
		.class = s->daemon->class,
		.time_us = s->time_us,
		.p = TOLD_P,
		.told = true,
		.group = group,
		.root = sequence_root(t, s->event != NULL ? s->event->num[DS_NUM_PID] : 0),
		.event = s->event };
	double p;

	return evidence_add(t->detect->evidence, &e, t->verdict, &p);
}

/* A plugin that this server starts: what only root can put there was meant.  It is the program,
 * which alone says nothing as the name that it was given by who started it; or a script, whose path
 * the kernel gives the interpreter behind its own. */
static bool
is_own_plugin(const struct turn *t, const struct sighting *s)
{
	const char *dir = t->detect->profiles.cfg.plugin_dir;
	size_t len = strlen(dir);
	struct ds_str args, exe;

	if (len == 0 || s->kind != DS_EVENT_EXEC || s->event == NULL ||
	    strcmp(s->daemon->class, "daemonsec-server") != 0)
		return false;
	args = DS_EVENT_STR(s->event, DS_STR_ARGS);
	exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	for (unsigned i = 0; i < 2 && args.len > 0; i++) {
		size_t n = strnlen(args.ptr, args.len), next = DS_MIN(n + 1, (size_t)args.len);

		if (n > len + 1 && strncmp(args.ptr, dir, len) == 0 && args.ptr[len] == '/' &&
		    memchr(args.ptr + len + 1, '/', n - len - 1) == NULL &&
		    (i > 0 || (exe.len == n && memcmp(exe.ptr, args.ptr, n) == 0)))
			return true;
		args.ptr += next;
		args.len -= (uint32_t)next;
	}
	return false;
}

/* Of a process that a plugin started, or is: what such a one does is the plugin's doing. */
static bool
is_of_plugin(const struct turn *t, const struct sighting *s)
{
	if (s->event == NULL || strcmp(s->daemon->class, "daemonsec-server") != 0)
		return false;
	for (size_t i = 0; i < PLUGINS_MAX; i++) {
		const struct of_plugin *p = &t->detect->plugins[i];

		if (p->pid != 0 && p->host == t->from->host &&
		    (p->pid == s->event->num[DS_NUM_PID] || p->pid == s->event->num[DS_NUM_PPID]) &&
		    s->time_us < p->time_us + PLUGIN_US)
			return true;
	}
	return false;
}

void
turn_note_plugin(struct turn *t, const struct sighting *s)
{
	if (is_own_plugin(t, s) || is_of_plugin(t, s))
		t->detect->plugins[t->detect->plugins_len++ % PLUGINS_MAX] =
		    (struct of_plugin){ t->from->host, s->event->num[DS_NUM_PID], s->time_us };
}

bool
turn_is_expected(struct turn *t, const struct sighting *s)
{
	return is_own_plugin(t, s) || is_of_plugin(t, s) ||
	       allowances_has(turn_allowances(t), s->daemon->class, t->from->host,
		   key_kind(s->kind), s->key.data, s->key.size, s->time_us);
}

/* This batch has told something else of the same alert: a rule, of a program that is new as well.
 */
static bool
is_told(const struct turn *t, size_t first)
{
	const struct finding *all = t->verdict->findings;

	for (size_t i = 0; i < first; i++)
		if (strcmp(all[i].group, all[first].group) == 0)
			return true;
	return false;
}

int
turn_tell(struct turn *t, struct sighting *s, const struct detector *by)
{
	size_t first = t->verdict->findings_len;
	bool again = s->behaviour != NULL && s->behaviour->told;
	int r = by->tell(t, s);

	if (r < 0 || t->verdict->findings_len == first)
		return r;
	turn_raise_attack(t, s, first);
	fold_deployed(t, s, first);
	if (!again && !t->verdict->findings[first].notice && !is_told(t, first)) {
		version_told(t, s);
		tell_fleet(t, s, &t->verdict->findings[first]);
	}
	return again || t->verdict->findings[first].notice
		   ? 0
		   : tell_fusion(t, s, t->verdict->findings[first].group);
}
