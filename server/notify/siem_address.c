/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_address - see siem_address.h. */
#include "server/notify/siem_address.h"

#include "lib/compiler.h"

#include <stdio.h>
#include <string.h>

bool
siem_address(const char *text, enum siem_transport *ret, char host[256], char port[8])
{
	static const struct {
		const char *scheme, *port;
	} rows[] = { [SIEM_TLS] = { "tls://", "6514" },
		[SIEM_TCP] = { "tcp://", "601" },
		[SIEM_UDP] = { "udp://", "514" } };
	const char *at, *end;
	size_t i = 0, len;

	while (i < DS_LEN(rows) && strncmp(text, rows[i].scheme, 6) != 0)
		i++;
	if (i == DS_LEN(rows))
		return false;
	*ret = (enum siem_transport)i;
	at = text + 6;
	if (*at == '[') {
		end = strchr(++at, ']');
		len = end != NULL ? (size_t)(end - at) : 0;
		end = end != NULL ? end + 1 : at;
	} else {
		len = strcspn(at, ":/");
		end = at + len;
	}
	if (len == 0 || len >= 256 || (*end != '\0' && *end != ':'))
		return false;
	memcpy(host, at, len);
	host[len] = '\0';
	snprintf(port, 8, "%s", *end ? end + 1 : rows[i].port);
	return *port && strlen(*end ? end + 1 : "") < 6 &&
	       strspn(port, "0123456789") == strlen(port);
}
