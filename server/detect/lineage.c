/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/lineage.h"

#include <stdlib.h>

uint64_t
lineage_find(const struct daemon_profile *d, uint64_t pid, uint64_t ppid, uint64_t time_us)
{
	for (size_t i = 0; d->lineages != NULL && i < PROFILE_LINEAGES_MAX && pid != 0; i++) {
		const struct lineage *l = &d->lineages->of[i];

		/* The same process executing on (sh -c id), or a child of one that was told. */
		if (l->pid != 0 && (l->pid == pid || l->pid == ppid) &&
		    l->time_us + LINEAGE_US > time_us)
			return l->root;
	}
	return 0;
}

/* Most daemons never tell anything. */
static bool
has_lineages(struct daemon_profile *d)
{
	if (d->lineages == NULL)
		d->lineages = calloc(1, sizeof(*d->lineages));
	return d->lineages != NULL;
}

void
lineage_remember(struct daemon_profile *d, uint64_t pid, uint64_t root, uint64_t time_us)
{
	struct lineage *l = NULL;

	if (pid == 0 || !has_lineages(d))
		return;
	for (size_t i = 0; i < PROFILE_LINEAGES_MAX; i++)
		if (d->lineages->of[i].pid == pid)
			l = &d->lineages->of[i];
	if (l == NULL)
		l = &d->lineages->of[d->lineages->at++ % PROFILE_LINEAGES_MAX];
	*l = (struct lineage){ (uint32_t)pid, root, time_us };
}

uint64_t
lineage_bounded(struct daemon_profile *d, uint64_t root, uint64_t time_us)
{
	struct lineages *all = d->lineages;
	size_t free_slot = DS_LEN(all->roots);

	if (!has_lineages(d))
		return LINEAGE_MANY;
	all = d->lineages;
	for (size_t i = 0; i < DS_LEN(all->roots); i++) {
		if (all->roots[i] == root) {
			all->root_us[i] = time_us;
			return root;
		}
		if (all->roots[i] == 0 || all->root_us[i] + LINEAGE_US < time_us)
			free_slot = i;
	}
	if (free_slot == DS_LEN(all->roots))
		return LINEAGE_MANY;
	all->roots[free_slot] = root;
	all->root_us[free_slot] = time_us;
	return root;
}

bool
lineage_joins(struct turn *t, const struct sighting *s)
{
	struct behaviour *b = s->behaviour;
	size_t at;

	if (b != NULL && b->turn == t->detect->turn)
		at = b->finding;
	else if (b == NULL && t->flood > 0)
		at = t->flood - 1;
	else
		return false;
	t->verdict->findings[at].count += s->count;
	return true;
}

void
lineage_told(struct turn *t, const struct sighting *s)
{
	s->daemon->told_us = s->time_us;
	if (s->behaviour == NULL) {
		t->flood = t->verdict->findings_len;
		return;
	}
	s->behaviour->turn = t->detect->turn;
	s->behaviour->finding = t->verdict->findings_len - 1;
	s->behaviour->told = true;
}
