/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/meant.h"

#include "lib/nearest.h"
#include "server/store/store.h"

#include <stdio.h>
#include <string.h>

#define FAR 3u /* letters that are wrong: it was meant otherwise */

void
meant_init(struct meant *m, const char *typed)
{
	*m = (struct meant){ .typed = typed, .distance = FAR };
}

void
meant_offer(struct meant *m, const char *name)
{
	size_t typed_len = strlen(m->typed), len = strlen(name);
	unsigned distance;

	/* Most names are of another length, and need no look at their letters. */
	if (m->found || len >= sizeof(m->name) || len + FAR <= typed_len || typed_len + FAR <= len)
		return;
	m->found = strcmp(m->typed, name) == 0;
	distance = m->found ? 0 : ds_nearest_distance(m->typed, typed_len, name, len);
	if (!m->found && distance >= m->distance)
		return;
	m->distance = distance;
	memcpy(m->name, name, len + 1);
}

static int
see_daemon(const struct daemon_row *row, void *ctx)
{
	struct meant *m = ctx;
	char class[CLASS_MAX], name[CLASS_MAX];

	key_class(row->name, row->image != NULL ? row->image : "", class, sizeof(class));
	key_class(row->name, "", name, sizeof(name));
	meant_offer(m, class);
	meant_offer(m, name);
	if (m->found)
		snprintf(m->name, sizeof(m->name), "%s", class);
	return m->found;
}

int
meant_daemon(struct call *c, const char *typed, struct meant *ret)
{
	char class[CLASS_MAX];
	int r;

	key_class(typed, "", class, sizeof(class));
	meant_init(ret, class);
	r = c->cfg->backend->each_daemon(c->worker->reader, 0, see_daemon, ret);
	ret->typed = typed;
	return r < 0 ? r : 0;
}

static int
see_host(const struct host_row *row, void *ctx)
{
	if (row->status == HOST_APPROVED)
		meant_offer(ctx, row->name);
	return 0;
}

void
meant_refuse(struct call *c, const struct meant *m, const char *what)
{
	const char *near = m->found ? "" : m->name;

	call_problem(c, 404, "not-found", "there is no %s \"%.200s\"%s%.200s%s", what, m->typed,
	    *near ? "; did you mean \"" : "", near, *near ? "\"?" : "");
}

void
meant_refuse_host(struct call *c, const char *typed)
{
	struct meant m;

	meant_init(&m, typed);
	if (c->cfg->backend->each_host(c->worker->reader, see_host, &m) < 0)
		m.name[0] = '\0'; /* then nothing is proposed */
	meant_refuse(c, &m, "host");
}
