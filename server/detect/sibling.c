/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/sibling.h"

#include "lib/map.h"
#include "server/detect/program.h"
#include "server/detect/sequence.h"
#include "server/detect/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANCE_MIN    8u /* hexadecimal digits in a row, some of them decimal */
#define CROWDED       (PROFILE_DAEMONS_MAX / 4 * 3)
#define CROWD_LOOK_US (10 * 1000000ull)
#define SIBLINGS_KEPT 8u /* of one sort, however long they are gone */

/* The length of the run of hexadecimal digits at `s` when it is made by chance or by counting. */
static size_t
chance_len(const char *s, size_t least)
{
	size_t len = strspn(s, "0123456789abcdef");

	return len >= least && strcspn(s, "0123456789") < len ? len : 0;
}

void
sibling_stem(const char *name, char *ret, size_t size)
{
	/* systemd-run numbers them, from the start of the machine on. */
	size_t least = strncmp(name, "run-", 4) == 0 ? 1 : CHANCE_MIN, len = 0;

	while (*name != '\0' && len + 1 < size) {
		size_t chance = chance_len(name, least), other;

		ret[len++] = chance > 0 ? '*' : *name;
		if (chance > 0) {
			name += chance;
			continue;
		}
		/* A run that is too short is skipped whole. */
		other = strspn(name, "0123456789abcdef");
		for (name++; other > 1 && len + 1 < size; other--)
			ret[len++] = *name++;
	}
	ret[len] = '\0';
}

/* ---- who is like it */

struct candidate {
	const struct daemon_profile *daemon;
	const char *role;
	struct ds_str image; /* the event's */
	char class[CLASS_MAX], stem[DS_DAEMON_MAX + 1], path[KEY_MAX];
	size_t path_len;
	bool by_stem;
};

static void
copy_text(struct ds_str s, char *ret, size_t size)
{
	size_t len = DS_MIN(s.len, size - 1);

	if (len > 0)
		memcpy(ret, s.ptr, len);
	ret[len] = '\0';
}

static void
describe(const struct sighting *s, struct candidate *ret)
{
	char text[CLASS_MAX];

	ret->daemon = s->daemon;
	ret->image = DS_EVENT_STR(s->event, DS_STR_IMAGE);
	copy_text(ret->image, text, sizeof(text));
	key_class(s->daemon->name, text, ret->class, sizeof(ret->class));
	sibling_stem(s->daemon->name, ret->stem, sizeof(ret->stem));
	ret->path_len = key_path(DS_EVENT_STR(s->event, DS_STR_EXE), ret->path, sizeof(ret->path));
	ret->by_stem = !program_is_script(ret->path);
}

static bool
is_like(const struct candidate *c, const struct daemon_profile *d)
{
	char stem[DS_DAEMON_MAX + 1];

	if (d == c->daemon || !d->declared || !daemon_is_judged(d) ||
	    strcmp(daemon_text(d, TEXT_ROLE), c->role) != 0 ||
	    !daemon_is_own(d, c->path, c->path_len))
		return false;
	if (strcmp(d->class, c->class) == 0)
		return true;
	if (!c->by_stem)
		return false;
	sibling_stem(d->name, stem, sizeof(stem));
	return strcmp(stem, c->stem) == 0;
}

static bool
has_image(const struct daemon_profile *d, struct ds_str image)
{
	const char *text = daemon_text(d, TEXT_IMAGE);

	return ds_str_equal(image, (struct ds_str){ text, (uint32_t)strlen(text) });
}

/* What is learnt first, then the same version: from another one it would go on as a new version. */
static bool
is_better(const struct candidate *c, const struct daemon_profile *a, const struct daemon_profile *b)
{
	bool same;

	if (b == NULL || a->ready != b->ready)
		return b == NULL || a->ready;
	same = has_image(a, c->image);
	return same != has_image(b, c->image) ? same : a->last_us > b->last_us;
}

static const struct daemon_profile *
find(const struct candidate *c)
{
	const struct daemon_profile *best = NULL;

	for (const struct daemon_profile *d = c->daemon->host->first; d != NULL; d = d->next)
		if (is_like(c, d) && is_better(c, d, best))
			best = d;
	return best;
}

/* ---- what it takes over */

