/* SPDX-License-Identifier: GPL-2.0-or-later */
/* starter_stand - a starter model stands in for a daemon that is not learnt yet. */
#include "lib/json.h"
#include "server/detect/profile.h"
#include "server/detect/program.h"
#include "server/detect/starter.h"

#include <stdio.h>
#include <string.h>

/* What a model is asked about: where daemons of a kind are alike on all hosts.  Destinations,
 * listeners and directories are each site's own. */
static bool
is_general(uint8_t kind, uint8_t sort)
{
	switch (key_family(kind)) {
	case KEY_PROCESS:
		return sort == KEY_CHILD;
	case KEY_FILE:
		return sort == KEY_PLACE;
	case KEY_PRIVILEGE:
		return true;
	default:
		return false;
	}
}

void
starter_count(struct daemon_profile *d, const struct behaviour *b)
{
	if (d->starter == NULL || !b->learnt || !is_general(b->kind, b->key[0]))
		return;
	d->starter_seen++;
	d->starter_known += starter_hosts(d->starter, b->kind, b->key, b->key_size) > 0;
}

void
starter_assign(const struct starters *all, struct daemon_profile *d)
{
	const char *role = daemon_text(d, TEXT_ROLE), *exe = daemon_text(d, TEXT_EXE);
	char path[KEY_MAX];
	size_t len = key_path((struct ds_str){ exe, (uint32_t)strlen(exe) }, path, sizeof(path));

	/* What an image brings around its program is nobody's package. */
	d->starter = strcmp(role, "service") == 0 || strcmp(role, "process") == 0
			 ? starters_find(all, path, len)
			 : NULL;
	if (d->starter == NULL && strcmp(role, "service") == 0 && program_is_script(path))
		d->starter = starters_find(all, d->class, strlen(d->class));
	d->starter_seen = d->starter_known = 0;
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		starter_count(d, b);
}

double
starter_confidence(const struct daemon_profile *d)
{
	if (d->starter == NULL)
		return 0;
	return (STARTER_HOSTS * starter_coverage(d->starter) + d->starter_known) /
	       (STARTER_HOSTS + (double)d->starter_seen);
}

bool
starter_protects(const struct daemon_profile *d, uint8_t kind)
{
	int family = key_family(kind);

	return d->starter != NULL && family >= 0 && family != KEY_NETWORK &&
	       starter_confidence(d) >= STARTER_SURE;
}

void
starter_caveat(const struct daemon_profile *d, char *ret, size_t size)
{
	ret[0] = '\0';
	if (d->starter != NULL && !d->ready)
		snprintf(ret, size, " (learning: starter model of %.150s, confidence %.0f %%)",
		    starter_name(d->starter), 100 * starter_confidence(d));
}

void
starter_put(struct ds_json *j, const struct daemon_profile *d, uint32_t hosts)
{
	char text[80];

	if (d->starter == NULL)
		return;
	snprintf(text, sizeof(text), "%u of %u pseudo-hosts", hosts, STARTER_HOSTS);
	ds_json_key(j, "starter");
	ds_json_object(j);
	ds_json_put_string(j, "name", starter_name(d->starter));
	ds_json_put_double(j, "confidence", starter_confidence(d));
	ds_json_put_string(j, "prevalence", text);
	ds_json_put_bool(j, "stands_in", !d->ready);
	ds_json_end(j);
}
