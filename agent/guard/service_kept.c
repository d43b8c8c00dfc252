/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service_kept - daemons whose main process an order killed, as they were, so that they can be
 * started again when that was wrong.
 *
 * Called by kill and restart.  Owns a few of them, in memory: after the guard's own end nobody but
 * systemd knows any more how they were started.
 */
#include "agent/guard/service.h"

#include "agent/guard/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 8u

static struct kept {
	uint32_t number; /* 0: free */
	struct service *service;
} kept[KEPT_MAX];
static unsigned next;

static void
copy(const struct service *from, struct service *to)
{
	*to = *from;
	for (size_t i = 0; i < PROCESS_ARGV_MAX && from->args.argv[i] != NULL; i++) {
		size_t at = (size_t)(from->args.argv[i] - from->args.text);
		bool is_text = from->args.argv[i] >= from->args.text &&
			       from->args.argv[i] < from->args.text + sizeof(from->args.text);

		to->args.argv[i] = is_text ? to->args.text + at : to->exe;
	}
}

static struct kept *
find(uint32_t number)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (kept[i].number == number)
			return &kept[i];
	return NULL;
}

void
service_keep(pid_t pid)
{
	uint32_t number = identity_of_main(pid);
	const struct daemon *d;
	struct service *s = NULL;
	struct kept *k;

	/* Of most that is killed this is not so, and costs nothing. */
	if (number == 0)
		return;
	d = daemon_of_process(pid);
	if (d == NULL || d->number != number)
		return; /* another process has its pid by now */
	s = calloc(1, sizeof(*s));
	if (s == NULL || service_of(number, s) < 0 || s->pid != pid) {
		free(s);
		return;
	}
	k = find(number);
	if (k == NULL)
		k = &kept[next++ % KEPT_MAX];
	free(k->service);
	*k = (struct kept){ .number = number, .service = s };
}

int
service_kept(uint32_t number, struct service *ret)
{
	const struct kept *k = number != 0 ? find(number) : NULL;

	if (k == NULL)
		return -ESRCH;
	copy(k->service, ret);
	return 0;
}