static void
take_behaviour(struct profiles *p, struct daemon_profile *d, const struct behaviour *from)
{
	struct key key = { .size = from->key_size };
	struct behaviour *b;

	memcpy(key.data, from->key, from->key_size);
	if (profiles_find(p, d, from->kind, &key) != NULL)
		return;
	b = profiles_add(p, d, from->kind, &key, from->first_us, true);
	if (b == NULL)
		return; /* no more room than the other had */
	profiles_count(p, b, from->first_us, from->count, false);
	if (!from->once)
		profiles_count(p, b, from->last_us, 0, true);
}

static void
take_identity(struct daemon_profile *d, const struct daemon_profile *from)
{
	static const enum daemon_text texts[] = { TEXT_VERSION, TEXT_IMAGE };

	for (size_t i = 0; i < DS_LEN(texts); i++) {
		const char *text = daemon_text(from, texts[i]);

		daemon_set_text(d, texts[i], (struct ds_str){ text, (uint32_t)strlen(text) });
	}
	memcpy(d->sha256, from->sha256, sizeof(d->sha256));
	memcpy(d->own, from->own, sizeof(d->own));
	d->declared = true;
}

/* As if it had been the other all the time. */
static void
take_history(struct daemon_profile *d, const struct daemon_profile *from)
{
	d->first_us = DS_MIN(d->first_us, from->first_us);
	d->blind_at_first_us = from->blind_at_first_us;
	d->ends = from->ends;
	d->up_us = from->up_us;
	d->began_us = d->last_us;
	d->ready = from->ready;
	/* A new name is no way out of what was told of the old one. */
	d->told_us = DS_MAX(d->told_us, from->told_us);
	d->learn_day = from->learn_day;
	d->learnt_today = from->learnt_today;
}

/* ---- too many of them */

struct member {
	struct daemon_profile *daemon;
	uint64_t sort; /* of siblings */
};

static uint64_t
sort_of(const struct daemon_profile *d)
{
	char stem[CLASS_MAX];

	sibling_stem(d->class, stem, sizeof(stem));
	return key_hash(51, stem, strlen(stem));
}

/* Siblings beside each other, the newest first; those that are there before those that are gone. */
static int
by_age(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	const struct daemon_profile *d = x->daemon, *e = y->daemon;

	if (x->sort != y->sort)
		return x->sort < y->sort ? -1 : 1;
	if (d->gone != e->gone)
		return d->gone ? 1 : -1;
	return d->last_us > e->last_us ? -1 : d->last_us < e->last_us;
}

static int
retire(struct turn *t, const struct member *all, size_t len)
{
	size_t of_sort = 0;
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		of_sort = i > 0 && all[i].sort == all[i - 1].sort ? of_sort + 1 : 0;
		if (of_sort < SIBLINGS_KEPT || !all[i].daemon->gone)
			continue;
		r = verdict_retire(t->verdict, all[i].daemon);
		if (r == 0)
			profiles_forget(&t->detect->profiles, t->host, all[i].daemon->name);
	}
	return r;
}

int
sibling_make_room(struct turn *t)
{
	size_t len = 0, count = ds_map_len(t->host->daemons);
	struct member *all;
	int r;

	if (count < CROWDED || t->from->received_us < t->host->crowded_us + CROWD_LOOK_US)
		return 0;
	t->host->crowded_us = t->from->received_us;
	all = calloc(count, sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	for (struct daemon_profile *d = t->host->first; d != NULL && len < count; d = d->next)
		all[len++] = (struct member){ d, sort_of(d) };
	qsort(all, len, sizeof(*all), by_age);
	r = retire(t, all, len);
	free(all);
	return r;
}

int
sibling_adopt(struct turn *t, const struct sighting *s)
{
	char role[DS_DAEMON_MAX + 1];
	struct daemon_profile *d = s->daemon;
	struct candidate c = { .role = role };
	const struct daemon_profile *from;

	copy_text(DS_EVENT_STR(s->event, DS_STR_ROLE), role, sizeof(role));
	if (d->ready || d->adopted || d->version.number > 1)
		return 0;
	describe(s, &c);
	from = c.path_len > 0 ? find(&c) : NULL;
	if (from == NULL)
		return 0;
	d->adopted = true;
	take_identity(d, from);
	take_history(d, from);
	memcpy(d->class, c.class, sizeof(d->class));
	for (const struct behaviour *b = from->behaviours; b != NULL; b = b->next)
		if (b->learnt)
			take_behaviour(&t->detect->profiles, d, b);
	version_adopt(t, d, from, s->time_us);
	return sequence_adopt(t->detect, d, from);
}
