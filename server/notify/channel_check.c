/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * channel_check - whether a section [notify.NAME] is whole; apart from the channels themselves, for
 * programs that only read the configuration.
 */
#include "server/notify/channel.h"
#include "server/notify/siem_address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
is_time(const char *text)
{
	return strlen(text) == 5 && text[2] == ':' && text[0] >= '0' && text[0] <= '2' &&
	       text[1] >= '0' && text[1] <= '9' && text[3] >= '0' && text[3] <= '5' &&
	       text[4] >= '0' && text[4] <= '9' && (text[0] < '2' || text[1] <= '3');
}

bool
channel_quiet(const char *quiet, unsigned *ret_from, unsigned *ret_until)
{
	char from[6] = "", until[6] = "";

	if (strlen(quiet) != 11 || quiet[5] != '-')
		return false;
	memcpy(from, quiet, 5);
	memcpy(until, quiet + 6, 5);
	if (!is_time(from) || !is_time(until))
		return false;
	*ret_from = (unsigned)((from[0] - '0') * 10 + from[1] - '0') * 60 +
		    (unsigned)((from[3] - '0') * 10 + from[4] - '0');
	*ret_until = (unsigned)((until[0] - '0') * 10 + until[1] - '0') * 60 +
		     (unsigned)((until[3] - '0') * 10 + until[4] - '0');
	return true;
}

/* ---- what a section lacks, a sentence; NULL: nothing */

bool
channel_is_address(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at != text && at[1] != '\0' && strlen(text) < 250 &&
	       strpbrk(text, " \t\r\n<>,;:\"()\\[]") == NULL && strchr(at + 1, '@') == NULL;
}

static const char *
flaw_of_url(const struct channel_config *cfg)
{
	if (strncmp(cfg->url, "https://", 8) != 0 && strncmp(cfg->url, "http://", 7) != 0)
		return "url: expected an address that begins with https:// or http://";
	return strpbrk(cfg->url, " \t\"<>") != NULL ? "url: has characters that must be escaped"
						    : NULL;
}

static const char *
flaw_of_email(const struct channel_config *cfg)
{
	if (strncmp(cfg->server, "smtp://", 7) != 0 && strncmp(cfg->server, "smtps://", 8) != 0)
		return "server: expected smtp://host:587 or smtps://host:465";
	if (!channel_is_address(cfg->from))
		return "from: needs an address";
	for (size_t i = 0; i < cfg->to.len; i++)
		if (!channel_is_address(cfg->to.items[i]))
			return "to: expected addresses, separated by commas";
	if (*cfg->user && !*cfg->secret_file)
		return "secret_file: needs a file with the account's password";
	return cfg->to.len > CHANNEL_TO_MAX ? "to: too many addresses" : NULL;
}

/* The webhook's address is its secret: it may be in a file. */
static const char *
flaw_of_slack(const struct channel_config *cfg)
{
	return *cfg->secret_file ? NULL : flaw_of_url(cfg);
}

static const char *
flaw_of_telegram(const struct channel_config *cfg)
{
	if (!*cfg->secret_file)
		return "secret_file: needs a file with the bot's token";
	if (cfg->to.len != 1)
		return "to: needs the number of one chat";
	return *cfg->url ? flaw_of_url(cfg) : NULL;
}

static const char *
flaw_of_pagerduty(const struct channel_config *cfg)
{
	if (!*cfg->secret_file)
		return "secret_file: needs a file with the routing key";
	return *cfg->url ? flaw_of_url(cfg) : NULL;
}

static const char *
flaw_of_content(const struct channel_config *cfg)
{
	for (size_t i = 0; i < cfg->content.len; i++)
		if (strcmp(cfg->content.items[i], "alerts") != 0 &&
		    strcmp(cfg->content.items[i], "reactions") != 0 &&
		    strcmp(cfg->content.items[i], "audit") != 0)
			return "content: expected some of alerts, reactions, audit";
	return cfg->content.len > 0 ? NULL : "content: nothing would be sent";
}

static const char *
flaw_of_syslog(const struct channel_config *cfg)
{
	enum siem_transport transport;
	char host[256], port[8];

	if (!siem_address(cfg->server, &transport, host, port))
		return "server: expected tls://host:6514, tcp://host:601 or udp://host:514";
	if (transport != SIEM_TLS && (*cfg->cert_file || *cfg->ca_file))
		return "server: certificates are for tls:// only";
	if (*cfg->key_file && !*cfg->cert_file)
		return "cert_file: needs the certificate of key_file";
	return *cfg->path ? "path: is for type = file" : flaw_of_content(cfg);
}

static const char *
flaw_of_file(const struct channel_config *cfg)
{
	return cfg->path[0] != '/' ? "path: needs a file, from the root" : flaw_of_content(cfg);
}

/* In the order of CHANNEL_TYPES. */
static const char *(*const flaws[])(const struct channel_config *cfg) = { flaw_of_email,
	flaw_of_slack, flaw_of_telegram, flaw_of_url, flaw_of_pagerduty, flaw_of_url,
	flaw_of_syslog, flaw_of_file };

int
channels_check(const struct ds_conf_named *channels, char *ret_why, size_t size)
{
	for (size_t i = 0; i < channels->len; i++) {
		const struct channel_config *cfg = channels->items[i].value;
		const char *flaw = flaws[cfg->type](cfg);
		unsigned from, until;

		if (flaw == NULL && *cfg->quiet && !channel_quiet(cfg->quiet, &from, &until))
			flaw = "quiet: expected like 22:00-07:00";
		if (flaw == NULL)
			continue;
		snprintf(ret_why, size, "[notify.%s] %s", channels->items[i].name, flaw);
		return -EINVAL;
	}
	return 0;
}
