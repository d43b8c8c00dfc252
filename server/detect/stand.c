/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/stand.h"

#include "lib/json.h"
#include "server/detect/program.h"
#include "server/detect/starter.h"
#include "server/detect/tier.h"
#include "server/detect/turn.h"

#include <stdio.h>
#include <string.h>

void
stand_count(struct daemon_profile *d, const struct behaviour *b)
{
	struct standing *s = &d->stand;

	if (s->starter == NULL || !b->learnt || !key_is_general(b->kind, b->key[0]))
		return;
	s->starter_seen++;
	s->starter_known += starter_hosts(s->starter, b->kind, b->key, b->key_size) > 0;
}

void
stand_assign(const struct starters *all, struct daemon_profile *d)
{
	const char *role = daemon_text(d, TEXT_ROLE), *exe = daemon_text(d, TEXT_EXE);
	struct standing *s = &d->stand;
	char path[KEY_MAX];
	size_t len = key_path((struct ds_str){ exe, (uint32_t)strlen(exe) }, path, sizeof(path));

	/* What an image brings around its program is nobody's package. */
	s->starter = strcmp(role, "service") == 0 || strcmp(role, "process") == 0
			 ? starters_find(all, path, len)
			 : NULL;
	if (s->starter == NULL && strcmp(role, "service") == 0 && program_is_script(path))
		s->starter = starters_find(all, d->class, strlen(d->class));
	s->starter_seen = s->starter_known = 0;
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		stand_count(d, b);
}

void
stand_ask(struct turn *t, struct daemon_profile *d)
{
	struct fleet_cover c = turn_cover(t, d);

	d->stand.hosts = c.hosts;
	d->stand.unseen = c.unseen;
	d->stand.is_group = c.is_group;
}

void
stand_learn(struct turn *t, const struct behaviour *b)
{
	struct standing *s = &b->daemon->stand;
	struct key key = { .size = b->key_size };

	if (b->daemon->ready || !key_is_general(b->kind, b->key[0]))
		return;
	memcpy(key.data, b->key, b->key_size);
	s->seen++;
	s->known += turn_peers(t, b->daemon, b->kind, &key, false).learnt >= TIER_HOSTS_MIN;
}

/* ---- how sure */

static double
by_starter(const struct standing *s)
{
	if (s->starter == NULL)
		return 0;
	return (STARTER_HOSTS * starter_coverage(s->starter) + s->starter_known) /
	       (STARTER_HOSTS + (double)s->starter_seen);
}

/* Nobody asks any more about a daemon that is learnt. */
static double
by_fleet(const struct daemon_profile *d)
{
	const struct standing *s = &d->stand;
	double hosts = DS_MIN(s->hosts, STAND_HOSTS_MAX);

	if (s->hosts < TIER_HOSTS_MIN || d->ready)
		return 0;
	return (hosts * (1 - s->unseen) + s->known) / (hosts + s->seen);
}

/* The fleet is what this site's hosts are like. */
static bool
is_of_fleet(const struct daemon_profile *d)
{
	return by_fleet(d) > 0 && by_fleet(d) >= by_starter(&d->stand);
}

double
stand_confidence(const struct daemon_profile *d)
{
	return DS_MAX(by_starter(&d->stand), by_fleet(d));
}

bool
stand_is_known(const struct daemon_profile *d)
{
	return d->ready || by_fleet(d) >= STAND_SURE;
}

bool
stand_protects(const struct daemon_profile *d, uint8_t kind)
{
	int family = key_family(kind);

	return family >= 0 && family != KEY_NETWORK && stand_confidence(d) >= STAND_SURE;
}

/* ---- what is said */

void
stand_name(const struct daemon_profile *d, char *ret, size_t size)
{
	const struct standing *s = &d->stand;

	ret[0] = '\0';
	if (is_of_fleet(d))
		snprintf(
		    ret, size, "%u hosts of %s", s->hosts, s->is_group ? "its group" : "the fleet");
	else if (s->starter != NULL)
		snprintf(ret, size, "%s", starter_name(s->starter));
}

void
stand_caveat(const struct daemon_profile *d, char *ret, size_t size)
{
	double percent = 100 * stand_confidence(d);
	char name[200];

	stand_name(d, name, sizeof(name));
	ret[0] = '\0';
	if (name[0] != '\0' && !d->ready)
		snprintf(ret, size, " (learning: %s %.150s, confidence %.0f %%)",
		    is_of_fleet(d) ? "judged by" : "starter model of", name, percent);
}

void
stand_put(struct ds_json *j, const struct daemon_profile *d, uint32_t pseudo_hosts)
{
	bool fleet = is_of_fleet(d);
	char name[200], text[80];

	stand_name(d, name, sizeof(name));
	if (name[0] == '\0')
		return;
	ds_json_key(j, fleet ? "fleet" : "starter");
	ds_json_object(j);
	ds_json_put_string(j, "name", name);
	ds_json_put_double(j, "confidence", stand_confidence(d));
	snprintf(text, sizeof(text), "%u of %u pseudo-hosts", pseudo_hosts, STARTER_HOSTS);
	if (!fleet)
		ds_json_put_string(j, "prevalence", text);
	ds_json_put_bool(j, "stands_in", !d->ready);
	ds_json_end(j);
}
