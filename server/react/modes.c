/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/modes.h"

#include "lib/daemon.h"
#include "lib/label.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	uint32_t host;
	char label[128], daemon[256];
	enum react_mode mode;
};

struct modes {
	struct entry *entries;
	size_t len;
};

static const char *const names[] = { "monitor", "active", "prevent" };

bool
modes_has(const struct modes *m, enum react_mode mode)
{
	for (size_t i = 0; i < m->len; i++)
		if (m->entries[i].mode == mode)
			return true;
	return false;
}

const char *
react_mode_name(enum react_mode mode)
{
	return names[mode];
}

int
react_mode_parse(const char *name, enum react_mode *ret)
{
	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum react_mode)i;
			return 0;
		}
	return -EINVAL;
}

struct modes *
modes_new(void)
{
	return calloc(1, sizeof(struct modes));
}

void
modes_free(struct modes *m)
{
	if (m == NULL)
		return;
	free(m->entries);
	free(m);
}

static size_t
find(const struct modes *m, const struct mode_row *row)
{
	size_t i = 0;

	while (i < m->len &&
	       (m->entries[i].host != row->host || strcmp(m->entries[i].label, row->label) != 0 ||
		   strcmp(m->entries[i].daemon, row->daemon) != 0))
		i++;
	return i;
}

int
modes_put(struct modes *m, const struct mode_row *row)
{
	size_t at = find(m, row);
	enum react_mode mode;
	struct entry *e;

	if (!row->mode[0]) {
		if (at < m->len)
			m->entries[at] = m->entries[--m->len];
		return 0;
	}
	if (react_mode_parse(row->mode, &mode) < 0)
		return -EINVAL;
	if (at == m->len) {
		if (m->len == MODES_MAX)
			return -E2BIG;
		e = realloc(m->entries, (m->len + 1) * sizeof(*e));
		if (e == NULL)
			return -ENOMEM;
		m->entries = e;
		m->len++;
	}
	e = &m->entries[at];
	*e = (struct entry){ .host = row->host, .mode = mode };
	snprintf(e->label, sizeof(e->label), "%s", row->label);
	snprintf(e->daemon, sizeof(e->daemon), "%s", row->daemon);
	return 0;
}

/* -1: does not concern it. */
static int
specificity(const struct entry *e, uint32_t host, const char *labels, const char *daemon)
{
	if ((e->host != 0 && e->host != host) || (e->label[0] && !ds_label_has(labels, e->label)) ||
	    (e->daemon[0] && !ds_daemon_fits(e->daemon, daemon)))
		return -1;
	return (e->daemon[0] ? 4 : 0) + (e->host != 0 ? 2 : 0) + (e->label[0] ? 1 : 0);
}

enum react_mode
modes_of(const struct modes *m, uint32_t host, const char *labels, const char *daemon)
{
	enum react_mode mode = REACT_MONITOR;
	int best = -1;

	for (size_t i = 0; i < m->len; i++) {
		int s = specificity(&m->entries[i], host, labels, daemon);

		if (s < 0 || s < best || (s == best && m->entries[i].mode >= mode))
			continue;
		best = s;
		mode = m->entries[i].mode;
	}
	return mode;
}
