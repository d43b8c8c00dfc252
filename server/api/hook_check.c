/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_check - whether a section [hook.NAME] is whole; apart from the rest, for programs that only
 * read the configuration. */
#include "server/api/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
is_event(const char *word)
{
	static const char *const known[] = { "push", "tag", "release", "deployment", "pipeline" };

	for (size_t i = 0; i < DS_LEN(known); i++)
		if (strcmp(word, known[i]) == 0)
			return true;
	return false;
}

static const char *
flaw_of(const struct hook_config *h)
{
	size_t places = h->hosts.len + h->labels.len;

	if (h->daemons.len == 0)
		return "daemons: which ones change then?";
	if (h->daemons.len * (places > 0 ? places : 1) > HOOK_WINDOWS_MAX)
		return "daemons, hosts, labels: one delivery may open 64 windows at most";
	for (size_t i = 0; i < h->events.len; i++)
		if (!is_event(h->events.items[i]))
			return "events: expected some of " HOOK_EVENTS;
	return h->events.len > 0 ? NULL : "events: nothing would be taken";
}

int
hooks_check(const struct ds_conf_named *hooks, char *why, size_t size)
{
	for (size_t i = 0; i < hooks->len; i++) {
		const char *flaw = flaw_of(hooks->items[i].value);

		if (flaw == NULL)
			continue;
		snprintf(why, size, "[hook.%s] %s", hooks->items[i].name, flaw);
		return -EINVAL;
	}
	return 0;
}
