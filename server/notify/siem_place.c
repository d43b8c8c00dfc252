/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_place - see siem_place.h; called by siem.c and by the API. */
#include "server/notify/siem_place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void
siem_place_key(const char *channel, char *ret, size_t size)
{
	snprintf(ret, size, "siem.%s", channel);
}

void
siem_place_format(const struct siem_place *p, char ret[SIEM_PLACE_MAX])
{
	snprintf(ret, SIEM_PLACE_MAX,
	    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s", p->change, p->audit,
	    p->time_us, p->sent, p->sent_us, p->error);
}

int
siem_place_parse(const char *text, struct siem_place *ret)
{
	int at = 0, more = 0;

	*ret = (struct siem_place){ 0 };
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &ret->change,
		&ret->audit, &ret->time_us, &ret->sent, &at) != 4 ||
	    text[at] != ' ')
		return -EINVAL;
	/* Older ones have no such time; no error begins with a number. */
	if (sscanf(text + at, " %" SCNu64 "%n", &ret->sent_us, &more) == 1 &&
	    text[at + more] == ' ')
		at += more;
	else
		ret->sent_us = 0;
	snprintf(ret->error, sizeof(ret->error), "%s", text + at + 1);
	return 0;
}
