/* SPDX-License-Identifier: GPL-2.0-or-later */
/* channel - the table of channels, and what they share. */
#include "server/notify/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the order of CHANNEL_TYPES. */
static const struct channel_kind *const kinds[] = { &channel_email, &channel_slack,
	&channel_telegram, &channel_webhook, &channel_pagerduty, &channel_alertmanager,
	&channel_syslog, &channel_file };

const struct channel_kind *
channel_kind(const struct channel_config *cfg)
{
	return kinds[cfg->type];
}

/* Receivers of records have no messages to build. */
const struct channel_kind channel_syslog = { "syslog", NULL, NULL },
			  channel_file = { "file", NULL, NULL };

bool
channel_is_siem(const struct channel_config *cfg)
{
	return channel_kind(cfg)->build == NULL;
}

int
channel_header(struct channel_request *r, const char *name, const char *value)
{
	char *at = r->headers[r->headers_len];
	size_t n, size = sizeof(r->headers[0]);

	if (r->headers_len == CHANNEL_HEADERS_MAX)
		return -ENOBUFS;
	n = (size_t)snprintf(at, size, "%s: ", name);
	for (; *value && n + 1 < size; value++)
		if ((unsigned char)*value >= ' ' && *value != 127)
			at[n++] = *value;
	at[n] = '\0';
	if (*value)
		return -ENOBUFS;
	r->headers_len++;
	return 0;
}
