/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/changed_by.h"

#include "server/detect/keeper.h"
#include "server/detect/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Apart, so that a daemon that writes all day does not push out what people did once. */
struct changes {
	struct changes_ring {
		unsigned at;
		struct change ring[CHANGES_MAX];
	} by[2]; /* daemons; people */
};

static bool
is_kept(struct ds_str path)
{
	static const char *const below[] = { "/etc/", "/usr/", "/opt/", "/srv/", "/lib", "/bin/",
		"/sbin/", "/boot/", "/root/", "/home/", "/var/www/" };

	for (size_t i = 0; i < DS_LEN(below); i++)
		if (path.len > strlen(below[i]) &&
		    memcmp(path.ptr, below[i], strlen(below[i])) == 0)
			return true;
	return false;
}

void
changed_note(struct daemon_profile *d, const struct ds_event *ev, uint64_t time_us, bool usual)
{
	struct host_profile *h = d->host;
	struct ds_str path, exe = DS_EVENT_STR(ev, DS_STR_EXE);
	unsigned op = place_op(ev, &path);
	bool by_people = !daemon_is_judged(d);
	struct changes_ring *ring;
	struct change *c;

	if ((op & (PLACE_WRITE | PLACE_REMOVE | PLACE_SETUID | PLACE_EXECUTE)) == 0 ||
	    !is_kept(path))
		return;
	if (h->changes == NULL)
		h->changes = calloc(1, sizeof(*h->changes));
	if (h->changes == NULL)
		return; /* what is found later stays unexplained */
	ring = &h->changes->by[by_people];
	c = &ring->ring[ring->at++ % CHANGES_MAX];
	*c = (struct change){ .path = key_hash(21, path.ptr, path.len),
		.time_us = time_us,
		.by_package = daemon_is_package(d) || (keeper_of(exe) & KEEPER_PACKAGES) != 0,
		.by_people = by_people,
		.usual = usual };
	snprintf(c->class, sizeof(c->class), "%.60s", d->class);
	snprintf(
	    c->exe, sizeof(c->exe), "%.*s", (int)DS_MIN(exe.len, 60u), exe.len > 0 ? exe.ptr : "");
}

const struct change *
changed_find(const struct host_profile *h, struct ds_str path, uint64_t time_us)
{
	uint64_t hash = key_hash(21, path.ptr, path.len);
	const struct change *best = NULL;

	for (unsigned i = 0; h->changes != NULL && i < 2 * CHANGES_MAX; i++) {
		const struct change *c = &h->changes->by[i % 2].ring[i / 2];

		if (c->path == hash && c->time_us + CHANGE_US > time_us &&
		    (best == NULL || c->time_us > best->time_us))
			best = c;
	}
	return best;
}

bool
changed_sees_people(const struct host_profile *h)
{
	for (const struct daemon_profile *d = h->first; d != NULL; d = d->next)
		if (!daemon_is_judged(d) && !d->gone)
			return true;
	return false;
}
