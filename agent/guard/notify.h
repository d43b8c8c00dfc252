/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify - tells systemd how we are: READY, WATCHDOG, STOPPING; nothing without NOTIFY_SOCKET. */
#ifndef AGENT_GUARD_NOTIFY_H
#define AGENT_GUARD_NOTIFY_H

/* One datagram; never fails. */
void notify_systemd(const char *state);

#endif
