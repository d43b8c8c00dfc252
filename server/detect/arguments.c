/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/arguments.h"

#include "server/detect/ready.h"
#include "server/detect/sequence.h"
#include "server/detect/tier.h"
#include "server/detect/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ARGUMENTS_MAX 8u /* of a shape; more are "..." */
#define COMMANDS_MAX  4u /* of a shell's line */
#define WORD_MAX      24u
#define ATTACK_ODDS   0.01 /* of what honeypots know */

static const struct evidence_model model = { "arguments", EVIDENCE_NOVELTY, "new_child",
	"starts a program that it is known to start, with arguments unlike all before", 0 };

/* ---- shapes */

struct out {
	char *at;
	size_t len, size;
};

static void
put(struct out *o, const char *s, size_t len)
{
	len = DS_MIN(len, o->size - o->len);
	memcpy(o->at + o->len, s, len);
	o->len += len;
}

/* A name without its numbers. */
static void
put_word(struct out *o, const char *s, size_t len)
{
	len = DS_MIN(len, WORD_MAX);
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)s[i]))
			put(o, s + i, 1);
		else if (i == 0 || !isdigit((unsigned char)s[i - 1]))
			put(o, "#", 1);
}

static bool
is_of_command(char c)
{
	return isalnum((unsigned char)c) || strchr("._/-", c) != NULL;
}

/* The commands of a line for a shell: first words, without their directories. */
static void
put_line(struct out *o, const char *s, size_t len)
{
	bool first = true;
	unsigned n = 0;

	put(o, "{", 1);
	for (size_t i = 0; i < len && n < COMMANDS_MAX;) {
		size_t from = i, end;

		if (memchr(";|&`(\n", s[i], 6) != NULL)
			first = true;
		if (!first || !is_of_command(s[i])) {
			i++;
			continue;
		}
		for (end = i; end < len && is_of_command(s[end]); end++)
			if (s[end] == '/')
				from = end + 1;
		put(o, ";", n++ > 0);
		put_word(o, s + from, end - from);
		i = end;
		first = false;
	}
	put(o, "}", 1);
}

static bool
is_number(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)s[i]) && memchr(".,:", s[i], 3) == NULL)
			return false;
	return len > 0;
}

static bool
is_line(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (memchr(";|&`$()<> \t\n", s[i], 12) != NULL)
			return true;
	return false;
}

/* is_code: what follows -c. */
static void
put_argument(struct out *o, const char *s, size_t len, bool is_code)
{
	const char *scheme = memmem(s, len, "://", 3);
	const char *slash = len > 1 ? memchr(s + 1, '/', len - 1) : NULL;
	const char *is = memchr(s, '=', len);

	if (len > 0 && s[0] == '-')
		put_word(o, s, is != NULL ? (size_t)(is - s) + 1 : len);
	else if (is_code || is_line(s, len))
		put_line(o, s, len);
	else if (is_number(s, len))
		put(o, "#", 1);
	else if (scheme != NULL)
		put_word(o, s, (size_t)(scheme - s) + 3);
	else if (len > 0 && s[0] == '/')
		put_word(o, s, slash != NULL ? (size_t)(slash - s) + 1 : len);
	else
		put(o, "w", 1);
}

void
arguments_shape(struct ds_str exe, struct ds_str args, struct key *ret)
{
	struct out o;
	size_t at = args.len > 0 ? strnlen(args.ptr, args.len) + 1 : 0, before = 0, before_len = 0;
	bool is_code = false;
	unsigned n = 0;

	key_of_program(exe, KEY_SHAPE, ret);
	o = (struct out){ (char *)ret->data, ret->size, KEY_MAX };
	while (at < args.len && n <= ARGUMENTS_MAX) {
		size_t len = strnlen(args.ptr + at, args.len - at), from = o.len;

		if (n == ARGUMENTS_MAX) {
			put(&o, " ...", 4);
			break;
		}
		put(&o, " ", 1);
		put_argument(&o, args.ptr + at, len, is_code);
		is_code = len == 2 && memcmp(args.ptr + at, "-c", 2) == 0;
		at += len + 1;
		/* More of the same is no other shape. */
		if (o.len - from == before_len && before_len > 0 &&
		    memcmp(o.at + from, o.at + before, before_len) == 0) {
			o.len = from;
			continue;
		}
		before = from;
		before_len = o.len - from;
		n++;
	}
	ret->size = o.len;
}

