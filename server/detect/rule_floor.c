/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule_floor - what rules say of events, below what the models find.
 *
 * That an event of a daemon fits a rule is a behaviour of its own (KEY_RULE): told until somebody
 * accepts it.  Rules of level low are not told; medium ones of daemons that are learnt, high ones
 * of daemons and jobs, learnt or not, critical ones of anybody but package scripts.
 */
#include "server/detect/rule_floor.h"

#include "server/detect/fact.h"
#include "server/detect/rule.h"

#include <stdio.h>
#include <string.h>

static const struct rules *
rules_of(struct turn *t)
{
	struct ds_snapshot *from = t->detect->profiles.cfg.rules;

	if (!t->rules_asked && from != NULL)
		t->rules = ds_snapshot_acquire(from);
	t->rules_asked = true;
	return t->rules != NULL ? ds_version_value(t->rules) : NULL;
}

bool
rule_floor_has(struct turn *t, uint8_t kind)
{
	const struct rules *r = rules_of(t);

	return r != NULL && (rules_kinds(r) >> kind & 1);
}

static bool
reaches(const struct rule *rule, const struct daemon_profile *d)
{
	switch (rule->level) {
	case RULE_INFORMATIONAL:
	case RULE_LOW:
		return false;
	case RULE_MEDIUM:
		return d->ready && daemon_is_judged(d);
	case RULE_HIGH:
		return daemon_is_judged(d) || daemon_is_job(d);
	case RULE_CRITICAL:
		return !daemon_is_package(d);
	}
	return false;
}

static const char *
alert_kind(uint8_t kind)
{
	switch (key_family(kind)) {
	case KEY_PROCESS:
		return "new_child";
	case KEY_FILE:
		return "new_file";
	case KEY_NETWORK:
		return kind == DS_EVENT_LISTEN || kind == DS_EVENT_ACCEPT ? "new_listener"
									  : "new_destination";
	default:
		return "privilege";
	}
}

static const struct rule *
rule_of(struct turn *t, const struct sighting *s)
{
	const struct rules *r = rules_of(t);
	const struct rule *rule;

	for (size_t i = 0; r != NULL && (rule = rules_get(r, i)) != NULL; i++)
		if (strlen(rule->id) == s->key.size - 1 &&
		    memcmp(rule->id, s->key.data + 1, s->key.size - 1) == 0)
			return rule;
	return NULL;
}

static int
tell(struct turn *t, const struct sighting *s)
{
	static const struct {
		const char *severity;
		double score;
	} grades[] = { { "low", 20 }, { "low", 30 }, { "medium", 70 }, { "high", 87 },
		{ "critical", 95 } };
	const struct rule *rule = rule_of(t, s);
	struct ds_str what = DS_EVENT_STR(s->event, DS_STR_ARGS);
	struct fact f = { .kind = alert_kind(s->kind), .feature = "rule" };

	if (rule == NULL)
		return 0;
	if (what.len == 0)
		what = DS_EVENT_STR(s->event, DS_STR_PATH);
	f.severity = grades[rule->level].severity;
	f.score = grades[rule->level].score;
	f.what = rule->title;
	f.rule = rule->id;
	for (size_t i = 0; i < DS_LEN(f.technique); i++)
		f.technique[i] = rule->technique[i][0] != '\0' ? rule->technique[i] : NULL;
	f.whoever = rule->level == RULE_CRITICAL;
	f.root = key_hash(17, rule->id, strlen(rule->id));
	fact_text(what, f.observed, sizeof(f.observed));
	snprintf(f.title, sizeof(f.title), "%.60s: %.130s", s->daemon->class, rule->title);
	snprintf(f.never, sizeof(f.never), "done what rule %.80s describes", rule->id);
	snprintf(f.did, sizeof(f.did), "fits rule %.80s (%.100s): %.100s", rule->id, rule->title,
	    f.observed);
	return fact_tell(t, s, &f);
}

static const struct detector detect_rule = { .name = "rule", .tell = tell };

static int
see_one(struct turn *t, const struct sighting *seen, const struct rule *rule)
{
	struct profiles *p = &t->detect->profiles;
	struct sighting s = *seen;

	s.key.data[0] = KEY_RULE;
	s.key.size = 1 + strlen(rule->id);
	memcpy(s.key.data + 1, rule->id, s.key.size - 1);
	s.behaviour = profiles_find(p, s.daemon, key_kind(s.kind), &s.key);
	if (s.behaviour == NULL)
		s.behaviour = profiles_add(p, s.daemon, key_kind(s.kind), &s.key, s.time_us, false);
	if (s.behaviour != NULL) {
		profiles_count(p, s.behaviour, s.time_us, s.count, false);
		if (s.behaviour->learnt)
			return 0;
	}
	if (turn_is_expected(t, &s) || turn_is_common(t, &s))
		return 0;
	return turn_tell(t, &s, &detect_rule);
}

int
rule_floor_see(struct turn *t, const struct sighting *s)
{
	const struct rules *rules = rules_of(t);
	const struct rule *rule;
	size_t at = 0;
	int r = 0;

	while (rules != NULL && r >= 0 && (rule = rules_match(rules, s->event, &at)) != NULL)
		if (reaches(rule, s->daemon))
			r = see_one(t, s, rule);
	return r;
}
