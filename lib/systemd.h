/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd - tells systemd how we are: READY, WATCHDOG, STOPPING; nothing without NOTIFY_SOCKET. */
#ifndef LIB_SYSTEMD_H
#define LIB_SYSTEMD_H

/* sd_notify(3): one datagram of lines NAME=VALUE; never fails, never waits. */
void ds_systemd_tell(const char *state);
/* The configuration is read again; READY=1 says that it was. */
void ds_systemd_reloading(void);

#endif
