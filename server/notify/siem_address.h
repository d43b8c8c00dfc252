/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_address - where a SIEM listens; apart from the link itself, for programs that only read the
 * configuration.  Pure.
 */
#ifndef SERVER_NOTIFY_SIEM_ADDRESS_H
#define SERVER_NOTIFY_SIEM_ADDRESS_H

#include <stdbool.h>

enum siem_transport { SIEM_TLS, SIEM_TCP, SIEM_UDP, SIEM_FILE };

/* "tls://host:port", tcp and udp likewise, "[2001:db8::1]" for a host; without a port the usual
 * one. False: not of this form. */
bool siem_address(const char *text, enum siem_transport *ret, char host[256], char port[8]);

#endif