/* ---- what is new */

struct view {
	const struct sighting *sighting;
	const struct family_counts *counts;
	char attack[150]; /* what honeypots know of it, or "" */
};

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct view *v = ctx;

	if (max == 0)
		return 0;
	snprintf(ret->feature, sizeof(ret->feature), "arguments of a known program");
	snprintf(ret->baseline, sizeof(ret->baseline), "%u shapes in %llu starts%s%s",
	    v->counts->keys, (unsigned long long)v->counts->n, v->attack[0] != '\0' ? "; " : "",
	    v->attack);
	snprintf(ret->observed, sizeof(ret->observed), "%.*s",
	    (int)DS_MIN(v->sighting->key.size - 1, sizeof(ret->observed) - 1),
	    (const char *)v->sighting->key.data + 1);
	ret->weight = 1;
	return 1;
}

/* How likely anything new was, in a start and in five minutes, whichever is likelier. */
static double
unseen(const struct sighting *s)
{
	const struct family_counts *c = &s->daemon->shapes;
	uint64_t spans = daemon_watched_us(s->daemon, s->time_us) / EVIDENCE_SPAN_US;
	double starts = (double)(c->n1 + 1) / (double)(c->n + 1);
	double by_span = (double)(c->q1 + 1) / (double)(spans + 1);

	return DS_MIN(1.0, DS_MAX(starts, by_span));
}

static int
weigh(struct turn *t, const struct sighting *s, double *ret_p)
{
	const struct family_counts *c = &s->daemon->shapes;
	enum attack_sort sort;
	const struct attack *known = turn_attack(t, s, &sort);
	struct view v = { .sighting = s, .counts = c };
	struct evidence e = { .model = &model,
		.host = t->from->host,
		.host_name = t->from->host_name,
		.daemon = s->daemon->name,
		.class = s->daemon->class,
		.root = sequence_root(t, t->pids[s->index]),
		.time_us = s->time_us,
		.p = unseen(s),
		.peers_of = turn_peers_of(t, s->daemon),
		.event = s->event,
		.explain = explain,
		.ctx = &v };

	e.score = (double)c->n;
	if (known != NULL) {
		e.p *= ATTACK_ODDS;
		attack_say(known, sort, s->time_us, v.attack, sizeof(v.attack));
	}
	return evidence_add(t->detect->evidence, &e, t->verdict, ret_p);
}

static bool
is_judged(struct turn *t, const struct sighting *s)
{
	return !(s->flags & DS_FLAG_INITIAL) && s->daemon->ready &&
	       s->daemon->shapes.n >= PROFILE_OBSERVATIONS_MIN &&
	       !version_is_warm(s->daemon, s->time_us) && !turn_is_common(t, s) &&
	       !turn_is_expected(t, s);
}

int
arguments_see(struct turn *t, const struct sighting *seen)
{
	struct ds_str args = DS_EVENT_STR(seen->event, DS_STR_ARGS);
	struct profiles *p = &t->detect->profiles;
	struct sighting s = *seen;
	double unlikely = 1;
	int r = 0;

	if (args.len == 0 || s.behaviour->key[0] != KEY_CHILD || !daemon_is_judged(s.daemon))
		return 0;
	arguments_shape(DS_EVENT_STR(s.event, DS_STR_EXE), args, &s.key);
	s.behaviour = profiles_find(p, s.daemon, key_kind(s.kind), &s.key);
	if (s.behaviour == NULL) {
		bool learns;

		if (is_judged(t, &s))
			r = weigh(t, &s, &unlikely);
		learns = unlikely > EVIDENCE_LEARN && !tier_is_apart(t, &s);
		s.behaviour =
		    profiles_add(p, s.daemon, key_kind(s.kind), &s.key, s.time_us, learns);
		if (s.behaviour == NULL)
			return r;
		s.behaviour->waits = !learns;
		turn_news(t, s.behaviour);
	}
	profiles_count(p, s.behaviour, s.time_us, s.count, (s.flags & DS_FLAG_INITIAL) != 0);
	if (s.behaviour->waits)
		tier_wait(t, &s);
	return r;
}
